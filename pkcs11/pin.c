/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/session.h"

static CK_RV check_length(CK_ULONG size)
{
    return size >= PIN_MINIMUM && size <= PIN_MAXIMUM
               ? CKR_OK
               : p11_fail(CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", PIN_MINIMUM, PIN_MAXIMUM);
}

static enum login login_of(struct token *token)
{
    enum login login;

    token_lock(token);
    login = token->login;
    token_unlock(token);
    return login;
}

static CK_RV check_token(const struct token *token)
{
    if (token->backend->set_pin == NULL)
        return backend_missing(token->backend, "set a PIN");
    return token->has_pin ? CKR_OK
                          : p11_fail(CKR_FUNCTION_NOT_SUPPORTED,
                                     "token %s was made without a PIN and its keys stay so; make a new one",
                                     token->store.path);
}

static CK_RV set_pin(const struct token *token, CK_USER_TYPE user, const struct bytes *old, CK_UTF8CHAR *pin,
                     CK_ULONG size)
{
    const struct bytes view = {pin, size};
    CK_RV rv = check_length(size);

    return rv == CKR_OK ? token->backend->set_pin(token_instance(token, token->backend), user, old, &view)
                        : rv;
}

/* The SO gives the user a PIN, the first or a new one; keys stay as they are. */
CK_RV C_InitPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR *pin, CK_ULONG size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_data(pin, size))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = check_token(session->token);
    if (rv == CKR_OK && login_of(session->token) != LOGIN_SO)
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = set_pin(session->token, CKU_USER, NULL, pin, size);
    return session_leave(session, rv);
}

/* Of who is logged in, and of the user when nobody is. */
CK_RV C_SetPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR *old, CK_ULONG old_size, CK_UTF8CHAR *pin, CK_ULONG size)
{
    const struct bytes old_view = {old, old_size};
    struct session *session;
    CK_USER_TYPE user;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_data(old, old_size) || !caller_has_data(pin, size))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = check_token(session->token);
    if (rv == CKR_OK && !session->writable)
        rv = CKR_SESSION_READ_ONLY;
    if (rv == CKR_OK)
        rv = check_length(size);
    if (rv == CKR_OK && (old_size < PIN_MINIMUM || old_size > PIN_MAXIMUM)) /* nobody need count this one */
        rv = p11_fail(CKR_PIN_INCORRECT, "PINs have %d to %d bytes", PIN_MINIMUM, PIN_MAXIMUM);
    user = login_of(session->token) == LOGIN_SO ? CKU_SO : CKU_USER;
    if (rv == CKR_OK)
        rv = set_pin(session->token, user, &old_view, pin, size);
    return session_leave(session, rv);
}
