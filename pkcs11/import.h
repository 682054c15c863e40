/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_IMPORT_H
#define DEVID_PKCS11_IMPORT_H

#include "pkcs11/session.h"

/* C_CreateObject of a private key: the token's backend takes the key in, and its public half comes with it,
 * as from a key file. */
CK_RV import_private_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                         CK_OBJECT_HANDLE *handle);

#endif
