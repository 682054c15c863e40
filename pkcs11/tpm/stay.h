/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_STAY_H
#define DEVID_PKCS11_TPM_STAY_H

#include "pkcs11/tpm/key.h"

/*
 * Where a key stays in the TPM, besides its block. Using it there spares the load; the block stays the key,
 * and comes in when there is nothing at the handle, or another key. Members are atomic.
 */
struct tpm_stay {
    TPM2_HANDLE handle; /* 0: nowhere */
    bool checked;       /* it is this key that is there */
    bool lost;          /* it is not; nobody asks again */
};

/* The backend's members, see backend.h. */
CK_RV tpm_place(void *key, CK_ULONG handle);
CK_RV tpm_persist(void *instance, void *key, CK_ULONG handle);

/* The handle to use the key by; 0: it has to be loaded. */
TPM2_HANDLE tpm_stay_handle(const struct tpm_key *key);
/* Whether nobody looked yet which key is there. */
bool tpm_stay_unchecked(const struct tpm_key *key);
void tpm_stay_confirm(const struct tpm_key *key);
/* Says so in the log, once. */
void tpm_stay_lose(const struct tpm *tpm, const struct tpm_key *key);

/* Under the lock: reads which key is at the handle, and confirms or loses it. One command. */
TSS2_RC tpm_stay_check(struct tpm *tpm, const struct tpm_key *key);

#endif
