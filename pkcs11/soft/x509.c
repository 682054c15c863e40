/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/x509.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/key.h"

#include <openssl/asn1.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Sets an attribute from what an i2d function made, and frees that. */
static CK_RV set_encoded(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, unsigned char *encoded,
                         int size)
{
    CK_RV rv = size > 0 ? attributes_set(attributes, type, encoded, (size_t)size) : CKR_HOST_MEMORY;

    OPENSSL_free(encoded);
    return rv;
}

static CK_RV set_name(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const X509_NAME *name)
{
    unsigned char *encoded = NULL;
    int size = i2d_X509_NAME(name, &encoded);

    return set_encoded(attributes, type, encoded, size);
}

static CK_RV set_serial(struct attributes *attributes, const X509 *certificate)
{
    unsigned char *encoded = NULL;
    int size = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &encoded);

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

static CK_RV set_public_key(struct attributes *attributes, const X509 *certificate)
{
    X509_PUBKEY *info = X509_get_X509_PUBKEY(certificate);
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
    unsigned char *encoded = NULL;
    int size = i2d_X509_PUBKEY(info, &encoded);
    CK_RV rv = set_encoded(attributes, CKA_PUBLIC_KEY_INFO, encoded, size);
    uint8_t id[SOFT_KEY_ID_SIZE];

    if (rv != CKR_OK || attributes_find(attributes, CKA_ID) != NULL)
        return rv;
    rv = soft_hash_once(HASH_SHA1, bits->data, (size_t)bits->length, id);
    return rv == CKR_OK ? attributes_set(attributes, CKA_ID, id, sizeof id) : rv;
}

/* PKCS#11 2.40, 4.6.3: the first three bytes of the SHA-1 of the value. */
static CK_RV set_check_value(struct attributes *attributes, const struct bytes *der)
{
    uint8_t digest[HASH_SIZE_MAXIMUM];
    CK_RV rv = soft_hash_once(HASH_SHA1, der->data, der->size, digest);

    return rv == CKR_OK ? attributes_set(attributes, CKA_CHECK_VALUE, digest, 3) : rv;
}

static CK_RV set_all(const X509 *certificate, const struct bytes *der, struct attributes *attributes)
{
    CK_RV rv = attributes_set(attributes, CKA_VALUE, der->data, der->size);

    if (rv == CKR_OK)
        rv = set_name(attributes, CKA_SUBJECT, X509_get_subject_name(certificate));
    if (rv == CKR_OK)
        rv = set_name(attributes, CKA_ISSUER, X509_get_issuer_name(certificate));
    if (rv == CKR_OK)
        rv = set_serial(attributes, certificate);
    if (rv == CKR_OK)
        rv = set_date(attributes, CKA_START_DATE, X509_get0_notBefore(certificate));
    if (rv == CKR_OK)
        rv = set_date(attributes, CKA_END_DATE, X509_get0_notAfter(certificate));
    if (rv == CKR_OK)
        rv = set_public_key(attributes, certificate);
    return rv == CKR_OK ? set_check_value(attributes, der) : rv;
}

CK_RV soft_certificate_attributes(const struct bytes *der, struct attributes *attributes)
{
    X509 *certificate = X509_new_ex(soft_libctx(), NULL);
    const unsigned char *end = der->data;
    CK_RV rv = CKR_DATA_INVALID;

    if (certificate == NULL)
        return CKR_HOST_MEMORY;
    if (d2i_X509(&certificate, &end, (long)der->size) != NULL && end == der->data + der->size)
        rv = set_all(certificate, der, attributes);
    X509_free(certificate);
    return rv;
}
