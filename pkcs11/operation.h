/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OPERATION_H
#define DEVID_PKCS11_OPERATION_H

#include "common/buffer.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"
#include "pkcs11/soft/hash.h"

struct session;

/* A cryptographic operation between its Init and its end. Inactive: row is NULL. */
struct operation {
    const struct mechanism *row;
    struct p11_parameters parameters;
    struct object *object;  /* the key, referenced */
    struct soft_hash *hash; /* running, where the row has a digest */
    struct buffer data;     /* collected, where it has none */
    bool updated;           /* multi-part */
};

/*
 * Begins: all checks that an Init call owes, in the order that the codes need. `flag` is the CKF_ operation,
 * `usage` the CKA_ that permits it, `object_class` the class that the key must have.
 */
CK_RV operation_begin(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, CK_FLAGS flag, CK_OBJECT_CLASS object_class,
                      CK_ATTRIBUTE_TYPE usage);

/* More data. */
CK_RV operation_update(struct operation *operation, const void *data, size_t size);

/* What the backend is to get: the digest, or all the data. A view that lasts until the operation ends. */
CK_RV operation_input(struct operation *operation, uint8_t digest[HASH_SIZE_MAXIMUM], const uint8_t **input,
                      size_t *size);

/* The two-call length rule (PKCS#11 2.40, 5.2): true when the call goes on to write `needed` bytes. Otherwise
 * *rv is the call's answer, and the operation stays active. */
bool operation_has_room(size_t needed, const void *out, CK_ULONG *size, CK_RV *rv);

/* Ends it, giving up all it holds; an inactive one is accepted. */
void operation_end(struct operation *operation);

#endif
