/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/signature.h"
#include "common/buffer.h"
#include "provider/error.h"
#include "provider/use.h"

#include <openssl/params.h>
#include <stdlib.h>

enum { MESSAGE_MAXIMUM = 16 * 1024 * 1024 };

static const struct row {
    const char *digest;
    CK_MECHANISM_TYPE mechanism;
} rows[] = {
    {"SHA1",     CKM_SHA_1_HMAC },
    {"SHA2-224", CKM_SHA224_HMAC},
    {"SHA2-256", CKM_SHA256_HMAC},
    {"SHA2-384", CKM_SHA384_HMAC},
    {"SHA2-512", CKM_SHA512_HMAC},
};

/* One HMAC: by the default provider with a software key, else by the token, which gets the message whole. */
struct hmac {
    struct provider *provider;
    struct prov_key *key;
    EVP_MD_CTX *whole; /* of a software key; NULL otherwise */
    const struct row *row;
    size_t size; /* of the result */
    struct buffer message;
};

static void *new_context(void *provider, const char *properties)
{
    struct hmac *hmac = calloc(1, sizeof *hmac);

    (void)properties;
    if (hmac == NULL)
        return NULL;
    hmac->provider = provider;
    buffer_init(&hmac->message, MESSAGE_MAXIMUM);
    return hmac;
}

static void free_context(void *data)
{
    struct hmac *hmac = data;

    if (hmac == NULL)
        return;
    EVP_MD_CTX_free(hmac->whole);
    prov_key_free(hmac->key);
    buffer_free(&hmac->message);
    free(hmac);
}

static bool copy_state(struct hmac *copy, const struct hmac *from)
{
    if (from->key != NULL)
        copy->key = prov_key_share(from->key);
    copy->row = from->row;
    copy->size = from->size;
    if (from->message.size > 0 && !buffer_add(&copy->message, from->message.data, from->message.size))
        return false;
    if (from->whole == NULL)
        return true;
    copy->whole = EVP_MD_CTX_new();
    return copy->whole != NULL && EVP_MD_CTX_copy_ex(copy->whole, from->whole) == 1;
}

static void *duplicate_context(void *data)
{
    const struct hmac *hmac = data;
    struct hmac *copy = new_context(hmac->provider, NULL);

    if (copy != NULL && copy_state(copy, hmac))
        return copy;
    free_context(copy);
    return NULL;
}

static int refuse(const struct hmac *hmac, const char *what)
{
    prov_raise(&hmac->provider->core, PROV_R_NOT_SUPPORTED, "%s: %s", hmac->key->private->name, what);
    return 0;
}

static int init_token(struct hmac *hmac, const char *digest)
{
    EVP_MD *md = EVP_MD_fetch(hmac->provider->libctx, digest, NULL);

    hmac->row = NULL;
    for (size_t i = 0; md != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (EVP_MD_is_a(md, rows[i].digest))
            hmac->row = &rows[i];
    }
    hmac->size = md != NULL ? (size_t)EVP_MD_get_size(md) : 0;
    EVP_MD_free(md);
    return hmac->row != NULL ? 1 : refuse(hmac, "PKCS#11 2.40 has no HMAC with this digest");
}

static int sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct hmac *hmac = data;

    if (key != NULL) {
        prov_key_free(hmac->key);
        hmac->key = prov_key_share(key);
    }
    if (hmac->key == NULL)
        return 0;
    EVP_MD_CTX_free(hmac->whole);
    hmac->whole = NULL;
    buffer_free(&hmac->message);
    buffer_init(&hmac->message, MESSAGE_MAXIMUM);
    if (hmac->key->private != NULL)
        return init_token(hmac, digest != NULL ? digest : "SHA256");
    hmac->whole = EVP_MD_CTX_new();
    return hmac->whole != NULL && hmac->key->pkey != NULL &&
           EVP_DigestSignInit_ex(hmac->whole, NULL, digest, hmac->provider->libctx, NULL, hmac->key->pkey,
                                 params) == 1;
}

static int sign_update(void *data, const unsigned char *part, size_t size)
{
    struct hmac *hmac = data;

    if (hmac->whole != NULL)
        return EVP_DigestSignUpdate(hmac->whole, part, size) == 1;
    return hmac->row != NULL && (buffer_add(&hmac->message, part, size) || refuse(hmac, "more than 16 MiB"));
}

static int sign_final(void *data, unsigned char *out, size_t *out_size, size_t room)
{
    struct hmac *hmac = data;
    CK_MECHANISM mechanism = {0};
    CK_RV rv;

    *out_size = room;
    if (hmac->whole != NULL)
        return EVP_DigestSignFinal(hmac->whole, out, out_size) == 1;
    if (hmac->row == NULL)
        return 0;
    *out_size = hmac->size;
    if (out == NULL)
        return 1;
    if (room < hmac->size)
        return refuse(hmac, "too little room");
    mechanism.mechanism = hmac->row->mechanism;
    rv = prov_key_sign(hmac->key, &mechanism, (const uint8_t *)buffer_text(&hmac->message),
                       hmac->message.size, out, out_size);
    if (prov_answer_is_callers(rv))
        return refuse(hmac, "its token has no HMAC with this digest for it");
    if (rv == CKR_OK && *out_size != hmac->size)
        return refuse(hmac, "C_Sign gave an HMAC of another size");
    return rv == CKR_OK;
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    struct hmac *hmac = data;
    EVP_PKEY_CTX *context = hmac->whole != NULL ? EVP_MD_CTX_get_pkey_ctx(hmac->whole) : NULL;

    return params == NULL || params[0].key == NULL ||
           (context != NULL && EVP_PKEY_CTX_set_params(context, params) == 1);
}

static const OSSL_PARAM *settable_params(void *hmac, void *provider)
{
    static const OSSL_PARAM list[] = {OSSL_PARAM_END};

    (void)hmac;
    (void)provider;
    return list;
}

const OSSL_DISPATCH prov_signature_hmac_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX,              (void (*)(void))new_context      },
    {OSSL_FUNC_SIGNATURE_FREECTX,             (void (*)(void))free_context     },
    {OSSL_FUNC_SIGNATURE_DUPCTX,              (void (*)(void))duplicate_context},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,    (void (*)(void))sign_init        },
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE,  (void (*)(void))sign_update      },
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL,   (void (*)(void))sign_final       },
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS,      (void (*)(void))set_params       },
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params  },
    {0,                                       NULL                             },
};
