/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_ATHANDLE_H
#define DEVID_PKCS11_TPM_ATHANDLE_H

#include "pkcs11/tpm/key.h"

/*
 * What others left in the TPM: keys at persistent handles, and NV indexes. Such a key has a block too, like
 * that of a TSS2 key but without a private area, whose parent is the handle; so it is found again in another
 * process, and it is the same key (its name) or none.
 */

/* The backend's members, see backend.h. */
CK_RV tpm_find_key(void *instance, const struct bytes *place, struct bytes *block);
CK_RV tpm_read_index(void *instance, CK_ULONG index, struct bytes *content);

/* Whether the key is one of these. */
bool tpm_is_at_handle(const struct tpm_key *key);

/* Said: what the handle named before is there no more. */
CK_RV tpm_handle_is_gone(const struct tpm_token *token, const struct tpm_key *key);

#endif
