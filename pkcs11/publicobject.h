/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PUBLICOBJECT_H
#define DEVID_PKCS11_PUBLICOBJECT_H

#include "pkcs11/session.h"

/* C_CreateObject of a public key (RSA, or EC on a curve of curve.c) and of a data object: no backend has a
 * part in either. */
CK_RV create_public_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                        CK_OBJECT_HANDLE *handle);
CK_RV create_data(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                  CK_OBJECT_HANDLE *handle);

#endif
