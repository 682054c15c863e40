/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/certificate.h"

#include "emulator/text.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pem_begin[] = "-----BEGIN ";

X509 *emu_certificate_from_der(const struct bytes *der)
{
    const unsigned char *next = der->data;
    X509 *certificate;

    if (der->size == 0 || der->size > LONG_MAX)
        return NULL;
    certificate = d2i_X509(NULL, &next, (long)der->size);
    if (certificate != NULL && next != der->data + der->size) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}

static X509 *from_pem(const void *text, size_t size)
{
    BIO *bio = size <= INT_MAX ? BIO_new_mem_buf(text, (int)size) : NULL;
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

X509 *emu_certificate_from_text(const char *text)
{
    struct bytes decoded;
    X509 *certificate;

    if (strstr(text, pem_begin) != NULL)
        return from_pem(text, strlen(text));
    if (!emu_base64_decode(text, &decoded))
        return NULL;
    certificate = emu_certificate_from_der(&decoded);
    if (certificate == NULL && memmem(decoded.data, decoded.size, pem_begin, strlen(pem_begin)) != NULL)
        certificate = from_pem(decoded.data, decoded.size);
    bytes_free(&decoded);
    return certificate;
}

bool emu_certificate_to_der(const X509 *certificate, struct bytes *out)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    bool copied = size > 0 && bytes_copy(out, der, (size_t)size);

    if (!copied)
        *out = BYTES_EMPTY;
    OPENSSL_free(der);
    return copied;
}

char *emu_certificate_to_text(const X509 *certificate)
{
    struct bytes der;
    char *text;

    if (!emu_certificate_to_der(certificate, &der))
        return NULL;
    text = emu_base64_encode(der.data, der.size);
    bytes_free(&der);
    return text;
}

bool emu_certificate_common_name(const X509 *certificate, char *out, size_t size)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    int length;
    bool good;

    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
        return false;
    length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
    good = length > 0 && (size_t)length < size && memchr(text, '\0', (size_t)length) == NULL;
    if (good) {
        memcpy(out, text, (size_t)length);
        out[length] = '\0';
    }
    OPENSSL_free(text);
    return good;
}

void emu_certificate_name(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int length = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) >= 0)
        length = BIO_read(bio, out, (int)size - 1);
    out[length > 0 ? length : 0] = '\0';
    BIO_free(bio);
}

static void digest_text(const X509 *certificate, const EVP_MD *digest, char *out)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    out[0] = '\0';
    if (X509_digest(certificate, digest, value, &size) != 1)
        return;
    bytes_to_hex(value, size, out);
    for (; *out != '\0'; out++)
        if (*out >= 'a')
            *out = (char)(*out - 'a' + 'A');
}

void emu_certificate_thumbprint(const X509 *certificate, char out[static EMU_THUMBPRINT_SIZE])
{
    digest_text(certificate, EVP_sha256(), out);
}

void emu_certificate_time(const ASN1_TIME *time, char out[static EMU_TIME_SIZE])
{
    struct tm parts;
    struct timespec when = {0};

    if (ASN1_TIME_to_tm(time, &parts) == 1)
        when.tv_sec = timegm(&parts);
    emu_time_text(when, out);
}

json_t *emu_certificate_info(const X509 *certificate)
{
    char subject[EMU_NAME_SIZE];
    char issuer[EMU_NAME_SIZE];
    char sha1[EMU_THUMBPRINT_SIZE];
    char sha256[EMU_THUMBPRINT_SIZE];
    char not_before[EMU_TIME_SIZE];
    char not_after[EMU_TIME_SIZE];
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *serial = number != NULL ? BN_bn2hex(number) : NULL;
    json_t *info;

    emu_certificate_name(X509_get_subject_name(certificate), subject, sizeof subject);
    emu_certificate_name(X509_get_issuer_name(certificate), issuer, sizeof issuer);
    digest_text(certificate, EVP_sha1(), sha1);
    digest_text(certificate, EVP_sha256(), sha256);
    emu_certificate_time(X509_get0_notBefore(certificate), not_before);
    emu_certificate_time(X509_get0_notAfter(certificate), not_after);
    info = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "subjectName", subject, "sha1Thumbprint",
                     sha1, "sha256Thumbprint", sha256, "issuerName", issuer, "notBeforeUtc", not_before,
                     "notAfterUtc", not_after, "serialNumber", serial != NULL ? serial : "", "version",
                     (int)X509_get_version(certificate) + 1);
    OPENSSL_free(serial);
    BN_free(number);
    return info;
}
