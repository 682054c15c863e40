/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/pkcs11-3.0.h"
#include "pkcs11/session.h"

/* What PKCS#11 3.0 adds and this module does. */

/* Tokens here have one user and one SO, who have no names. */
CK_RV C_LoginUser(CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin, CK_ULONG pin_size,
                  CK_UTF8CHAR *name, CK_ULONG name_size)
{
    struct session *session;
    CK_RV rv;

    (void)name;
    if (name_size == 0)
        return C_Login(handle, type, pin, pin_size);
    rv = session_enter(handle, &session);
    if (rv != CKR_OK)
        return rv;
    return session_leave(session,
                         p11_fail(CKR_ARGUMENTS_BAD, "users have no names here; give none, or use C_Login"));
}

/* Flags of operations that are not active, or that there are none of here, have nothing to cancel. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    session_end_operations(session, flags);
    if ((flags & CKF_FIND_OBJECTS) != 0)
        find_end(&session->find);
    return session_leave(session, CKR_OK);
}
