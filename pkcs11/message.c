/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pkcs11-3.0.h"
#include "pkcs11/session.h"

/* The message-based functions of PKCS#11 3.0, which this module does not have: each takes its arguments and
 * refuses, once the session is known to be one. */

static CK_RV refuse(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    return rv == CKR_OK ? session_leave(session, CKR_FUNCTION_NOT_SUPPORTED) : rv;
}

CK_RV message_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)mechanism;
    (void)key;
    return refuse(session);
}

CK_RV message_final(CK_SESSION_HANDLE session)
{
    return refuse(session);
}

CK_RV message_crypt(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *associated,
                    CK_ULONG associated_size, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out, CK_ULONG *out_size)
{
    (void)parameter;
    (void)parameter_size;
    (void)associated;
    (void)associated_size;
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_size;
    return refuse(session);
}

CK_RV message_crypt_begin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                          CK_BYTE *associated, CK_ULONG associated_size)
{
    (void)parameter;
    (void)parameter_size;
    (void)associated;
    (void)associated_size;
    return refuse(session);
}

CK_RV message_crypt_next(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *in,
                         CK_ULONG in_size, CK_BYTE *out, CK_ULONG *out_size, CK_FLAGS flags)
{
    (void)parameter;
    (void)parameter_size;
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_size;
    (void)flags;
    return refuse(session);
}

CK_RV message_sign(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *data,
                   CK_ULONG data_size, CK_BYTE *signature, CK_ULONG *signature_size)
{
    (void)parameter;
    (void)parameter_size;
    (void)data;
    (void)data_size;
    (void)signature;
    (void)signature_size;
    return refuse(session);
}

CK_RV message_begin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size)
{
    (void)parameter;
    (void)parameter_size;
    return refuse(session);
}

CK_RV message_verify(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size, CK_BYTE *data,
                     CK_ULONG data_size, CK_BYTE *signature, CK_ULONG signature_size)
{
    (void)parameter;
    (void)parameter_size;
    (void)data;
    (void)data_size;
    (void)signature;
    (void)signature_size;
    return refuse(session);
}
