/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_HIERARCHY_H
#define DEVID_PKCS11_TPM_HIERARCHY_H

#include "pkcs11/tokenconf.h"
#include "pkcs11/tpm/bus.h"

/*
 * The owner and the endorsement hierarchy: what is done with their authorization. Their passwords come from
 * `owner-auth` and `endorsement-auth` of the configuration, else from the systemd credentials
 * devid-owner-auth and devid-endorsement-auth, else they are empty. They are read when they are needed and
 * wiped thereafter. A wrong one does not count for the TPM's dictionary attack lockout (TPM 2.0 part
 * 1, 19.8): only the lockout hierarchy's own does.
 */

/* Where this TPM's passwords are, by what the configuration says. CKR_HOST_MEMORY. */
CK_RV tpm_hierarchy_configure(struct tpm *tpm, const struct token_conf *conf);
void tpm_hierarchy_free(struct tpm *tpm);

/* All of the following under the lock. */

/*
 * A command whose first handle is the hierarchy, which authorises it. `second` is the Name of what its second
 * handle names, or NULL. A password crosses the bus only as the key of an HMAC, in a session salted to the
 * parent that `bus` pins; where there is none yet (`bus` NULL), to a key of the TPM's null hierarchy.
 */
TSS2_RC tpm_hierarchy_execute(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE hierarchy,
                              const TPM2B_NAME *second, const struct tpm_command *command,
                              const void *arguments, void *result);

/* The Name of a handle that has no public area: a hierarchy, a session (part 1, 16). */
TPM2B_NAME tpm_handle_name(TPM2_HANDLE handle);

struct tpm_primary {
    TPM2_HANDLE handle;
    TPM2B_PUBLIC area;
};

/* TPM2_CreatePrimary, with an empty auth value. The caller flushes it. */
TSS2_RC tpm_create_primary(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE hierarchy,
                           const TPM2B_PUBLIC *template, struct tpm_primary *created);
/* TPM2_EvictControl by the owner: puts a transient object at the persistent handle, or takes the persistent
 * object `object` away from there. `name` is its Name. */
TSS2_RC tpm_evict(struct tpm *tpm, const struct tpm_bus *bus, TPM2_HANDLE object, const TPM2B_NAME *name,
                  TPM2_HANDLE persistent);
/* TPM2_ReadPublic. */
TSS2_RC tpm_read_public(struct tpm *tpm, TPM2_HANDLE handle, TPM2B_PUBLIC *area);

/* CKR_DEVICE_ERROR, with words: `step` needs the hierarchy's password, and it is not the configured one. */
CK_RV tpm_hierarchy_refused(const struct tpm *tpm, TPM2_HANDLE hierarchy, const char *step);

/* The standard template of a storage primary on ECC P-256 (an empty unique field), of any hierarchy. */
extern const TPM2B_PUBLIC tpm_storage_ecc;

#endif
