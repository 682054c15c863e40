/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_IMPORT_H
#define DEVID_PKCS11_IMPORT_H

#include "pkcs11/session.h"

/*
 * Private keys that are taken in. Their public halves come with them, as from a key file. `attributes` is
 * what the call says of the key, its template checked.
 */

/* Whether the session may make it: CKR_OK, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN,
 * CKR_TEMPLATE_INCONSISTENT. It comes before the following two. */
CK_RV import_may_add(const struct session *session, const struct attributes *attributes);

/* Makes the objects of plain numbers, which are among the attributes and which the token's backend takes in.
 * What `backend->import` refuses is refused here with the same codes. */
CK_RV import_add(struct session *session, const struct attributes *attributes, CK_OBJECT_HANDLE *handle);

/* Makes the objects of a block of the backend. */
CK_RV import_add_block(struct session *session, const struct attributes *attributes,
                       const struct backend *backend, const struct bytes *block, CK_OBJECT_HANDLE *handle);

/* C_CreateObject's. */
CK_RV import_private_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                         CK_OBJECT_HANDLE *handle);

#endif
