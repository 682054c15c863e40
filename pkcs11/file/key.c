/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/pbes2.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"

#include <stdlib.h>

/*
 * Keys. One in the clear is plain for as long as it lives. A locked one (of a token with a PIN) is its
 * encrypted block; it is opened at its first use after a login, and a logout takes what was opened away.
 */
struct file_key {
    struct file_token *token;
    struct bytes locked;      /* the encrypted block; empty: a key in the clear */
    struct public_key public; /* of a locked one: what the plain one must be */
    struct file_plain *plain; /* of a locked one under the token's lock, and NULL until it is opened */
    struct file_key *next;    /* of token->keys */
    struct file_key **link;   /* what points here */
};

/* --- in plain
 * ------------------------------------------------------------------------------------------------ */

static CK_RV plain_new(const struct bytes *block, struct file_plain **out, struct public_key *public)
{
    struct file_plain *plain = calloc(1, sizeof *plain);
    CK_RV rv = plain != NULL ? soft_private_read(block, &plain->private, public) : CKR_HOST_MEMORY;

    if (rv != CKR_OK) {
        free(plain);
        return rv;
    }
    plain->references = 1;
    *out = plain;
    return CKR_OK;
}

void file_key_return(struct file_plain *plain)
{
    if (plain == NULL || __atomic_sub_fetch(&plain->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    soft_private_free(plain->private);
    free(plain);
}

/* --- locked: all under the token's lock
 * ---------------------------------------------------------------------- */

static CK_RV open_block(const struct file_token *token, const struct bytes *block, struct file_plain **plain,
                        struct public_key *public)
{
    struct bytes open;
    CK_RV rv;

    if (token->secret.size == 0)
        return p11_fail(CKR_USER_NOT_LOGGED_IN, "the key is encrypted, and the user is not logged in");
    rv = soft_pbes2_open(&token->secret, block, &open);
    if (rv == CKR_OK)
        rv = plain_new(&open, plain, public);
    bytes_free(&open);
    return rv;
}

/* The public half was taken from beside the block: a pair that is none must not be used. */
static CK_RV open_key(struct file_key *key)
{
    struct public_key public = {0};
    struct file_plain *plain = NULL;
    CK_RV rv = open_block(key->token, &key->locked, &plain, &public);

    if (rv == CKR_DATA_INVALID)
        return p11_fail(CKR_DEVICE_ERROR, "a key of token %s cannot be decrypted", key->token->store.path);
    if (rv == CKR_OK && !public_key_equal(&public, &key->public)) {
        file_key_return(plain);
        rv = p11_fail(CKR_DEVICE_ERROR,
                      "a key of token %s is not the one that its file's Public-Key-Info line states",
                      key->token->store.path);
    }
    if (rv == CKR_OK)
        key->plain = plain;
    public_key_free(&public);
    return rv;
}

CK_RV file_key_take(struct file_key *key, struct file_plain **plain)
{
    bool locked = key->locked.size != 0;
    CK_RV rv = CKR_OK;

    if (locked)
        pthread_mutex_lock(&key->token->lock);
    if (key->plain == NULL)
        rv = open_key(key);
    if (rv == CKR_OK)
        __atomic_add_fetch(&key->plain->references, 1, __ATOMIC_RELAXED);
    *plain = key->plain;
    if (locked)
        pthread_mutex_unlock(&key->token->lock);
    return rv;
}

void file_keys_lock(struct file_token *token)
{
    for (struct file_key *key = token->keys; key != NULL; key = key->next) {
        file_key_return(key->plain);
        key->plain = NULL;
    }
}

static void enlist(struct file_token *token, struct file_key *key)
{
    key->next = token->keys;
    key->link = &token->keys;
    if (key->next != NULL)
        key->next->link = &key->next;
    token->keys = key;
}

static void strike(struct file_key *key)
{
    *key->link = key->next;
    if (key->next != NULL)
        key->next->link = key->link;
}

/* --- the backend's members
 * ----------------------------------------------------------------------------------- */

static void free_key(struct file_key *key)
{
    file_key_return(key->plain);
    bytes_free(&key->locked);
    public_key_free(&key->public);
    free(key);
}

CK_RV file_load_locked(void *instance, const struct bytes *block, const struct public_key *public, void **out)
{
    struct file_token *token = instance;
    struct file_key *key = calloc(1, sizeof *key);
    CK_RV rv = CKR_HOST_MEMORY;

    if (key == NULL)
        return rv;
    if (!soft_pkcs8_is_encrypted(block))
        rv = p11_fail(CKR_DATA_INVALID, "this is not the DER of an encrypted private key");
    else if (token->foreign)
        rv = p11_fail(CKR_DATA_INVALID,
                      "the private key is encrypted, and the PIN of a TPM token opens no such "
                      "key; decrypt it with 'openssl pkey', or put it back into its token");
    else if (!token->has_pin)
        rv =
            p11_fail(CKR_DATA_INVALID, "the private key is encrypted, and the token has no PIN to decrypt it "
                                       "with; decrypt it with 'openssl pkey'");
    else if (bytes_copy(&key->locked, block->data, block->size))
        rv = public_key_copy(&key->public, public);
    if (rv != CKR_OK) {
        free_key(key);
        return rv;
    }
    key->token = token;
    pthread_mutex_lock(&token->lock);
    enlist(token, key);
    pthread_mutex_unlock(&token->lock);
    *out = key;
    return CKR_OK;
}

/* A block whose public half is not known, such as one that openssl encrypted: it is opened to see. */
static CK_RV load_encrypted(struct file_token *token, const struct bytes *block, void **key,
                            struct public_key *public)
{
    struct file_plain *plain = NULL;
    CK_RV rv = CKR_OK;

    *public = (struct public_key){0};
    pthread_mutex_lock(&token->lock);
    if (token->has_pin)
        rv = open_block(token, block, &plain, public);
    pthread_mutex_unlock(&token->lock);
    file_key_return(plain);
    if (rv == CKR_OK)
        rv = file_load_locked(token, block, public, key);
    if (rv != CKR_OK)
        public_key_free(public);
    return rv;
}

CK_RV file_load(void *instance, const struct bytes *block, void **out, struct public_key *public)
{
    struct file_key *key;
    CK_RV rv;

    if (soft_pkcs8_is_encrypted(block))
        return load_encrypted(instance, block, out, public);
    key = calloc(1, sizeof *key);
    if (key == NULL)
        return CKR_HOST_MEMORY;
    key->token = instance;
    rv = plain_new(block, &key->plain, public);
    if (rv != CKR_OK)
        free(key);
    else
        *out = key;
    return rv;
}

void file_drop(void *instance, void *material)
{
    struct file_token *token = instance;
    struct file_key *key = material;

    if (key->locked.size != 0) {
        pthread_mutex_lock(&token->lock);
        strike(key);
        pthread_mutex_unlock(&token->lock);
    }
    free_key(key);
}

CK_RV file_key_attribute(const void *material, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    struct file_key *key = (struct file_key *)(uintptr_t)material; /* that it is opened is no change of it */
    struct file_plain *plain;
    CK_RV rv = file_key_take(key, &plain);

    if (rv != CKR_OK)
        return rv;
    rv = soft_private_attribute(plain->private, type, value);
    file_key_return(plain);
    return rv;
}
