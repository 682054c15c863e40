/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_AUTH_H
#define DEVID_PKCS11_TPM_AUTH_H

#include "pkcs11/tpm/key.h"

/*
 * PINs: a random token secret is the auth value of the token's keys. It is sealed twice, for the user and for
 * the SO, each under the auth value that the PIN stretches to; the TPM counts wrong ones. pin.pem holds both
 * (docs/store-format.md). The backend's members for them:
 */
CK_RV tpm_login(void *instance, CK_USER_TYPE user, const struct bytes *pin);
void tpm_logout(void *instance);
CK_RV tpm_set_pin(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin);
CK_RV tpm_secret(void *instance, struct bytes *secret);
/* The flags of CK_TOKEN_INFO that speak of PINs. Asks the TPM only after a PIN was refused. */
void tpm_pin_flags(struct tpm_token *token, CK_TOKEN_INFO *info);

/* A copy of the secret for a key in the making, wiped and freed by the caller. CKR_USER_NOT_LOGGED_IN. */
CK_RV tpm_secret_copy(const struct tpm_token *token, struct bytes *secret);

/* The auth value of a new key: the token secret for a private one of a token with a PIN, so that the TPM
 * itself asks for it; else nothing. To be wiped. CKR_USER_NOT_LOGGED_IN. */
CK_RV tpm_new_auth(const struct tpm_token *token, bool private, TPM2B_AUTH *auth);

#endif
