/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_SEALEDBOX_H
#define DEVID_PKCS11_SOFT_SEALEDBOX_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

#define SOFT_BOX_KEY 32
/* What a box has besides the data: nonce and tag. */
#define SOFT_BOX_OVERHEAD (12 + 16)

/*
 * AES-256-GCM with a random nonce: *box is nonce, ciphertext, tag. `about` is authenticated with it and not
 * part of it. A key is for a few boxes.
 */
CK_RV soft_box_close(const uint8_t key[SOFT_BOX_KEY], const struct bytes *about, const struct bytes *data,
                     struct bytes *box);
/* CKR_ENCRYPTED_DATA_INVALID: wrong key, or something was changed. *data is the caller's. */
CK_RV soft_box_open(const uint8_t key[SOFT_BOX_KEY], const struct bytes *about, const struct bytes *box,
                    struct bytes *data);

#endif
