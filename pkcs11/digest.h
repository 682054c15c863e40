/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_DIGEST_H
#define DEVID_PKCS11_DIGEST_H

#include "pkcs11/mechanism.h"
#include "pkcs11/soft/digest.h"

/* A digest between its Init and its end. Inactive: row is NULL. */
struct digest {
    const struct mechanism *row;
    struct soft_digest *running;
    bool updated; /* multi-part */
    bool asked;   /* in one call, of which only the length was asked for */
    bool keyed;   /* a key was digested: the state is a secret */
};

/* More data for an active one, which a failure ends. */
CK_RV digest_update(struct digest *digest, const void *data, size_t size);

/* Ends it; an inactive one is accepted. */
void digest_end(struct digest *digest);

#endif
