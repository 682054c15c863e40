/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PAIR_H
#define DEVID_PKCS11_PAIR_H

#include "pkcs11/session.h"

/* A key pair that is about to become objects: one key block, and what is said of its halves. */
struct pair {
    struct attributes public;
    struct attributes private;
    const struct backend *backend;
    struct bytes block; /* of that backend */
    bool token;
    bool locked; /* the block is encrypted (pkcs11/lock.h); pair_add does that */
};

void pair_free(struct pair *pair);

/* Makes both objects, of the token (with one file) or of the session, and answers their handles. On failure
 * there is neither. What the key itself says of an attribute counts more than what the pair does, and secret
 * numbers are left to the key. */
CK_RV pair_add(struct session *session, struct pair *pair, CK_OBJECT_HANDLE *public,
               CK_OBJECT_HANDLE *private);

#endif
