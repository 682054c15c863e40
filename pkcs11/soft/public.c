/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/public.h"
#include "pkcs11/soft/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <string.h>

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(soft_libctx(), type, NULL);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = NULL;

    if (context != NULL && parameters != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static EVP_PKEY *rsa_pkey(const struct public_key *key, OSSL_PARAM_BLD *build)
{
    BIGNUM *n = BN_bin2bn(key->modulus.data, (int)key->modulus.size, NULL);
    BIGNUM *e = BN_bin2bn(key->exponent.data, (int)key->exponent.size, NULL);
    EVP_PKEY *pkey = NULL;

    if (n != NULL && e != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = from_parameters("RSA", build);
    BN_free(n);
    BN_free(e);
    return pkey;
}

/* libcrypto checks that the point is on the curve when it reads it. */
static EVP_PKEY *ec_pkey(const struct public_key *key, OSSL_PARAM_BLD *build)
{
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, key->curve->name, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, key->point.data, key->point.size) !=
            1)
        return NULL;
    return from_parameters("EC", build);
}

EVP_PKEY *soft_public_pkey(const struct public_key *key)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (build != NULL)
        pkey = key->type == CKK_EC ? ec_pkey(key, build) : rsa_pkey(key, build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

bool soft_public_valid(const struct public_key *key)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    bool valid = pkey != NULL;

    if (key->type == CKK_RSA)
        valid = valid && key->exponent.size != 0 && (key->exponent.data[key->exponent.size - 1] & 1) != 0 &&
                (key->exponent.size > 1 || key->exponent.data[0] > 1) &&
                (key->modulus.data[key->modulus.size - 1] & 1) != 0;
    EVP_PKEY_free(pkey);
    return valid;
}

/* --- SubjectPublicKeyInfo ----------------------------------------------------------------------------------
 */

static CK_RV read_number(const EVP_PKEY *pkey, const char *name, struct bytes *number)
{
    BIGNUM *value = NULL;
    CK_RV rv = CKR_DATA_INVALID;

    if (EVP_PKEY_get_bn_param(pkey, name, &value) == 1)
        rv = bytes_alloc(number, (size_t)BN_num_bytes(value)) ? CKR_OK : CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        BN_bn2bin(value, number->data);
    BN_free(value);
    return rv;
}

static CK_RV read_rsa(const EVP_PKEY *pkey, struct public_key *key)
{
    CK_RV rv = read_number(pkey, OSSL_PKEY_PARAM_RSA_N, &key->modulus);

    return rv == CKR_OK ? read_number(pkey, OSSL_PKEY_PARAM_RSA_E, &key->exponent) : rv;
}

/* libcrypto's names of the curves are not NIST's: the sizes tell them apart, and the point's form is checked.
 */
static CK_RV read_ec(const EVP_PKEY *pkey, struct public_key *key)
{
    static const struct {
        const char *theirs;
        const char *name;
    } names[] = {
        {"prime256v1", "P-256"},
        {"secp384r1",  "P-384"},
        {"secp521r1",  "P-521"},
    };
    uint8_t point[256];
    char group[64];
    size_t size = 0;

    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) != 1)
        return CKR_DATA_INVALID;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].theirs, group) == 0)
            key->curve = p11_curve_by_name(names[i].name, strlen(names[i].name));
    if (key->curve == NULL ||
        EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) != 1 ||
        size != 1 + 2 * key->curve->field_size || point[0] != 0x04)
        return CKR_DATA_INVALID;
    return bytes_copy(&key->point, point, size) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV soft_public_read(const struct bytes *der, struct public_key *key)
{
    const unsigned char *end = der->data;
    EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &end, (long)der->size, soft_libctx(), NULL);
    CK_RV rv = CKR_DATA_INVALID;

    *key = (struct public_key){0};
    if (pkey != NULL && end == der->data + der->size) {
        key->type = EVP_PKEY_is_a(pkey, "EC") ? CKK_EC : CKK_RSA;
        if (key->type == CKK_EC)
            rv = read_ec(pkey, key);
        else if (EVP_PKEY_is_a(pkey, "RSA"))
            rv = read_rsa(pkey, key);
    }
    EVP_PKEY_free(pkey);
    if (rv != CKR_OK)
        public_key_free(key);
    return rv;
}
