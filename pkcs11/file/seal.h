/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FILE_SEAL_H
#define DEVID_PKCS11_FILE_SEAL_H

#include "pkcs11/file/key.h"

/*
 * PINs: the token's secret is sealed in pin.pem for the user and for the SO with AES-256-GCM, under a key
 * that scrypt makes of the PIN. Nobody counts guesses at a file: the cost of scrypt is what slows them
 * (docs/decisions/0006-pins.md). The backend's members for them:
 */
/* What `pin-cost` in token.conf says, or the usual. CKR_TOKEN_NOT_RECOGNIZED: no such cost; `path` names the
 * token in messages. */
CK_RV file_pin_cost(const struct token_conf *conf, const char *path, unsigned *cost);
CK_RV file_login(void *instance, CK_USER_TYPE user, const struct bytes *pin);
void file_logout(void *instance);
CK_RV file_set_pin(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin);
CK_RV file_secret(void *instance, struct bytes *secret);
void file_token_info(void *instance, CK_TOKEN_INFO *info);

#endif
