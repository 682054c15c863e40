/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_SHARE_H
#define DEVID_PKCS11_TPM_SHARE_H

#include "pkcs11/scheme.h"

#include <tss2/tss2_sys.h>

/* A random secret and what a TPM gets of it (part 1, 24): only the holder of the key can unwrap it. To be
 * wiped. */
struct tpm_shared {
    uint8_t value[HASH_SIZE_MAXIMUM];
    size_t size; /* of a digest of the key's name algorithm */
    TPM2B_ENCRYPTED_SECRET wrapped;
};

/* Makes one for an RSA or ECC decryption key of the TPM. `label` is "SECRET" for a session's salt,
 * "DUPLICATE" for the seed of an object that is to be imported. */
TSS2_RC tpm_share(const TPM2B_PUBLIC *key, const char *label, struct tpm_shared *shared);

#endif
