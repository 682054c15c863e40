/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_WRAP_H
#define DEVID_PKCS11_WRAP_H

#include "pkcs11/session.h"

/*
 * What C_WrapKey and C_UnwrapKey have in common: the operation that the key which wraps is for, ended by the
 * caller with operation_end. All of what operation_begin checks is checked, and the codes are those that the
 * two functions have for that key. `flag` is CKF_WRAP or CKF_UNWRAP.
 */
CK_RV wrap_begin(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                 CK_OBJECT_HANDLE key, CK_FLAGS flag);

/* The bytes of a key that AES key wrap is done with, by whose backend lets them into this process. */
CK_RV wrap_plain(const struct key *key, struct bytes *plain);

/* Whether the mechanism is AES-CBC; the padded form takes any key, the other one fills secret keys up with
 * zeros (PKCS#11 2.40 current mechanisms, 2.8). */
bool wrap_is_cbc(const struct mechanism *row);
/* Encrypts or decrypts at once with the operation's key. The codes are those of C_Encrypt and C_Decrypt. */
CK_RV wrap_by_cbc(struct operation *operation, bool encrypt, const struct bytes *input, struct bytes *out);

#endif
