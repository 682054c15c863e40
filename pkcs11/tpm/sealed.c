/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/sealed.h"

#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/plain.h"
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/stream.h"
#include "pkcs11/tpm/auth.h"
#include "pkcs11/tpm/backend.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/seal.h"

#include <stdlib.h>
#include <string.h>

/* --- which keys
 * ------------------------------------------------------------------------------------------------ */

CK_RV tpm_sealed_read(const struct token_conf *conf, const char *path, bool *configured)
{
    const char *word = token_conf_get(conf, "software-secrets");

    *configured = word != NULL && strcmp(word, "sealed") == 0;
    return word == NULL || *configured || strcmp(word, "none") == 0
               ? CKR_OK
               : p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                          "%s: 'software-secrets = %s' is neither sealed nor none (token.conf, devid.conf or "
                          "$DEVID_SOFTWARE_SECRETS)",
                          path, word);
}

bool tpm_sealed_wanted(const struct tpm_token *token, CK_KEY_TYPE type, size_t size)
{
    return token->seals && type == CKK_AES && !tpm_has_aes(&token->capability, 8 * size);
}

/* All that libcrypto does with an AES key. */
static bool is_scheme(enum p11_scheme scheme)
{
    static const bool schemes[] = {
        [SCHEME_NONE] = true,     [SCHEME_ECB] = true,          [SCHEME_CBC] = true,
        [SCHEME_CBC_PAD] = true,  [SCHEME_CTR] = true,          [SCHEME_GCM] = true,
        [SCHEME_KEY_WRAP] = true, [SCHEME_KEY_WRAP_PAD] = true, [SCHEME_CMAC] = true,
    };

    return scheme < sizeof schemes / sizeof schemes[0] && schemes[scheme];
}

/* On a TPM that encrypts, new keys are in it, which has fewer schemes: what is said of the token is said of
 * those. */
bool tpm_sealed_serves(const struct tpm_token *token, const struct mechanism *row)
{
    return token->seals && token->capability.aes_sizes == 0 && row->key_type == CKK_AES &&
           is_scheme(row->scheme);
}

static bool supports(const void *instance, const struct mechanism *row)
{
    (void)instance;
    return row->key_type == CKK_AES && is_scheme(row->scheme);
}

/* --- making one
 * ------------------------------------------------------------------------------------------------ */

/* With noDA: the auth value is empty, or one that nobody guesses. */
static const TPM2B_PUBLIC template = {
    .publicArea =
        {
                     .type = TPM2_ALG_KEYEDHASH,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes =
                TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
                     .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                     },
};

CK_RV tpm_sealed_make(const struct tpm_token *token, CK_KEY_TYPE type, const struct bytes *value,
                      bool private, struct bytes *block)
{
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPMS_SENSITIVE_CREATE *given = &sensitive.sensitive;
    struct tpm_created created;
    CK_RV rv;

    *block = BYTES_EMPTY;
    if (value->size == 0 || value->size > sizeof given->data.buffer)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "a key of %zu bytes is not sealed here", value->size);
    rv = tpm_new_auth(token, private, &given->userAuth);
    if (rv == CKR_OK) {
        given->data.size = (UINT16)value->size;
        memcpy(given->data.buffer, value->data, value->size);
        rv = tpm_create(token, "seal a key", &sensitive, &template, &created);
    }
    if (rv == CKR_OK) {
        created.secret = (struct tpm_secret){type, value->size};
        rv = tpm_created_block(token, &created, TSS_KEY_SEALED, given->userAuth.size == 0, block);
    }
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}

/* --- a key, and what is open of it
 * ------------------------------------------------------------------------------------- */

/* A value in this process, with its uses counted: it is wiped after the last. */
struct plain {
    unsigned references; /* atomic */
    struct soft_private *private;
};

struct tpm_sealed {
    struct tpm_token *token;
    struct tpm_key *key;     /* the sealed object */
    struct plain *plain;     /* under the token's sealed_lock; NULL: not open */
    struct tpm_sealed *next; /* of token->open, under the same lock */
};

static void return_plain(struct plain *plain)
{
    if (plain == NULL || __atomic_sub_fetch(&plain->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    soft_private_free(plain->private);
    free(plain);
}

static CK_RV to_private(const struct tpm_key *key, const struct bytes *value, struct soft_private **private)
{
    struct attributes attributes = {0};
    struct public_key public = {0};
    struct bytes der = BYTES_EMPTY;
    CK_RV rv = attributes_set_ulong(&attributes, CKA_KEY_TYPE, key->public.type);

    if (value->size != key->public.size)
        rv = p11_fail(CKR_DEVICE_ERROR, "what is sealed is not the key that its file describes");
    if (rv == CKR_OK)
        rv = attributes_set(&attributes, CKA_VALUE, value->data, value->size);
    if (rv == CKR_OK)
        rv = soft_assemble(&attributes, &der);
    if (rv == CKR_OK)
        rv = soft_private_read(&der, private, &public);
    public_key_free(&public);
    bytes_free(&der);
    attributes_free(&attributes);
    return rv;
}

/* Under the token's sealed_lock: StartAuthSession, Load, Unseal, FlushContext. */
static CK_RV unseal(struct tpm_sealed *sealed)
{
    struct plain *plain = calloc(1, sizeof *plain);
    struct bytes value = BYTES_EMPTY;
    CK_RV rv =
        plain != NULL ? tpm_unseal_key(sealed->token, sealed->key, "unseal a key", &value) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = to_private(sealed->key, &value, &plain->private);
    bytes_free(&value);
    if (rv != CKR_OK) {
        free(plain);
        return rv;
    }
    plain->references = 1;
    sealed->plain = plain;
    sealed->next = sealed->token->open;
    sealed->token->open = sealed;
    return CKR_OK;
}

/* The value for one use, to be given back. */
static CK_RV take(struct tpm_sealed *sealed, struct plain **plain)
{
    CK_RV rv = CKR_OK;

    pthread_mutex_lock(&sealed->token->sealed_lock);
    if (sealed->plain == NULL)
        rv = unseal(sealed);
    if (rv == CKR_OK)
        __atomic_add_fetch(&sealed->plain->references, 1, __ATOMIC_RELAXED);
    *plain = sealed->plain;
    pthread_mutex_unlock(&sealed->token->sealed_lock);
    return rv;
}

static void close_one(struct tpm_sealed *sealed)
{
    struct tpm_sealed **link = &sealed->token->open;

    while (*link != NULL && *link != sealed)
        link = &(*link)->next;
    if (*link != NULL)
        *link = sealed->next;
    return_plain(sealed->plain);
    sealed->plain = NULL;
}

void tpm_sealed_close(struct tpm_token *token, bool wait)
{
    if (wait)
        pthread_mutex_lock(&token->sealed_lock);
    else if (pthread_mutex_trylock(&token->sealed_lock) != 0)
        return;
    while (token->open != NULL)
        close_one(token->open);
    pthread_mutex_unlock(&token->sealed_lock);
}

/* --- the backend's members
 * ----------------------------------------------------------------------------------- */

static CK_RV check(const struct tpm_token *token, const struct tpm_key *key)
{
    if (key->public.type != CKK_AES)
        return p11_fail(CKR_DATA_INVALID, "the TSS2 block is sealed data, not a key");
    if (!token->seals)
        return p11_fail(CKR_DATA_INVALID,
                        "the TSS2 block is a sealed AES key, which software uses; the token takes such keys "
                        "with 'software-secrets = sealed' in token.conf");
    if (key->own_auth)
        return p11_fail(CKR_DATA_INVALID,
                        "the sealed AES key has an authorization of its own, which is not asked for here");
    return CKR_OK;
}

static CK_RV load(void *instance, const struct bytes *block, void **out, struct public_key *public)
{
    struct tpm_sealed *sealed = calloc(1, sizeof *sealed);
    CK_RV rv = sealed != NULL ? tpm_key_read(instance, block, &sealed->key) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = check(instance, sealed->key);
    if (rv == CKR_OK)
        rv = public_key_copy(public, &sealed->key->public);
    if (rv == CKR_OK) {
        sealed->token = instance;
        *out = sealed;
        return CKR_OK;
    }
    if (sealed != NULL && sealed->key != NULL)
        tpm_key_free(sealed->key);
    free(sealed);
    return rv;
}

static void drop(void *instance, void *key)
{
    struct tpm_token *token = instance;
    struct tpm_sealed *sealed = key;

    pthread_mutex_lock(&token->sealed_lock);
    close_one(sealed);
    pthread_mutex_unlock(&token->sealed_lock);
    tpm_key_free(sealed->key);
    free(sealed);
}

/* What is in the process is for work with it, and is told to nobody. */
static CK_RV attribute(const void *key, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    return tpm_backend.key_attribute(((const struct tpm_sealed *)key)->key, type, value);
}

static CK_RV sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                  const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    struct plain *plain;
    CK_RV rv = take(key, &plain);

    (void)instance;
    if (rv != CKR_OK)
        return rv;
    rv = soft_mac_once(plain->private, scheme, parameters, input, input_size, out, size);
    return_plain(plain);
    return rv;
}

/* For keys that it wraps and unwraps. */
static CK_RV value_of(void *instance, void *key, struct bytes *value)
{
    struct plain *plain;
    CK_RV rv = take(key, &plain);

    (void)instance;
    if (rv != CKR_OK)
        return rv;
    rv = soft_private_plain(plain->private, value);
    return_plain(plain);
    return rv;
}

struct stream {
    struct plain *plain;
    struct soft_stream *running;
};

static CK_RV stream_begin(void *instance, void *key, enum p11_scheme scheme,
                          const struct p11_parameters *parameters, bool encrypt, void **out)
{
    struct stream *stream = calloc(1, sizeof *stream);
    CK_RV rv = stream != NULL ? take(key, &stream->plain) : CKR_HOST_MEMORY;

    (void)instance;
    if (rv == CKR_OK) {
        rv = soft_stream_begin(stream->plain->private, scheme, parameters, encrypt, &stream->running);
        if (rv != CKR_OK)
            return_plain(stream->plain);
    }
    if (rv != CKR_OK)
        free(stream);
    else
        *out = stream;
    return rv;
}

static CK_RV stream_update(void *stream, const uint8_t *input, size_t size, uint8_t *out)
{
    return soft_stream_update(((struct stream *)stream)->running, input, size, out);
}

static CK_RV stream_final(void *stream, uint8_t *tag, size_t size)
{
    return soft_stream_final(((struct stream *)stream)->running, tag, size);
}

static void stream_end(void *data)
{
    struct stream *stream = data;

    soft_stream_end(stream->running);
    return_plain(stream->plain);
    free(stream);
}

const struct backend tpm_sealed_backend = {
    .name = "tpm-sealed",
    .pem_label = TSS_KEY_PEM,
    .hardware = true,
    .supports = supports,
    .load = load,
    .drop = drop,
    .key_attribute = attribute,
    .plain = value_of,
    .sign = sign,
    .stream_begin = stream_begin,
    .stream_update = stream_update,
    .stream_final = stream_final,
    .stream_end = stream_end,
};
