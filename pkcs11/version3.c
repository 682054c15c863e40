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

static void cancel_sign(struct session *session)
{
    operation_end(&session->sign);
}

static void cancel_sign_recover(struct session *session)
{
    operation_end(&session->sign_recover);
}

static void cancel_verify(struct session *session)
{
    operation_end(&session->verify);
}

static void cancel_verify_recover(struct session *session)
{
    operation_end(&session->verify_recover);
}

static void cancel_digest(struct session *session)
{
    digest_end(&session->digest);
}

static void cancel_find(struct session *session)
{
    find_end(&session->find);
}

static const struct {
    CK_FLAGS flag;
    void (*cancel)(struct session *session);
} operations[] = {
    {CKF_SIGN,           cancel_sign          },
    {CKF_SIGN_RECOVER,   cancel_sign_recover  },
    {CKF_VERIFY,         cancel_verify        },
    {CKF_VERIFY_RECOVER, cancel_verify_recover},
    {CKF_DIGEST,         cancel_digest        },
    {CKF_FIND_OBJECTS,   cancel_find          },
};

/* Flags of operations that are not active, or that there are none of here, have nothing to cancel. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if ((flags & operations[i].flag) != 0)
            operations[i].cancel(session);
    return session_leave(session, CKR_OK);
}
