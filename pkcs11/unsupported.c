/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"

/* The calls of times when functions ran in parallel: refused, once the session is known to be one. */

static CK_RV refuse(CK_SESSION_HANDLE handle, CK_RV rv)
{
    struct session *session;
    CK_RV entered = session_enter(handle, &session);

    return entered == CKR_OK ? session_leave(session, rv) : entered;
}

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    return refuse(session, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    return refuse(session, CKR_FUNCTION_NOT_PARALLEL);
}
