/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_REJECTION_H
#define DEVID_PKCS11_SOFT_REJECTION_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

/*
 * Takes the PKCS#1 v1.5 encryption padding off a decrypted block without telling whether it was there
 * (draft-irtf-cfrg-rsa-guidance, implicit rejection). With a broken padding *out is a message that follows
 * from the private exponent and the ciphertext alone. Time and memory accesses do not depend on the block.
 * `block` and `ciphertext` have the modulus's size.
 */
CK_RV soft_unpad_pkcs1(const struct bytes *block, const uint8_t *ciphertext, const struct bytes *exponent,
                       struct bytes *out);

#endif
