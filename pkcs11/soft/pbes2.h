/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PBES2_H
#define DEVID_PKCS11_SOFT_PBES2_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

/*
 * The EncryptedPrivateKeyInfo of PKCS#8 (RFC 5958) with PBES2 (RFC 8018), as openssl reads and writes it. The
 * passphrase is the secret in lower-case hexadecimal: what is hard to guess need not be stretched, so that
 * new ones have PBKDF2 with one iteration (docs/decisions/0006-pins.md); AES-256-CBC.
 */
CK_RV soft_pbes2_close(const struct bytes *secret, const struct bytes *plain, struct bytes *der);

/* Also what others encrypted under that passphrase: PBKDF2 up to a million iterations. CKR_DATA_INVALID,
 * said: another passphrase, or another way of encrypting. *plain is the caller's. */
CK_RV soft_pbes2_open(const struct bytes *secret, const struct bytes *der, struct bytes *plain);

#endif
