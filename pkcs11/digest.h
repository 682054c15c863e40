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
};

/* Ends it; an inactive one is accepted. */
void digest_end(struct digest *digest);

#endif
