/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_LOGIN_H
#define DEVID_PKCS11_LOGIN_H

#include "pkcs11/session.h"

/* Has the token's backend check the PIN, and keep what it opens. Without a PIN (NULL, 0) the user's comes
 * from its source, where there is one (pkcs11/pinsource.h). CKR_OK at once on a token without a PIN. */
CK_RV login_check_pin(struct token *token, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size);

/*
 * PKCS#11 2.40, 4.9 and 5.6: CKU_CONTEXT_SPECIFIC, after the Init of an operation whose key has
 * CKA_ALWAYS_AUTHENTICATE. A wrong PIN leaves the operation as if there had been no login; one that is locked
 * ends the user's too. CKR_OPERATION_NOT_INITIALIZED: no such operation is active.
 */
CK_RV login_for_operation(struct session *session, CK_UTF8CHAR *pin, CK_ULONG size);

#endif
