/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SECRET_H
#define DEVID_PKCS11_SECRET_H

#include "pkcs11/session.h"

/*
 * Secret keys that a call makes. `attributes` is what the call says of the key, its template checked: with
 * CKA_KEY_TYPE, which is one of secrettype.h; without what was not given. Nothing is left behind on failure.
 */

/* The backend that is to have the key, a secret or a private one: the token's own, but software for a key of
 * the session that may be read (CKA_SENSITIVE false) or leave (CKA_EXTRACTABLE true) when the token's own keys may not. */
const struct backend *secret_backend(const struct session *session, const struct attributes *attributes);

/* Whether the session may make it: CKR_OK, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN, or
 * CKR_TEMPLATE_INCONSISTENT for a key that is to leave a token that no key leaves. */
CK_RV secret_may_add(const struct session *session, const struct attributes *attributes);

/*
 * Makes the object of a plain value, which the backend takes in; all checks are made here. What the
 * attributes say of CKA_VALUE_LEN and CKA_CHECK_VALUE must be true: CKR_TEMPLATE_INCONSISTENT,
 * CKR_ATTRIBUTE_VALUE_INVALID; the latter also for a size that the type does not permit.
 */
CK_RV secret_add(struct session *session, const struct attributes *attributes, const struct bytes *value,
                 CK_OBJECT_HANDLE *handle);

/* The same for a value that was worked out in this process: to take a key of the session into a device would
 * hide nothing any more. */
CK_RV secret_add_derived(struct session *session, const struct attributes *attributes,
                         const struct bytes *value, CK_OBJECT_HANDLE *handle);

/* Makes the object of a block that the backend has made; secret_may_add comes before. */
CK_RV secret_add_block(struct session *session, const struct attributes *attributes,
                       const struct backend *backend, const struct bytes *block, CK_OBJECT_HANDLE *handle);

/* C_CreateObject's. */
CK_RV create_secret_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                        CK_OBJECT_HANDLE *handle);

#endif
