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

#endif
