/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_ENDORSEMENT_H
#define DEVID_PKCS11_TPM_ENDORSEMENT_H

#include "pkcs11/tpm/key.h"

/* The TPM's own keys and certificates: the backend's members. */
CK_RV tpm_device_objects(void *instance, bool persist, device_object_sink *add, void *data);
CK_RV tpm_adopt(void *instance, const struct bytes *area, CK_ULONG handle, const struct public_key *public,
                void **key);

/* Whether the key is an endorsement key: restricted to decryption, by the endorsement hierarchy's leave. */
bool tpm_is_endorsement(const struct tpm_key *key);

/* Under the lock: a handle of the endorsement key. Its persistent one if it has one and `anew` does not
 * forbid it, else it is made anew from its template, and `transient` says that the caller flushes it. */
TSS2_RC tpm_endorsement_handle(const struct tpm_token *token, const struct tpm_key *key, bool anew,
                               TPM2_HANDLE *handle, bool *transient);

#endif
