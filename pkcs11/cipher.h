/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_CIPHER_H
#define DEVID_PKCS11_CIPHER_H

#include "pkcs11/frame.h"

/* What encryption and decryption by a key pair have in common: one block goes in and one comes out, whatever
 * the parts. */
struct cipher {
    /* The longest answer there can be, for callers that ask for the length. */
    size_t (*maximum)(const struct operation *operation);
    CK_RV (*run)(const struct operation *operation, const uint8_t *input, size_t size, struct bytes *out);
};

/* The steps of a frame. */
CK_RV cipher_end(const struct cipher *cipher, struct operation *operation, const struct call *call);
CK_RV cipher_update(struct operation *operation, const struct call *call);

#endif
