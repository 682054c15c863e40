/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/signature.h"
#include "provider/digest.h"
#include "provider/error.h"
#include "provider/pss.h"
#include "provider/use.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

enum { MODULUS_MAXIMUM = 2048 };

/* One signature: what the application has set, and where the result goes. */
struct rsa_operation {
    struct prov_key *key;
    int padding;
    int salt; /* a length, or one of libcrypto's negative codes */
    EVP_MD *digest;
    EVP_MD *mgf1;
    size_t modulus_size;
    uint8_t *signature;
    size_t *signature_size;
    size_t room;
};

static int refuse(const struct rsa_operation *operation, const char *what)
{
    prov_raise(&operation->key->provider->core, PROV_R_NOT_SUPPORTED, "%s: %s", operation->key->private->name,
               what);
    return 0;
}

static bool read_number(EVP_PKEY_CTX *settings, const char *parameter, int *number)
{
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_int(parameter, number),
        OSSL_PARAM_construct_end(),
    };

    return EVP_PKEY_CTX_get_params(settings, request) == 1 && OSSL_PARAM_modified(&request[0]);
}

static int read_settings(struct rsa_operation *operation, EVP_PKEY_CTX *settings)
{
    const struct provider *provider = operation->key->provider;

    if (!read_number(settings, OSSL_SIGNATURE_PARAM_PAD_MODE, &operation->padding))
        return refuse(operation, "its padding mode cannot be told");
    operation->digest = prov_digest_of(provider, settings, OSSL_SIGNATURE_PARAM_DIGEST);
    if (operation->padding != RSA_PKCS1_PSS_PADDING)
        return 1;
    operation->mgf1 = prov_digest_of(provider, settings, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
    if (operation->digest != NULL && operation->mgf1 != NULL &&
        read_number(settings, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &operation->salt))
        return 1;
    return refuse(operation, "PSS needs a digest");
}

static int call(const struct rsa_operation *operation, CK_MECHANISM *mechanism, const uint8_t *data,
                size_t size, CK_RV *rv)
{
    *operation->signature_size = operation->room;
    *rv =
        prov_key_sign(operation->key, mechanism, data, size, operation->signature, operation->signature_size);
    if (*rv != CKR_OK || *operation->signature_size == operation->modulus_size)
        return *rv == CKR_OK;
    prov_raise(&operation->key->provider->core, PROV_R_MODULE_FAILED,
               "%s: C_Sign gave %zu bytes instead of %zu", operation->key->private->name,
               *operation->signature_size, operation->modulus_size);
    return 0;
}

static int call_or_raise(const struct rsa_operation *operation, CK_MECHANISM_TYPE type, const char *missing,
                         const uint8_t *data, size_t size)
{
    CK_MECHANISM mechanism = {.mechanism = type};
    CK_RV rv;

    if (call(operation, &mechanism, data, size, &rv))
        return 1;
    if (prov_mechanism_is_refused(rv))
        refuse(operation, missing);
    return 0;
}

/* The token hashes with the one digest that the key is for, which the default provider does not know of. */
static int sign_hashed_by_token(const struct rsa_operation *operation, const uint8_t *data, size_t size)
{
    const struct prov_token_key *private = operation->key->private;

    if (private->hashing == 0)
        return refuse(operation, "its CKA_ALLOWED_MECHANISMS permit PSS alone");
    if (operation->digest == NULL || !EVP_MD_is_a(operation->digest, private->digest))
        return refuse(operation, "its CKA_ALLOWED_MECHANISMS do not permit PKCS#1 with this digest");
    return call_or_raise(operation, private->hashing, "its token refuses the only mechanism that it permits",
                         data, size);
}

static int sign_pkcs1(const struct rsa_operation *operation, const uint8_t *data, size_t size)
{
    static const char missing[] = "its token has no CKM_RSA_PKCS";
    uint8_t info[PROV_DIGEST_PREFIX_MAXIMUM + EVP_MAX_MD_SIZE];
    const struct prov_digest *row;

    if (operation->key->private->hashes_itself)
        return sign_hashed_by_token(operation, data, size);
    if (operation->digest == NULL) {
        if (size + RSA_PKCS1_PADDING_SIZE > operation->modulus_size)
            return refuse(operation, "more data than the padding leaves room for");
        return call_or_raise(operation, CKM_RSA_PKCS, missing, data, size);
    }
    row = prov_digest_row(operation->digest);
    if (row == NULL)
        return refuse(operation, "no PKCS#1 signature is defined for this digest");
    if (size != (size_t)EVP_MD_get_size(operation->digest))
        return refuse(operation, "the data is not as long as the digest");
    memcpy(info, row->prefix, row->prefix_size);
    memcpy(info + row->prefix_size, data, size);
    return call_or_raise(operation, CKM_RSA_PKCS, missing, info, row->prefix_size + size);
}

/* The salt length in bytes, as the default provider means the codes. */
static bool salt_length(const struct rsa_operation *operation, size_t *salt)
{
    size_t hash = (size_t)EVP_MD_get_size(operation->digest);
    size_t encoded = ((size_t)EVP_PKEY_get_bits(operation->key->pkey) - 1 + 7) / 8;

    if (encoded < hash + 2)
        return false;
    if (operation->salt >= 0)
        *salt = (size_t)operation->salt;
    else if (operation->salt == RSA_PSS_SALTLEN_DIGEST)
        *salt = hash;
    else if (operation->salt == RSA_PSS_SALTLEN_AUTO || operation->salt == RSA_PSS_SALTLEN_MAX)
        *salt = encoded - hash - 2;
    else /* at most the digest's, from OpenSSL 3.1 on */
        *salt = hash < encoded - hash - 2 ? hash : encoded - hash - 2;
    return *salt <= encoded - hash - 2;
}

static int sign_padded_here(const struct rsa_operation *operation, const uint8_t *data, size_t size,
                            size_t salt)
{
    uint8_t block[MODULUS_MAXIMUM];

    if (!prov_pss_encode(operation->key->provider->libctx, operation->digest, operation->mgf1, data, size,
                         salt, (size_t)EVP_PKEY_get_bits(operation->key->pkey), block, sizeof block))
        return refuse(operation, "PSS padding failed");
    return call_or_raise(operation, CKM_RSA_X_509,
                         "its token has neither CKM_RSA_PKCS_PSS nor CKM_RSA_X_509 for this", block,
                         operation->modulus_size);
}

/* The token does the hashing too, and will have it no other way. */
static int sign_message(const struct rsa_operation *operation, const struct prov_digest *digest,
                        const struct prov_digest *mgf1, size_t salt, const uint8_t *data, size_t size)
{
    static const char missing[] = "its CKA_ALLOWED_MECHANISMS do not permit PSS with this digest";
    CK_RSA_PKCS_PSS_PARAMS parameters = {0};
    CK_MECHANISM mechanism = {0, &parameters, sizeof parameters};
    CK_RV rv;

    if (digest == NULL || digest->pss == 0 || mgf1 == NULL || mgf1->mgf1 == 0)
        return refuse(operation, missing);
    mechanism.mechanism = digest->pss;
    parameters = (CK_RSA_PKCS_PSS_PARAMS){digest->mechanism, mgf1->mgf1, salt};
    if (call(operation, &mechanism, data, size, &rv))
        return 1;
    return prov_mechanism_is_refused(rv) ? refuse(operation, missing) : 0;
}

static int sign_pss(const struct rsa_operation *operation, const uint8_t *data, size_t size)
{
    const struct prov_digest *digest = prov_digest_row(operation->digest);
    const struct prov_digest *mgf1 = prov_digest_row(operation->mgf1);
    CK_RSA_PKCS_PSS_PARAMS parameters;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &parameters, sizeof parameters};
    size_t salt = 0;
    CK_RV rv;

    if (!salt_length(operation, &salt))
        return refuse(operation, "the salt does not fit the modulus");
    if (operation->key->private->hashes_itself)
        return sign_message(operation, digest, mgf1, salt, data, size);
    if (size != (size_t)EVP_MD_get_size(operation->digest))
        return refuse(operation, "the data is not as long as the digest");
    if (digest == NULL || digest->mechanism == 0 || mgf1 == NULL || mgf1->mgf1 == 0 ||
        atomic_load(&operation->key->private->raw_pss))
        return sign_padded_here(operation, data, size, salt);
    parameters = (CK_RSA_PKCS_PSS_PARAMS){digest->mechanism, mgf1->mgf1, salt};
    if (call(operation, &mechanism, data, size, &rv))
        return 1;
    if (!prov_mechanism_is_refused(rv))
        return 0;
    if (rv == CKR_MECHANISM_INVALID)
        atomic_store(&operation->key->private->raw_pss, true);
    return sign_padded_here(operation, data, size, salt);
}

static int sign_unpadded(const struct rsa_operation *operation, const uint8_t *data, size_t size)
{
    if (size != operation->modulus_size)
        return refuse(operation, "the data is not as long as the modulus");
    return call_or_raise(operation, CKM_RSA_X_509, "its token has no CKM_RSA_X_509", data, size);
}

static const struct padding_row {
    int padding;
    int (*sign)(const struct rsa_operation *operation, const uint8_t *data, size_t size);
} paddings[] = {
    {RSA_PKCS1_PADDING,     sign_pkcs1   },
    {RSA_PKCS1_PSS_PADDING, sign_pss     },
    {RSA_NO_PADDING,        sign_unpadded},
};

static int sign_by_padding(const struct rsa_operation *operation, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < sizeof paddings / sizeof paddings[0]; i++) {
        if (paddings[i].padding == operation->padding)
            return paddings[i].sign(operation, data, size);
    }
    return refuse(operation, operation->padding == RSA_X931_PADDING
                                 ? "X9.31 padding is not made with keys of a token"
                                 : "this padding mode is not supported with a token");
}

int prov_signature_rsa(struct prov_key *key, EVP_PKEY_CTX *settings, const uint8_t *data, size_t size,
                       uint8_t *signature, size_t *signature_size, size_t room)
{
    struct rsa_operation operation = {
        .key = key,
        .modulus_size = (size_t)EVP_PKEY_get_size(key->pkey),
        .signature = signature,
        .signature_size = signature_size,
        .room = room,
    };
    int ok = operation.modulus_size <= MODULUS_MAXIMUM && read_settings(&operation, settings) &&
             sign_by_padding(&operation, data, size);

    EVP_MD_free(operation.digest);
    EVP_MD_free(operation.mgf1);
    return ok;
}
