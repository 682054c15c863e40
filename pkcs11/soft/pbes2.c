/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/pbes2.h"
#include "pkcs11/soft/internal.h"

#include "pkcs11/failure.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <limits.h>

#define SECRET_MAXIMUM 64
#define SALT_SIZE 16
#define ITERATIONS 1
#define ITERATIONS_MAXIMUM 1000000

struct passphrase {
    char text[2 * SECRET_MAXIMUM + 1];
    int length;
};

static bool make_passphrase(const struct bytes *secret, struct passphrase *passphrase)
{
    if (secret->size == 0 || secret->size > SECRET_MAXIMUM)
        return false;
    bytes_to_hex(secret->data, secret->size, passphrase->text);
    passphrase->length = (int)(2 * secret->size);
    return true;
}

/* One direction or the other, over what `algorithm` says. */
static bool crypt(const X509_ALGOR *algorithm, const struct bytes *secret, const uint8_t *in, size_t in_size,
                  bool encrypt, struct bytes *out)
{
    struct passphrase passphrase;
    unsigned char *data = NULL;
    int size = 0;
    bool good;

    *out = BYTES_EMPTY;
    good = in_size <= INT_MAX / 2 && make_passphrase(secret, &passphrase) &&
           PKCS12_pbe_crypt_ex(algorithm, passphrase.text, passphrase.length, in, (int)in_size, &data, &size,
                               encrypt, soft_libctx(), NULL) != NULL &&
           bytes_copy(out, data, (size_t)size);
    bytes_wipe(&passphrase, sizeof passphrase);
    OPENSSL_clear_free(data, (size_t)size);
    return good;
}

static CK_RV write_info(X509_ALGOR *algorithm, const struct bytes *encrypted, struct bytes *der)
{
    X509_SIG *info = X509_SIG_new();
    X509_ALGOR *inner = NULL;
    ASN1_OCTET_STRING *octets = NULL;
    unsigned char *wire = NULL;
    int size = -1;
    CK_RV rv = CKR_HOST_MEMORY;

    if (info == NULL)
        return CKR_HOST_MEMORY;
    X509_SIG_getm(info, &inner, &octets);
    if (X509_ALGOR_copy(inner, algorithm) == 1 &&
        ASN1_OCTET_STRING_set(octets, encrypted->data, (int)encrypted->size) == 1)
        size = i2d_X509_SIG(info, &wire);
    if (size > 0 && bytes_copy(der, wire, (size_t)size))
        rv = CKR_OK;
    OPENSSL_free(wire);
    X509_SIG_free(info);
    return rv;
}

CK_RV soft_pbes2_close(const struct bytes *secret, const struct bytes *plain, struct bytes *der)
{
    X509_ALGOR *algorithm = PKCS5_pbe2_set_iv_ex(EVP_aes_256_cbc(), ITERATIONS, NULL, SALT_SIZE, NULL,
                                                 NID_hmacWithSHA256, soft_libctx());
    struct bytes encrypted = BYTES_EMPTY;
    CK_RV rv = CKR_GENERAL_ERROR;

    *der = BYTES_EMPTY;
    if (algorithm != NULL && crypt(algorithm, secret, plain->data, plain->size, true, &encrypted))
        rv = write_info(algorithm, &encrypted, der);
    bytes_free(&encrypted);
    X509_ALGOR_free(algorithm);
    return rv;
}

/* What a file asks for is bounded before it is computed: PBKDF2 as PBES2 has it, and nothing else. */
static bool is_cheap(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *oid;
    const void *parameter;
    const ASN1_OBJECT *kdf = NULL;
    PBE2PARAM *pbe2 = NULL;
    PBKDF2PARAM *pbkdf2 = NULL;
    int64_t iterations = 0;
    int type;
    bool good;

    X509_ALGOR_get0(&oid, &type, &parameter, algorithm);
    if (OBJ_obj2nid(oid) != NID_pbes2 || type != V_ASN1_SEQUENCE)
        return false;
    pbe2 = ASN1_item_unpack(parameter, ASN1_ITEM_rptr(PBE2PARAM));
    if (pbe2 != NULL)
        X509_ALGOR_get0(&kdf, &type, &parameter, pbe2->keyfunc);
    if (kdf != NULL && OBJ_obj2nid(kdf) == NID_id_pbkdf2 && type == V_ASN1_SEQUENCE)
        pbkdf2 = ASN1_item_unpack(parameter, ASN1_ITEM_rptr(PBKDF2PARAM));
    good = pbkdf2 != NULL && ASN1_INTEGER_get_int64(&iterations, pbkdf2->iter) == 1 && iterations >= 1 &&
           iterations <= ITERATIONS_MAXIMUM;
    PBKDF2PARAM_free(pbkdf2);
    PBE2PARAM_free(pbe2);
    return good;
}

static CK_RV open_info(const struct bytes *secret, const X509_SIG *info, struct bytes *plain)
{
    const X509_ALGOR *algorithm;
    const ASN1_OCTET_STRING *octets;

    X509_SIG_get0(info, &algorithm, &octets);
    if (!is_cheap(algorithm))
        return p11_fail(CKR_DATA_INVALID,
                        "the key is encrypted otherwise than by PBES2 with PBKDF2 of up to %d "
                        "iterations; write it anew with 'openssl pkcs8 -topk8'",
                        ITERATIONS_MAXIMUM);
    return crypt(algorithm, secret, ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets), false,
                 plain)
               ? CKR_OK
               : p11_fail(CKR_DATA_INVALID, "the key is encrypted under another passphrase than the token's");
}

CK_RV soft_pbes2_open(const struct bytes *secret, const struct bytes *der, struct bytes *plain)
{
    const unsigned char *end = der->data;
    X509_SIG *info = der->size <= INT_MAX ? d2i_X509_SIG(NULL, &end, (long)der->size) : NULL;
    CK_RV rv;

    *plain = BYTES_EMPTY;
    rv = info != NULL && end == der->data + der->size
             ? open_info(secret, info, plain)
             : p11_fail(CKR_DATA_INVALID, "this is not the DER of an encrypted private key");
    X509_SIG_free(info);
    return rv;
}
