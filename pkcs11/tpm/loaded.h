/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_LOADED_H
#define DEVID_PKCS11_TPM_LOADED_H

#include "pkcs11/tpm/key.h"

/* What a key is wanted in the TPM for: one or more commands with its handle first, the lock held. tpm_execute
 * authorises them for the key, and protects them as the token's bus protection asks; several of them share
 * one session where tpm->guard->more says so until the last. */
typedef TSS2_RC tpm_key_use(struct tpm *tpm, TPM2_HANDLE handle, void *data);

/*
 * Does something with a key: locks, loads it unless it is loaded, calls `use`, unlocks. The least recently
 * used key leaves when there is no room. After a lost connection, a reset TPM or one without a free slot it
 * is tried once more. Failure of `step` is said.
 */
CK_RV tpm_with_key(const struct tpm_token *token, const struct tpm_key *key, const char *step,
                   tpm_key_use *use, void *data);

/* The same with the auth value that was given for this use, where the key has one of its own; for other keys
 * it does not count. */
CK_RV tpm_with_key_auth(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                        const char *step, tpm_key_use *use, void *data);

/* The same for a use that shows by itself whether the key that stays in the TPM is the one (stay.h);
 * tpm_with_key asks the TPM, once, before the first use. */
CK_RV tpm_with_key_unchecked(const struct tpm_token *token, const struct tpm_key *key,
                             const struct bytes *auth, const char *step, tpm_key_use *use, void *data);

/* The same with the storage key that new keys are made under. */
CK_RV tpm_with_parent(const struct tpm_token *token, const char *step, tpm_key_use *use, void *data);

/* The same for commands that name no object: `use` gets TPM2_RH_NULL. */
CK_RV tpm_with_tpm(const struct tpm_token *token, const char *step, tpm_key_use *use, void *data);

/* Flushes one key. Takes the lock; does nothing when there is no connection. */
void tpm_flush_key(struct tpm *tpm, const struct tpm_key *key);

/* Flushes all transient objects of ours and the session that is kept, unless somebody holds the lock: then
 * they are in use, and who uses the TPM next evicts them as need be. Not waiting makes it fit for the end of
 * a process. */
void tpm_flush_all(struct tpm *tpm);

#endif
