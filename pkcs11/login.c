/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"

/* A token without a PIN has nothing to check: a user who logs in all the same is let in, so that programs
 * which always do work with it. There is no SO. */
CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_size)
{
    static const struct {
        CK_USER_TYPE user;
        CK_RV rv;
    } answers[] = {
        {CKU_USER,             CKR_OK                       },
        {CKU_SO,               CKR_USER_PIN_NOT_INITIALIZED },
        {CKU_CONTEXT_SPECIFIC, CKR_OPERATION_NOT_INITIALIZED},
    };
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (pin == NULL && pin_size != 0)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = CKR_USER_TYPE_INVALID;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        if (answers[i].user == user)
            rv = answers[i].rv;
    token_lock(session->token);
    if (rv == CKR_OK && session->token->logged_in)
        rv = CKR_USER_ALREADY_LOGGED_IN;
    else if (rv == CKR_OK)
        session->token->logged_in = true;
    token_unlock(session->token);
    return session_leave(session, rv);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    token_lock(session->token);
    rv = session->token->logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
    session->token->logged_in = false;
    token_unlock(session->token);
    return session_leave(session, rv);
}
