/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PLAIN_H
#define DEVID_PKCS11_SOFT_PLAIN_H

#include "pkcs11/soft/private.h"

/* A key as it is wrapped: a secret key's value, or a private key's PrivateKeyInfo (PKCS#8), whatever form it
 * was read from. *plain is freed with bytes_free. CKR_DEVICE_ERROR, said: the key is no key. */
CK_RV soft_private_plain(struct soft_private *key, struct bytes *plain);

/* What a PrivateKeyInfo says, as C_CreateObject takes it: adds CKA_KEY_TYPE and the type's own numbers.
 * CKR_DATA_INVALID, said: see soft_pkcs8_read. */
CK_RV soft_plain_attributes(const struct bytes *plain, struct attributes *attributes);

#endif
