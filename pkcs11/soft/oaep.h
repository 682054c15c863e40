/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_OAEP_H
#define DEVID_PKCS11_SOFT_OAEP_H

#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

/*
 * Takes RSAES-OAEP's padding off a decrypted block of the modulus's size (RFC 8017, 7.1.2, step 3), for
 * blocks that a device decrypted. Time and memory accesses do not depend on the block: nothing but the result
 * tells what was wrong with it. CKR_ENCRYPTED_DATA_INVALID, said: it was not padded so; *out is empty.
 */
CK_RV soft_unpad_oaep(const struct bytes *block, const struct p11_parameters *parameters, struct bytes *out);

#endif
