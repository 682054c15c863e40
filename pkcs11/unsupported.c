/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"

/* The functions that this module does not have. Each takes its arguments and refuses, once the session is
 * known to be one. */

static CK_RV refuse(CK_SESSION_HANDLE handle, CK_RV rv)
{
    struct session *session;
    CK_RV entered = session_enter(handle, &session);

    return entered == CKR_OK ? session_leave(session, rv) : entered;
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *p1, CK_ULONG p2, CK_BYTE *p3, CK_ULONG *p4)
{
    (void)p1;
    (void)p2;
    (void)p3;
    (void)p4;
    return refuse(session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *p1, CK_ULONG p2, CK_BYTE *p3, CK_ULONG *p4)
{
    (void)p1;
    (void)p2;
    (void)p3;
    (void)p4;
    return refuse(session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *p1, CK_ULONG p2, CK_BYTE *p3, CK_ULONG *p4)
{
    (void)p1;
    (void)p2;
    (void)p3;
    (void)p4;
    return refuse(session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *p1, CK_ULONG p2, CK_BYTE *p3, CK_ULONG *p4)
{
    (void)p1;
    (void)p2;
    (void)p3;
    (void)p4;
    return refuse(session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    return refuse(session, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    return refuse(session, CKR_FUNCTION_NOT_PARALLEL);
}
