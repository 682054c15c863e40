/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_SEALED_H
#define DEVID_PKCS11_TPM_SEALED_H

#include "pkcs11/tpm/key.h"

/*
 * AES keys of TPMs that do not encrypt for their users (TPM2_EncryptDecrypt2 is optional), on tokens that ask
 * for it by `software-secrets = sealed`. The key's bytes are sealed data in the TPM. They are unsealed into
 * this process, through a protected session, when the key is used first; software uses them; and they are
 * wiped at the logout, when the last session is closed, and with the key. See
 * docs/decisions/0014-sealed-keys.md.
 *
 * Such a key has a backend of its own, so that all that asks a key's backend gets the answer for it; its
 * instances are those of tpm_backend, which finds it for a block by `serving`.
 */
extern const struct backend tpm_sealed_backend;

/* What token.conf says of it. CKR_TOKEN_NOT_RECOGNIZED: a value that is none; `path` names it in messages. */
CK_RV tpm_sealed_read(const struct token_conf *conf, const char *path, bool *configured);

/* Whether a new key of the type and size is sealed: it is configured, and the TPM has no use for the key. */
bool tpm_sealed_wanted(const struct tpm_token *token, CK_KEY_TYPE type, size_t size);
/* Whether the token serves the scheme with its sealed keys. */
bool tpm_sealed_serves(const struct tpm_token *token, const struct mechanism *row);

/* Seals a new key's value (TPM2_Create, and a session). *block is the caller's. CKR_USER_NOT_LOGGED_IN. */
CK_RV tpm_sealed_make(const struct tpm_token *token, CK_KEY_TYPE type, const struct bytes *value,
                      bool private, struct bytes *block);

/* Wipes what is open. `wait`: also when another thread opens a key now; else that may be left out. */
void tpm_sealed_close(struct tpm_token *token, bool wait);

#endif
