/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_RC_H
#define DEVID_PKCS11_TPM_RC_H

#include "pkcs11/tpm/context.h"

/* What kind of failure an rc is, for those who try again. */
bool tpm_rc_is_lost(TSS2_RC rc); /* the connection failed */
bool tpm_rc_is_stale(
    TSS2_RC rc); /* a handle names nothing (any more): the TPM or resource manager was reset */
bool tpm_rc_is_session(TSS2_RC rc);       /* a session is gone, as after a reset */
bool tpm_rc_is_crowded(TSS2_RC rc);       /* no free session slot, or one of them rests for too long */
bool tpm_rc_is_memory(TSS2_RC rc);        /* no free object slot */
bool tpm_rc_is_auth(TSS2_RC rc);          /* an authorization was wrong */
bool tpm_rc_is_integrity(TSS2_RC rc);     /* a private area was not made under this parent */
bool tpm_rc_is_parameter(TSS2_RC rc);     /* a parameter was wrong, not a handle or a session (part 2, 6.6) */
bool tpm_rc_is_salt(TSS2_RC rc);          /* a session was salted to a key that the TPM does not have */
bool tpm_rc_is(TSS2_RC rc, TSS2_RC code); /* a TPM's code, whatever handle, parameter or session it names */

/* The CKR_ code for an rc, by table, with one sentence said: which TPM, which step, what the TPM answers,
 * what to do. */
CK_RV tpm_failed(const struct tpm *tpm, const char *step, TSS2_RC rc);

#endif
