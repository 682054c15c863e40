/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/signature.h"
#include "common/buffer.h"
#include "provider/digest.h"
#include "provider/error.h"
#include "provider/params.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>

/*
 * One signature operation. The default provider runs it in the private context, on the public half or on the
 * software key: it verifies, it signs with software keys, and it holds and checks the parameters in every
 * case. For a token's key its signing is replaced: the data is hashed here as well, and the token signs the
 * digest. Where it can only hold parameters it is not begun before somebody asks for one: libssl begins two
 * operations for every handshake, and to begin one costs more than all else that is done here.
 */
enum { MESSAGE_MAXIMUM = 16 * 1024 * 1024 };

struct signature {
    struct provider *provider;
    struct prov_key *key;
    EVP_PKEY_CTX *context; /* of sign, verify or verify-recover on given data; or that inside `whole` */
    EVP_MD_CTX *whole;     /* of an operation that hashes the data too; NULL otherwise, and not before
                              parameters() where there is a `digest` */
    EVP_MD_CTX *digest;    /* the data so far, for a token's key; NULL otherwise */
    struct buffer message; /* the same, for a token's key that hashes itself */
};

static void *new_context(void *provider, const char *properties)
{
    struct signature *signature = calloc(1, sizeof *signature);

    (void)properties;
    if (signature == NULL)
        return NULL;
    signature->provider = provider;
    buffer_init(&signature->message, MESSAGE_MAXIMUM);
    return signature;
}

static void reset(struct signature *signature)
{
    if (signature->whole == NULL)
        EVP_PKEY_CTX_free(signature->context);
    EVP_MD_CTX_free(signature->whole);
    EVP_MD_CTX_free(signature->digest);
    buffer_free(&signature->message);
    buffer_init(&signature->message, MESSAGE_MAXIMUM);
    signature->context = NULL;
    signature->whole = NULL;
    signature->digest = NULL;
}

static void free_context(void *data)
{
    struct signature *signature = data;

    if (signature == NULL)
        return;
    reset(signature);
    prov_key_free(signature->key);
    free(signature);
}

static EVP_MD_CTX *copy_digest(const EVP_MD_CTX *from)
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();

    if (copy != NULL && EVP_MD_CTX_copy_ex(copy, from) == 1)
        return copy;
    EVP_MD_CTX_free(copy);
    return NULL;
}

static bool copy_operation(struct signature *copy, const struct signature *from)
{
    if (from->whole != NULL) {
        copy->whole = copy_digest(from->whole);
        copy->context = copy->whole != NULL ? EVP_MD_CTX_get_pkey_ctx(copy->whole) : NULL;
    } else if (from->context != NULL) {
        copy->context = EVP_PKEY_CTX_dup(from->context);
    }
    if (from->digest != NULL)
        copy->digest = copy_digest(from->digest);
    if (from->message.size > 0 && !buffer_add(&copy->message, from->message.data, from->message.size))
        return false;
    return (copy->context != NULL) == (from->context != NULL) &&
           (copy->digest != NULL) == (from->digest != NULL);
}

static void *duplicate_context(void *data)
{
    const struct signature *signature = data;
    struct signature *copy = new_context(signature->provider, NULL);

    if (copy == NULL)
        return NULL;
    if (signature->key != NULL)
        copy->key = prov_key_share(signature->key);
    if (copy_operation(copy, signature))
        return copy;
    free_context(copy);
    return NULL;
}

/* A NULL key keeps the one of the last initialisation. */
static bool take_key(struct signature *signature, void *key)
{
    if (key != NULL) {
        prov_key_free(signature->key);
        signature->key = prov_key_share(key);
    }
    reset(signature);
    return signature->key != NULL && signature->key->pkey != NULL;
}

typedef int pkey_init(EVP_PKEY_CTX *context, const OSSL_PARAM params[]);

static int init(struct signature *signature, void *key, const OSSL_PARAM params[], pkey_init *begin)
{
    if (!take_key(signature, key))
        return 0;
    signature->context = EVP_PKEY_CTX_new_from_pkey(signature->provider->libctx, signature->key->pkey, NULL);
    return signature->context != NULL && begin(signature->context, params) > 0;
}

/* From OpenSSL 3.2 on a caller may ask for ECDSA without random numbers (nonce-type), which a token is not
 * told: so that is refused. */
static bool can_follow(const struct signature *signature, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, "nonce-type");
    unsigned type = 0;

    if (p == NULL || signature->key == NULL || signature->key->private == NULL)
        return true;
    if (OSSL_PARAM_get_uint(p, &type) && type == 0)
        return true;
    prov_raise(&signature->provider->core, PROV_R_NOT_SUPPORTED,
               "%s: its token chooses the nonce of a signature itself, nonce-type must be 0",
               signature->key->private->name);
    return false;
}

static int sign_init(void *signature, void *key, const OSSL_PARAM params[])
{
    return init(signature, key, params, EVP_PKEY_sign_init_ex) && can_follow(signature, params);
}

static int verify_init(void *signature, void *key, const OSSL_PARAM params[])
{
    return init(signature, key, params, EVP_PKEY_verify_init_ex);
}

static int verify_recover_init(void *signature, void *key, const OSSL_PARAM params[])
{
    return init(signature, key, params, EVP_PKEY_verify_recover_init_ex);
}

typedef int digest_init(EVP_MD_CTX *whole, EVP_PKEY_CTX **context, const char *digest, OSSL_LIB_CTX *libctx,
                        const char *properties, EVP_PKEY *pkey, const OSSL_PARAM params[]);

static int begin_whole(struct signature *signature, const char *digest, const OSSL_PARAM params[],
                       digest_init *begin)
{
    signature->whole = EVP_MD_CTX_new();
    if (signature->whole != NULL &&
        begin(signature->whole, &signature->context, digest, signature->provider->libctx, NULL,
              signature->key->pkey, params) == 1)
        return 1;
    signature->context = NULL; /* it belonged to `whole` */
    EVP_MD_CTX_free(signature->whole);
    signature->whole = NULL;
    return 0;
}

/* What holds the parameters of the operation. NULL: there is none. */
static EVP_PKEY_CTX *parameters(struct signature *signature)
{
    if (signature->context == NULL && signature->digest != NULL)
        begin_whole(signature, EVP_MD_get0_name(EVP_MD_CTX_get0_md(signature->digest)), NULL,
                    EVP_DigestSignInit_ex);
    return signature->context;
}

static int token_sign(struct signature *signature, const uint8_t *data, size_t size, uint8_t *out,
                      size_t *out_size, size_t room)
{
    if (signature->key->type->pkcs11 == CKK_RSA)
        return parameters(signature) != NULL &&
               prov_signature_rsa(signature->key, signature->context, data, size, out, out_size, room);
    return prov_signature_ecdsa(signature->key, signature->context, data, size, out, out_size, room);
}

/* True when the caller only wants to know the size, or has too little room: no token is asked for that. */
static bool answer_size(const struct signature *signature, const uint8_t *out, size_t *out_size, size_t room,
                        int *answer)
{
    size_t needed = (size_t)EVP_PKEY_get_size(signature->key->pkey);

    if (out != NULL && room >= needed)
        return false;
    *answer = out == NULL;
    *out_size = needed;
    if (out != NULL)
        prov_raise(&signature->provider->core, PROV_R_NOT_SUPPORTED,
                   "%zu bytes are too few for a signature of %zu", room, needed);
    return true;
}

static int sign(void *data, unsigned char *out, size_t *out_size, size_t room, const unsigned char *tbs,
                size_t tbs_size)
{
    struct signature *signature = data;
    int answer;

    if (signature->context == NULL || signature->whole != NULL)
        return 0;
    if (signature->key->private == NULL) {
        *out_size = room;
        return EVP_PKEY_sign(signature->context, out, out_size, tbs, tbs_size) == 1;
    }
    if (answer_size(signature, out, out_size, room, &answer))
        return answer;
    if (signature->key->private->hashes_itself) {
        prov_raise(&signature->provider->core, PROV_R_NOT_SUPPORTED,
                   "%s: its CKA_ALLOWED_MECHANISMS permit to sign messages, not digests",
                   signature->key->private->name);
        return 0;
    }
    return token_sign(signature, tbs, tbs_size, out, out_size, room);
}

static int verify(void *data, const unsigned char *sig, size_t sig_size, const unsigned char *tbs,
                  size_t tbs_size)
{
    struct signature *signature = data;

    return signature->context != NULL && signature->whole == NULL &&
           EVP_PKEY_verify(signature->context, sig, sig_size, tbs, tbs_size) == 1;
}

static int verify_recover(void *data, unsigned char *out, size_t *out_size, size_t room,
                          const unsigned char *sig, size_t sig_size)
{
    struct signature *signature = data;

    *out_size = room;
    return signature->context != NULL && signature->whole == NULL &&
           EVP_PKEY_verify_recover(signature->context, out, out_size, sig, sig_size) == 1;
}

/* Whether the token gets the message itself. */
static bool collects(const struct signature *signature)
{
    return signature->key->private != NULL && signature->key->private->hashes_itself;
}

static bool begin_digest(struct signature *signature, const EVP_MD *digest)
{
    signature->digest = EVP_MD_CTX_new();
    return digest != NULL && signature->digest != NULL &&
           EVP_DigestInit_ex2(signature->digest, digest, NULL) == 1;
}

/* The digest of an operation that the default provider is sure to begin, so that it need not begin yet. NULL:
 * it may refuse, or choose. Freed with EVP_MD_free. */
static EVP_MD *sure_digest(const struct signature *signature, const char *name, const OSSL_PARAM params[])
{
    const struct prov_key *key = signature->key;
    EVP_MD *digest;

    if (name == NULL || params != NULL || (key->type != &prov_key_rsa && key->type != &prov_key_ec))
        return NULL;
    digest = EVP_MD_fetch(signature->provider->libctx, name, NULL);
    if (digest != NULL && prov_digest_row(digest) != NULL)
        return digest;
    EVP_MD_free(digest);
    return NULL;
}

static int init_by_token(struct signature *signature, const char *name, const OSSL_PARAM params[])
{
    EVP_MD *digest = sure_digest(signature, name, params);
    int ok = digest != NULL ? begin_digest(signature, digest)
                            : begin_whole(signature, name, params, EVP_DigestSignInit_ex) &&
                                  begin_digest(signature, EVP_MD_CTX_get0_md(signature->whole));

    EVP_MD_free(digest);
    return ok;
}

static int digest_sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature *signature = data;

    if (!take_key(signature, key) || !can_follow(signature, params))
        return 0;
    if (digest == NULL && signature->key->private != NULL)
        digest = signature->key->private->digest;
    return signature->key->private != NULL && !collects(signature)
               ? init_by_token(signature, digest, params)
               : begin_whole(signature, digest, params, EVP_DigestSignInit_ex);
}

static int collect(struct signature *signature, const unsigned char *part, size_t size)
{
    if (buffer_add(&signature->message, part, size))
        return 1;
    prov_raise(&signature->provider->core, PROV_R_NOT_SUPPORTED, "%s: it hashes by itself, at most 16 MiB",
               signature->key->private->name);
    return 0;
}

static int digest_sign_update(void *data, const unsigned char *part, size_t size)
{
    struct signature *signature = data;

    if (signature->digest != NULL)
        return EVP_DigestUpdate(signature->digest, part, size);
    if (signature->whole != NULL && collects(signature))
        return collect(signature, part, size);
    return signature->whole != NULL && EVP_DigestSignUpdate(signature->whole, part, size) == 1;
}

static int digest_sign_final(void *data, unsigned char *out, size_t *out_size, size_t room)
{
    struct signature *signature = data;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    int answer;

    if (signature->whole == NULL && signature->digest == NULL)
        return 0;
    if (signature->digest == NULL && !collects(signature)) {
        *out_size = room;
        return EVP_DigestSignFinal(signature->whole, out, out_size) == 1;
    }
    if (answer_size(signature, out, out_size, room, &answer))
        return answer;
    if (collects(signature))
        return token_sign(signature, signature->message.data, signature->message.size, out, out_size, room);
    return EVP_DigestFinal_ex(signature->digest, digest, &digest_size) == 1 &&
           token_sign(signature, digest, digest_size, out, out_size, room);
}

static int digest_verify_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    return take_key(data, key) && begin_whole(data, digest, params, EVP_DigestVerifyInit_ex);
}

static int digest_verify_update(void *data, const unsigned char *part, size_t size)
{
    struct signature *signature = data;

    return signature->whole != NULL && EVP_DigestVerifyUpdate(signature->whole, part, size) == 1;
}

static int digest_verify_final(void *data, const unsigned char *sig, size_t sig_size)
{
    struct signature *signature = data;

    return signature->whole != NULL && EVP_DigestVerifyFinal(signature->whole, sig, sig_size) == 1;
}

static int get_params(void *data, OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context = parameters(data);

    return context != NULL && EVP_PKEY_CTX_get_params(context, params) == 1;
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context;

    if (params == NULL)
        return 1;
    context = parameters(data);
    return context != NULL && can_follow(data, params) && EVP_PKEY_CTX_set_params(context, params) == 1;
}

static const OSSL_PARAM *gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    EVP_PKEY_CTX *context = data != NULL ? parameters(data) : NULL;

    (void)provider;
    return context != NULL ? EVP_PKEY_CTX_gettable_params(context) : common;
}

/* Where the data is hashed too, the default provider takes the digest it has but does not list it, and
 * libcrypto then refuses what `-sigopt digest:...` says, even if that is the very same. */
static const OSSL_PARAM *settable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    static const OSSL_PARAM rsa[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };
    const struct signature *signature = data;

    (void)provider;
    if (signature == NULL || (signature->context == NULL && signature->digest == NULL))
        return common;
    if (signature->whole == NULL && signature->digest == NULL)
        return EVP_PKEY_CTX_settable_params(signature->context);
    return signature->key->type->pkcs11 == CKK_RSA ? rsa : common;
}

#define COMMON_FUNCTIONS                                                                                     \
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))new_context},                                               \
        {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))free_context},                                         \
        {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))duplicate_context},                                     \
        {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sign_init},                                          \
        {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sign},                                                    \
        {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))verify_init},                                      \
        {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))verify},                                                \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init},                            \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (void (*)(void))digest_sign_update},                        \
        {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (void (*)(void))digest_sign_final},                          \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, (void (*)(void))digest_verify_init},                        \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, (void (*)(void))digest_verify_update},                    \
        {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, (void (*)(void))digest_verify_final},                      \
        {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))get_params},                                    \
        {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))gettable_params},                          \
        {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))set_params},                                    \
    {                                                                                                        \
        OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params                             \
    }

const OSSL_DISPATCH prov_signature_functions[] = {
    COMMON_FUNCTIONS, {0, NULL}
};

const OSSL_DISPATCH prov_signature_functions_rsa[] = {
    COMMON_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, (void (*)(void))verify_recover_init},
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER,      (void (*)(void))verify_recover     },
    {0,                                       NULL                               },
};
