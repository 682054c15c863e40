/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_PRIMARY_H
#define DEVID_PKCS11_TPM_PRIMARY_H

#include "pkcs11/tokenconf.h"
#include "pkcs11/tpm/context.h"
#include "pkcs11/tpm/key.h"

/* Where the TCG's provisioning guidance has the storage root key. */
#define TPM_SRK_HANDLE 0x81000001U

/* Under the lock, all three. */

/* Chooses the parent of a new token's keys (docs/decisions/0001-parent.md) and writes `parent` and
 * `parent-name`. */
CK_RV tpm_primary_choose(struct tpm *tpm, struct token_conf *conf);

/* The handle to load a key under: a persistent one as it is; for a hierarchy its standard ECC P-256 storage
 * primary, made once and kept loaded. */
TSS2_RC tpm_primary_handle(struct tpm *tpm, TPM2_HANDLE parent, TPM2_HANDLE *handle);

/* Says why a step that needs the parent failed, such as a key's load; reads the parent once more for that
 * where it may be another one by now. */
CK_RV tpm_primary_explain(const struct tpm_token *token, TPM2_HANDLE parent, const char *step, TSS2_RC rc);

/* As the parent of a key: not the standard ECC storage primary of the owner hierarchy, which TPM2_RH_OWNER
 * means, but the RSA one (rsaParent in a TSS2 file). It is no handle of a TPM's. */
#define TPM_OWNER_RSA ((TPM2_HANDLE)0x400000ff)

static inline bool tpm_is_persistent(TPM2_HANDLE parent)
{
    return parent >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT;
}

#endif
