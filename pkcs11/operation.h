/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OPERATION_H
#define DEVID_PKCS11_OPERATION_H

#include "common/buffer.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"
#include "pkcs11/soft/hash.h"

struct session;
struct token;

#define OPERATION_BLOCK 16 /* AES's */

/* A cryptographic operation between its Init and its end. Inactive: row is NULL. */
struct operation {
    const struct mechanism *row;
    struct p11_parameters parameters;
    const struct token *token; /* of the key */
    struct object *object;     /* the key, referenced */
    bool asks;          /* the key has CKA_ALWAYS_AUTHENTICATE: it is used after a login of its own only */
    bool authenticated; /* which there was */
    struct soft_hash *hash;        /* running, where the row has a digest */
    void *stream;                  /* the backend's, of a secret key that is used in parts; NULL: not begun */
    struct buffer data;            /* collected, where there is neither */
    uint8_t held[OPERATION_BLOCK]; /* of a secret key's stream: what is no block yet, or may be the padding */
    size_t held_size;
    uint64_t fed; /* to it, in bytes */
    bool opened;  /* what is held is the plain end of the data */
    bool updated; /* multi-part */
    bool asked;   /* in one call, of which only the length was asked for */
};

/*
 * Begins: all checks that an Init call owes, in the order that the codes need. `flag` is the CKF_ operation,
 * `usage` the CKA_ that permits it, `object_class` the class that the key must have, but of mechanisms that
 * are for secret keys.
 */
#define ANY_USAGE ((CK_ATTRIBUTE_TYPE)-1) /* the kind of key is enough */
CK_RV operation_begin(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, CK_FLAGS flag, CK_OBJECT_CLASS object_class,
                      CK_ATTRIBUTE_TYPE usage);

/* More data. */
CK_RV operation_update(struct operation *operation, const void *data, size_t size);

/* Whether the key may be used now, to be asked before a backend is. CKR_USER_NOT_LOGGED_IN: the login ended
 * since the Init, or the key asks for one of its own. */
CK_RV operation_may_use_key(const struct operation *operation);
/* The same for calls that have no Init, after which one could log in: with a key that asks they cannot be. */
CK_RV operation_in_one_step(const struct object *key);

/* What the backend is to get with the last piece of data: the digest, or all that was collected. A view that
 * lasts as long as the operation and the piece. */
CK_RV operation_input(struct operation *operation, const void *data, size_t data_size,
                      uint8_t digest[HASH_SIZE_MAXIMUM], const uint8_t **input, size_t *size);

/* Bytes of the signature that the operation makes or checks. */
size_t operation_signature_size(const struct operation *operation);
/* Signs with the last piece of data; `size` is that of the signature. */
CK_RV operation_sign(struct operation *operation, const void *data, size_t data_size, uint8_t *signature,
                     size_t size);

/* Begins the backend's stream. CKR_FUNCTION_NOT_SUPPORTED. */
CK_RV operation_begin_stream(struct operation *operation, enum p11_scheme scheme, bool encrypt);

/* The two-call length rule (PKCS#11 2.40, 5.2): true when the call goes on to write `needed` bytes. Otherwise
 * *rv is the call's answer, and the operation stays active. */
bool operation_has_room(size_t needed, const void *out, CK_ULONG *size, CK_RV *rv);

/* Ends it, giving up all it holds; an inactive one is accepted. */
void operation_end(struct operation *operation);

#endif
