/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_NV_H
#define DEVID_PKCS11_TPM_NV_H

#include "pkcs11/tpm/bus.h"

/* Under the lock, both. */

/* The NV indexes from `first` to `last` that are defined, in their order; the first TPM_NV_LISTED of them. */
#define TPM_NV_LISTED 64
struct tpm_nv_list {
    TPM2_HANDLE indexes[TPM_NV_LISTED];
    size_t count;
};
TSS2_RC tpm_nv_list(struct tpm *tpm, TPM2_HANDLE first, TPM2_HANDLE last, struct tpm_nv_list *list);
bool tpm_nv_listed(const struct tpm_nv_list *list, TPM2_HANDLE index);

/* The whole content of an index, by its own empty authorization where it allows that, else by the owner's.
 * *content is the caller's, empty on failure. */
TSS2_RC tpm_nv_read(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE index, struct bytes *content);

#endif
