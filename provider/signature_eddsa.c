/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/signature.h"
#include "provider/error.h"
#include "provider/use.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <strings.h>

/* PKCS#11 3.0 current mechanisms, 2.3.14; p11-kit's header has none. Ed448 needs it, also to say that there
 * is nothing to say.
 */
struct eddsa_params {
    CK_BBOOL prehash;
    CK_ULONG context_size;
    CK_BYTE *context;
};

/* Pure Ed25519 and Ed448 sign and verify a message in one call. The default provider verifies, signs with
 * software keys, and names the algorithm. */
struct eddsa {
    struct provider *provider;
    struct prov_key *key;
    EVP_MD_CTX *whole;
};

static void *new_context(void *provider, const char *properties)
{
    struct eddsa *eddsa = calloc(1, sizeof *eddsa);

    (void)properties;
    if (eddsa != NULL)
        eddsa->provider = provider;
    return eddsa;
}

static void free_context(void *data)
{
    struct eddsa *eddsa = data;

    if (eddsa == NULL)
        return;
    EVP_MD_CTX_free(eddsa->whole);
    prov_key_free(eddsa->key);
    free(eddsa);
}

static void *duplicate_context(void *data)
{
    const struct eddsa *eddsa = data;
    struct eddsa *copy = new_context(eddsa->provider, NULL);

    if (copy == NULL)
        return NULL;
    if (eddsa->key != NULL)
        copy->key = prov_key_share(eddsa->key);
    if (eddsa->whole == NULL)
        return copy;
    copy->whole = EVP_MD_CTX_new();
    if (copy->whole != NULL && EVP_MD_CTX_copy_ex(copy->whole, eddsa->whole) == 1)
        return copy;
    free_context(copy);
    return NULL;
}

typedef int digest_init(EVP_MD_CTX *whole, EVP_PKEY_CTX **context, const char *digest, OSSL_LIB_CTX *libctx,
                        const char *properties, EVP_PKEY *pkey, const OSSL_PARAM params[]);

static int init(struct eddsa *eddsa, const char *digest, void *key, const OSSL_PARAM params[],
                digest_init *begin)
{
    if (key != NULL) {
        prov_key_free(eddsa->key);
        eddsa->key = prov_key_share(key);
    }
    EVP_MD_CTX_free(eddsa->whole);
    eddsa->whole = EVP_MD_CTX_new();
    return eddsa->whole != NULL && eddsa->key != NULL && eddsa->key->pkey != NULL &&
           begin(eddsa->whole, NULL, digest, eddsa->provider->libctx, NULL, eddsa->key->pkey, params) == 1;
}

/* From OpenSSL 3.2 on a caller may ask for variants of both (EVP_SIGNATURE-ED25519(7)), which is not what
 * a token is asked for here: a signature of another kind than the caller wants is worse than none. */
static bool is_plain(const struct prov_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *instance = OSSL_PARAM_locate_const(params, "instance");
    const OSSL_PARAM *context = OSSL_PARAM_locate_const(params, "context-string");
    const char *name = key->type->name;

    if (instance != NULL && !OSSL_PARAM_get_utf8_string_ptr(instance, &name))
        return false;
    return name != NULL && strcasecmp(name, key->type->name) == 0 &&
           (context == NULL || context->data_size == 0);
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct eddsa *eddsa = data;

    if (!init(eddsa, digest, key, params, EVP_DigestSignInit_ex))
        return 0;
    if (eddsa->key->private == NULL || is_plain(eddsa->key, params))
        return 1;
    prov_raise(&eddsa->provider->core, PROV_R_NOT_SUPPORTED,
               "%s: of the variants of %s a token is asked for the plain one alone, without a context",
               eddsa->key->private->name, eddsa->key->type->name);
    return 0;
}

static int verify_init(void *eddsa, const char *digest, void *key, const OSSL_PARAM params[])
{
    return init(eddsa, digest, key, params, EVP_DigestVerifyInit_ex);
}

static size_t signature_size(const struct prov_key *key)
{
    return (size_t)EVP_PKEY_get_size(key->pkey);
}

static int token_sign(struct prov_key *key, unsigned char *out, size_t *out_size,
                      const unsigned char *message, size_t size)
{
    struct eddsa_params pure = {.prehash = CK_FALSE};
    CK_MECHANISM mechanism = {.mechanism = CKM_EDDSA};
    size_t expected = signature_size(key);
    CK_RV rv;

    if (key->type == &prov_key_ed448)
        mechanism = (CK_MECHANISM){CKM_EDDSA, &pure, sizeof pure};
    *out_size = expected;
    rv = prov_key_sign(key, &mechanism, message, size, out, out_size);
    if (prov_answer_is_callers(rv))
        prov_raise(&key->provider->core, PROV_R_NOT_SUPPORTED, "%s: its token has no CKM_EDDSA for %s",
                   key->private->name, key->type->name);
    if (rv == CKR_OK && *out_size != expected)
        prov_raise(&key->provider->core, PROV_R_MODULE_FAILED, "%s: C_Sign gave no %s signature, %zu bytes",
                   key->private->name, key->type->name, *out_size);
    return rv == CKR_OK && *out_size == expected;
}

static int sign(void *data, unsigned char *out, size_t *out_size, size_t room, const unsigned char *message,
                size_t size)
{
    struct eddsa *eddsa = data;

    if (eddsa->whole == NULL)
        return 0;
    if (eddsa->key->private == NULL) {
        *out_size = room;
        return EVP_DigestSign(eddsa->whole, out, out_size, message, size) == 1;
    }
    if (out == NULL) {
        *out_size = signature_size(eddsa->key);
        return 1;
    }
    if (room >= signature_size(eddsa->key))
        return token_sign(eddsa->key, out, out_size, message, size);
    prov_raise(&eddsa->provider->core, PROV_R_NOT_SUPPORTED, "%zu bytes are too few for a signature of %zu",
               room, signature_size(eddsa->key));
    return 0;
}

static int verify(void *data, const unsigned char *signature, size_t signature_size,
                  const unsigned char *message, size_t size)
{
    struct eddsa *eddsa = data;

    return eddsa->whole != NULL &&
           EVP_DigestVerify(eddsa->whole, signature, signature_size, message, size) == 1;
}

static int get_params(void *data, OSSL_PARAM params[])
{
    struct eddsa *eddsa = data;
    EVP_PKEY_CTX *context = eddsa->whole != NULL ? EVP_MD_CTX_get_pkey_ctx(eddsa->whole) : NULL;

    return context != NULL && EVP_PKEY_CTX_get_params(context, params) == 1;
}

static const OSSL_PARAM *gettable_params(void *eddsa, void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)eddsa;
    (void)provider;
    return list;
}

const OSSL_DISPATCH prov_signature_eddsa_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX,              (void (*)(void))new_context      },
    {OSSL_FUNC_SIGNATURE_FREECTX,             (void (*)(void))free_context     },
    {OSSL_FUNC_SIGNATURE_DUPCTX,              (void (*)(void))duplicate_context},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,    (void (*)(void))sign_init        },
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN,         (void (*)(void))sign             },
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,  (void (*)(void))verify_init      },
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY,       (void (*)(void))verify           },
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS,      (void (*)(void))get_params       },
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))gettable_params  },
    {0,                                       NULL                             },
};
