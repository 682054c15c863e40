/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PINSOURCE_H
#define DEVID_PKCS11_PINSOURCE_H

#include "pkcs11/token.h"

/*
 * Where the user's PIN comes from when nobody types it: `pin-source` of token.conf or devid.conf, which is
 * "file:PATH", "PATH" or "env:NAME"; else the systemd credentials devid-pin-DIRECTORY (the token's) and
 * devid-pin.
 */

/* Whether there is one; its file may still be missing. */
bool pin_source_is_set(const struct token *token);

/* Reads it now; *pin is the caller's, wiped with bytes_free. A newline at its end is not part of it.
 * CKR_DEVICE_ERROR: it cannot be read, said. CKR_PIN_INCORRECT: it is what was refused before. */
CK_RV pin_source_read(struct token *token, struct bytes *pin);

/* A PIN of the source's was wrong: it is not tried again, which could lock the token, until the source has
 * another one. */
void pin_source_refused(struct token *token, const struct bytes *pin);

#endif
