/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/x509.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/key.h"

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Certificate, RFC 5280, 4.1, as far as it is read here. d2i_X509 also makes the key, with all decoders of
 * all providers: that takes ten times as long as everything else that is done to load a file. */
typedef struct {
    ASN1_TYPE *algorithm;
    ASN1_BIT_STRING *bits;
} KEY_INFO;

typedef struct {
    ASN1_INTEGER *version;
    ASN1_INTEGER *serial;
    ASN1_TYPE *signature;
    ASN1_TYPE *issuer;
    X509_VAL *validity;
    ASN1_TYPE *subject;
    KEY_INFO *key;
    ASN1_BIT_STRING *issuer_id;
    ASN1_BIT_STRING *subject_id;
    ASN1_TYPE *extensions;
} TO_BE_SIGNED;

typedef struct {
    TO_BE_SIGNED *content;
    ASN1_TYPE *algorithm;
    ASN1_BIT_STRING *signature;
} SIGNED;

/* clang-format off */
ASN1_SEQUENCE(KEY_INFO) = {
    ASN1_SIMPLE(KEY_INFO, algorithm, ASN1_ANY),
    ASN1_SIMPLE(KEY_INFO, bits, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(KEY_INFO)

ASN1_SEQUENCE(TO_BE_SIGNED) = {
    ASN1_EXP_OPT(TO_BE_SIGNED, version, ASN1_INTEGER, 0),
    ASN1_SIMPLE(TO_BE_SIGNED, serial, ASN1_INTEGER),
    ASN1_SIMPLE(TO_BE_SIGNED, signature, ASN1_ANY),
    ASN1_SIMPLE(TO_BE_SIGNED, issuer, ASN1_ANY),
    ASN1_SIMPLE(TO_BE_SIGNED, validity, X509_VAL),
    ASN1_SIMPLE(TO_BE_SIGNED, subject, ASN1_ANY),
    ASN1_SIMPLE(TO_BE_SIGNED, key, KEY_INFO),
    ASN1_IMP_OPT(TO_BE_SIGNED, issuer_id, ASN1_BIT_STRING, 1),
    ASN1_IMP_OPT(TO_BE_SIGNED, subject_id, ASN1_BIT_STRING, 2),
    ASN1_EXP_OPT(TO_BE_SIGNED, extensions, ASN1_ANY, 3),
} static_ASN1_SEQUENCE_END(TO_BE_SIGNED)

ASN1_SEQUENCE(SIGNED) = {
    ASN1_SIMPLE(SIGNED, content, TO_BE_SIGNED),
    ASN1_SIMPLE(SIGNED, algorithm, ASN1_ANY),
    ASN1_SIMPLE(SIGNED, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SIGNED)
    /* clang-format on */

    /* Sets an attribute from what an i2d function made, and frees that. */
    static CK_RV
    set_encoded(struct attributes * attributes, CK_ATTRIBUTE_TYPE type, unsigned char *encoded, int size)
{
    CK_RV rv = size > 0 ? attributes_set(attributes, type, encoded, (size_t)size) : CKR_HOST_MEMORY;

    OPENSSL_free(encoded);
    return rv;
}

/* A name or a key as it stands in the certificate. */
static CK_RV set_sequence(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const ASN1_TYPE *value)
{
    const ASN1_STRING *der = value->value.sequence;

    if (value->type != V_ASN1_SEQUENCE)
        return CKR_DATA_INVALID;
    return attributes_set(attributes, type, ASN1_STRING_get0_data(der), (size_t)ASN1_STRING_length(der));
}

static CK_RV set_serial(struct attributes *attributes, const ASN1_INTEGER *serial)
{
    unsigned char *encoded = NULL;
    int size = i2d_ASN1_INTEGER(serial, &encoded);

    return set_encoded(attributes, CKA_SERIAL_NUMBER, encoded, size);
}

/* CK_DATE holds four digits of the year. */
static CK_RV set_date(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const ASN1_TIME *when)
{
    char text[32];
    struct tm tm;

    if (ASN1_TIME_to_tm(when, &tm) != 1 || tm.tm_year < 0 || tm.tm_year > 9999 - 1900)
        return CKR_DATA_INVALID;
    snprintf(text, sizeof text, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    return attributes_set(attributes, type, text, sizeof(CK_DATE));
}

static CK_RV set_public_key(struct attributes *attributes, const KEY_INFO *info)
{
    unsigned char *encoded = NULL;
    int size = ASN1_item_i2d((const ASN1_VALUE *)info, &encoded, ASN1_ITEM_rptr(KEY_INFO));
    CK_RV rv = set_encoded(attributes, CKA_PUBLIC_KEY_INFO, encoded, size);
    uint8_t id[SOFT_KEY_ID_SIZE];

    if (rv != CKR_OK || attributes_find(attributes, CKA_ID) != NULL)
        return rv;
    rv = soft_hash_once(HASH_SHA1, info->bits->data, (size_t)info->bits->length, id);
    return rv == CKR_OK ? attributes_set(attributes, CKA_ID, id, sizeof id) : rv;
}

/* PKCS#11 2.40, 4.6.3: the first three bytes of the SHA-1 of the value. */
static CK_RV set_check_value(struct attributes *attributes, const struct bytes *der)
{
    uint8_t digest[HASH_SIZE_MAXIMUM];
    CK_RV rv = soft_hash_once(HASH_SHA1, der->data, der->size, digest);

    return rv == CKR_OK ? attributes_set(attributes, CKA_CHECK_VALUE, digest, 3) : rv;
}

static CK_RV set_all(const TO_BE_SIGNED *certificate, const struct bytes *der, struct attributes *attributes)
{
    CK_RV rv = attributes_set(attributes, CKA_VALUE, der->data, der->size);

    if (rv == CKR_OK)
        rv = set_sequence(attributes, CKA_SUBJECT, certificate->subject);
    if (rv == CKR_OK)
        rv = set_sequence(attributes, CKA_ISSUER, certificate->issuer);
    if (rv == CKR_OK)
        rv = set_serial(attributes, certificate->serial);
    if (rv == CKR_OK)
        rv = set_date(attributes, CKA_START_DATE, certificate->validity->notBefore);
    if (rv == CKR_OK)
        rv = set_date(attributes, CKA_END_DATE, certificate->validity->notAfter);
    if (rv == CKR_OK)
        rv = set_public_key(attributes, certificate->key);
    return rv == CKR_OK ? set_check_value(attributes, der) : rv;
}

CK_RV soft_certificate_attributes(const struct bytes *der, struct attributes *attributes)
{
    const unsigned char *end = der->data;
    SIGNED *certificate = (SIGNED *)ASN1_item_d2i(NULL, &end, (long)der->size, ASN1_ITEM_rptr(SIGNED));
    CK_RV rv = CKR_DATA_INVALID;

    if (certificate != NULL && end == der->data + der->size)
        rv = set_all(certificate->content, der, attributes);
    ASN1_item_free((ASN1_VALUE *)certificate, ASN1_ITEM_rptr(SIGNED));
    return rv;
}

bool soft_certificate_valid(const struct bytes *der)
{
    X509 *certificate = X509_new_ex(soft_libctx(), NULL);
    const unsigned char *end = der->data;
    bool valid = certificate != NULL && d2i_X509(&certificate, &end, (long)der->size) != NULL &&
                 end == der->data + der->size;

    X509_free(certificate);
    return valid;
}
