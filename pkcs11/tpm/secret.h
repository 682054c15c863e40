/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_SECRET_H
#define DEVID_PKCS11_TPM_SECRET_H

#include "pkcs11/tpm/key.h"

/* Secret keys in the TPM: AES, and HMAC of one hash or (CKK_GENERIC_SECRET) of any. */
bool tpm_is_secret(CK_KEY_TYPE type);
/* The backend's import of such a key; its CKA_VALUE has a size that the type permits. */
CK_RV tpm_import_secret(const struct tpm_token *token, const struct attributes *attributes,
                        struct bytes *block);

#endif
