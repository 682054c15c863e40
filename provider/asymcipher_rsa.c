/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/asymcipher.h"
#include "provider/digest.h"
#include "provider/error.h"
#include "provider/operation.h"
#include "provider/unpad.h"
#include "provider/use.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { MODULUS_MAXIMUM = 2048 };

static int encrypt_init(void *cipher, void *key, const OSSL_PARAM params[])
{
    return prov_operation_init(cipher, key, params, EVP_PKEY_encrypt_init_ex);
}

static int decrypt_init(void *cipher, void *key, const OSSL_PARAM params[])
{
    return prov_operation_init(cipher, key, params, EVP_PKEY_decrypt_init_ex);
}

static int encrypt(void *data, unsigned char *out, size_t *out_size, size_t room, const unsigned char *in,
                   size_t in_size)
{
    struct prov_operation *cipher = data;

    *out_size = room;
    return cipher->context != NULL && EVP_PKEY_encrypt(cipher->context, out, out_size, in, in_size) == 1;
}

/* --- decryption by a token
 * ------------------------------------------------------------------------------------------------------- */

struct decryption {
    struct prov_operation *operation;
    size_t modulus_size;
    const uint8_t *in;
    size_t in_size;
    uint8_t out[MODULUS_MAXIMUM];
    size_t out_size;
};

static CK_RV ask_token(struct decryption *decryption, CK_MECHANISM *mechanism)
{
    decryption->out_size = sizeof decryption->out;
    return prov_key_decrypt(decryption->operation->key, mechanism, decryption->in, decryption->in_size,
                            decryption->out, &decryption->out_size);
}

/* 1, or 0 with an error raised. */
static int accept(const struct decryption *decryption, CK_RV rv, const char *missing)
{
    if (prov_mechanism_is_refused(rv))
        prov_operation_refuse(decryption->operation, missing);
    else if (prov_answer_is_callers(rv))
        prov_operation_refuse(decryption->operation, "the data does not decrypt with this key and padding");
    return rv == CKR_OK;
}

static const char no_pkcs1[] = "its token does not decrypt with CKM_RSA_PKCS";

/* Whether a padding is right is never told (RFC 8017, 7.2.2): a token that tells is overheard. What stands
 * for a broken one is made in every case, before the token is asked, so that the time does not tell either.
 */
static int decrypt_pkcs1(struct decryption *decryption)
{
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    uint8_t substitute[MODULUS_MAXIMUM];
    size_t size = 0;
    bool broken;
    CK_RV rv;

    if (!prov_unpad_rejected(decryption->operation->key, decryption->in, decryption->in_size, substitute,
                             decryption->modulus_size, &size))
        return 0;
    rv = ask_token(decryption, &mechanism);
    broken = rv == CKR_ENCRYPTED_DATA_INVALID ||
             (rv == CKR_ENCRYPTED_DATA_LEN_RANGE && decryption->in_size == decryption->modulus_size);
    if (broken || rv == CKR_OK)
        prov_unpad_choose(broken, substitute, size, decryption->modulus_size, decryption->out,
                          &decryption->out_size);
    bytes_wipe(substitute, sizeof substitute);
    return broken || accept(decryption, rv, no_pkcs1);
}

/* The premaster secret of TLS 1.2 and earlier (RFC 5246, 7.4.7.1): whatever is wrong, 48 random bytes. */
static int decrypt_premaster(struct decryption *decryption)
{
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    unsigned client = 0;
    unsigned negotiated = 0;
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client),
        OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &negotiated),
        OSSL_PARAM_construct_end(),
    };
    CK_RV rv;

    if (EVP_PKEY_CTX_get_params(decryption->operation->context, request) != 1 || client == 0)
        return prov_operation_refuse(decryption->operation, "the TLS version of the client is not known");
    memset(decryption->out, 0, PROV_PREMASTER_SIZE);
    rv = ask_token(decryption, &mechanism);
    if (rv != CKR_OK && rv != CKR_ENCRYPTED_DATA_INVALID && rv != CKR_ENCRYPTED_DATA_LEN_RANGE)
        return accept(decryption, rv, no_pkcs1);
    decryption->out_size = rv == CKR_OK ? decryption->out_size : 0;
    return prov_unpad_premaster(decryption->operation->provider, client, negotiated, decryption->out,
                                &decryption->out_size);
}

static bool read_label(const struct decryption *decryption, CK_RSA_PKCS_OAEP_PARAMS *parameters)
{
    void *label = NULL;
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, &label, 0),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_PKEY_CTX_get_params(decryption->operation->context, request) != 1)
        return false;
    parameters->source = CKZ_DATA_SPECIFIED;
    parameters->ulSourceDataLen =
        OSSL_PARAM_modified(&request[0]) && label != NULL ? request[0].return_size : 0;
    parameters->pSourceData = parameters->ulSourceDataLen > 0 ? label : NULL;
    return true;
}

static int decrypt_oaep(struct decryption *decryption)
{
    const struct provider *provider = decryption->operation->provider;
    EVP_MD *digest =
        prov_digest_of(provider, decryption->operation->context, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
    EVP_MD *mgf1 =
        prov_digest_of(provider, decryption->operation->context, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
    const struct prov_digest *hash = digest != NULL ? prov_digest_row(digest) : prov_digest_named("SHA1");
    const struct prov_digest *mask = mgf1 != NULL ? prov_digest_row(mgf1) : hash;
    CK_RSA_PKCS_OAEP_PARAMS parameters = {0};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
    int ok;

    if (hash == NULL || hash->mechanism == 0 || mask == NULL || mask->mgf1 == 0 ||
        !read_label(decryption, &parameters)) {
        ok = prov_operation_refuse(decryption->operation, "PKCS#11 has no OAEP with this digest");
    } else {
        parameters.hashAlg = hash->mechanism;
        parameters.mgf = mask->mgf1;
        ok = accept(decryption, ask_token(decryption, &mechanism),
                    "its token does not decrypt with CKM_RSA_PKCS_OAEP and these parameters");
    }
    EVP_MD_free(digest);
    EVP_MD_free(mgf1);
    return ok;
}

static int decrypt_unpadded(struct decryption *decryption)
{
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_X_509};

    return accept(decryption, ask_token(decryption, &mechanism),
                  "its token does not decrypt with CKM_RSA_X_509");
}

static const struct padding_row {
    int padding;
    size_t size; /* of what comes out; 0: at most the modulus's */
    int (*decrypt)(struct decryption *decryption);
} paddings[] = {
    {RSA_PKCS1_PADDING,          0,                   decrypt_pkcs1    },
    {RSA_PKCS1_OAEP_PADDING,     0,                   decrypt_oaep     },
    {RSA_PKCS1_WITH_TLS_PADDING, PROV_PREMASTER_SIZE, decrypt_premaster},
    {RSA_NO_PADDING,             0,                   decrypt_unpadded },
};

/* NULL with an error raised: not with a token. */
static const struct padding_row *find_padding(const struct prov_operation *cipher)
{
    int padding = 0;
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &padding),
        OSSL_PARAM_construct_end(),
    };
    bool known = EVP_PKEY_CTX_get_params(cipher->context, request) == 1;

    for (size_t i = 0; known && i < sizeof paddings / sizeof paddings[0]; i++) {
        if (paddings[i].padding == padding)
            return &paddings[i];
    }
    prov_operation_refuse(cipher, known ? "this padding mode is not supported with a token"
                                        : "its padding mode cannot be told");
    return NULL;
}

/* Room is asked for as the default provider does, by what could come out: an error that hangs on what did
 * come out would tell of the padding. */
static int token_decrypt(struct prov_operation *cipher, unsigned char *out, size_t *out_size, size_t room,
                         const unsigned char *in, size_t in_size)
{
    const struct padding_row *padding = find_padding(cipher);
    struct decryption decryption = {
        .operation = cipher,
        .modulus_size = (size_t)EVP_PKEY_get_size(cipher->key->pkey),
        .in = in,
        .in_size = in_size,
    };
    size_t needed;
    int ok;

    if (padding == NULL)
        return 0;
    needed = padding->size != 0 ? padding->size : decryption.modulus_size;
    if (out == NULL) {
        *out_size = needed;
        return 1;
    }
    if (room < needed || decryption.modulus_size > MODULUS_MAXIMUM)
        return prov_operation_refuse(cipher, "too little room for the decrypted data");
    ok = padding->decrypt(&decryption);
    if (ok && decryption.out_size > needed)
        ok = prov_operation_refuse(cipher, "C_Decrypt gave more than the modulus holds");
    if (ok) {
        memcpy(out, decryption.out, decryption.out_size);
        *out_size = decryption.out_size;
    }
    bytes_wipe(decryption.out, sizeof decryption.out);
    return ok;
}

static int decrypt(void *data, unsigned char *out, size_t *out_size, size_t room, const unsigned char *in,
                   size_t in_size)
{
    struct prov_operation *cipher = data;

    if (cipher->context == NULL)
        return 0;
    if (cipher->key->private != NULL)
        return token_decrypt(cipher, out, out_size, room, in, in_size);
    *out_size = room;
    return EVP_PKEY_decrypt(cipher->context, out, out_size, in, in_size) == 1;
}

/* --- parameters
 * ------------------------------------------------------------------------------------------------------- */

static const OSSL_PARAM *gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    const struct prov_operation *cipher = data;

    (void)provider;
    return cipher == NULL || cipher->context == NULL ? common : EVP_PKEY_CTX_gettable_params(cipher->context);
}

static const OSSL_PARAM *settable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_END,
    };
    const struct prov_operation *cipher = data;

    (void)provider;
    return cipher == NULL || cipher->context == NULL ? common : EVP_PKEY_CTX_settable_params(cipher->context);
}

const OSSL_DISPATCH prov_asymcipher_rsa_functions[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX,              (void (*)(void))prov_operation_new       },
    {OSSL_FUNC_ASYM_CIPHER_FREECTX,             (void (*)(void))prov_operation_free      },
    {OSSL_FUNC_ASYM_CIPHER_DUPCTX,              (void (*)(void))prov_operation_dup       },
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT,        (void (*)(void))encrypt_init             },
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT,             (void (*)(void))encrypt                  },
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT,        (void (*)(void))decrypt_init             },
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT,             (void (*)(void))decrypt                  },
    {OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS,      (void (*)(void))prov_operation_get_params},
    {OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, (void (*)(void))gettable_params          },
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS,      (void (*)(void))prov_operation_set_params},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params          },
    {0,                                         NULL                                     },
};
