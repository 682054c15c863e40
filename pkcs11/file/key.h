/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FILE_KEY_H
#define DEVID_PKCS11_FILE_KEY_H

#include "pkcs11/backend.h"
#include "pkcs11/store.h"

#include <pthread.h>

struct file_key;
struct soft_private;

/* A token: the backend's `instance`. */
struct file_token {
    struct store store; /* for pin.pem */
    bool has_pin;       /* there is one, and its secret encrypts keys; immutable */
    bool foreign;       /* the token's own keys are in a device; immutable */
    unsigned cost;      /* of scrypt, for PINs that are set; immutable */
    bool pin_wrong[2]; /* atomic, by CKU_: the last PIN given was wrong, and the directory cannot keep that */
    pthread_mutex_t lock;  /* of what follows */
    struct bytes secret;   /* empty: nobody is logged in */
    struct file_key *keys; /* the locked ones */
};

/* The backend's members that have files of their own. A `key` is a struct file_key. */
CK_RV file_load(void *instance, const struct bytes *block, void **key, struct public_key *public);
CK_RV file_load_locked(void *instance, const struct bytes *block, const struct public_key *public,
                       void **key);
void file_drop(void *instance, void *key);
CK_RV file_key_attribute(const void *key, CK_ATTRIBUTE_TYPE type, struct bytes *value);
CK_RV file_generate_pair(void *instance, const struct key_request *request, struct bytes *block);
CK_RV file_generate(void *instance, const struct key_request *request, struct bytes *block);
CK_RV file_import(void *instance, const struct attributes *attributes, struct bytes *block);
CK_RV file_sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                const uint8_t *input, size_t input_size, uint8_t *out, size_t size);
CK_RV file_decrypt(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                   const uint8_t *input, size_t input_size, struct bytes *out);
CK_RV file_plain(void *instance, void *key, struct bytes *plain);
CK_RV file_derive(void *instance, void *key, const struct public_key *peer, struct bytes *secret);
CK_RV file_stream_begin(void *instance, void *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, bool encrypt, void **stream);
CK_RV file_stream_update(void *stream, const uint8_t *input, size_t size, uint8_t *out);
CK_RV file_stream_final(void *stream, uint8_t *tag, size_t size);
void file_stream_end(void *stream);
CK_RV file_random(void *instance, uint8_t *out, size_t size);
CK_RV file_seed(void *instance, const uint8_t *seed, size_t size);

/* A key in plain, with its uses counted: a logout takes it out of the key, and it is wiped after the last. */
struct file_plain {
    unsigned references; /* atomic */
    struct soft_private *private;
};

/* The key in plain for one use, opened if need be, to be given back. CKR_USER_NOT_LOGGED_IN;
 * CKR_DEVICE_ERROR: its file does not fit its public key. */
CK_RV file_key_take(struct file_key *key, struct file_plain **plain);
void file_key_return(struct file_plain *plain);

/* Takes what is open out of all keys. Under the token's lock. */
void file_keys_lock(struct file_token *token);

#endif
