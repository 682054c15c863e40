/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/login.h"

#include "pkcs11/failure.h"
#include "pkcs11/pinsource.h"

/*
 * Who may log in while who is (PKCS#11 2.40, 5.6). On a token without a PIN there is nothing to check: a user
 * who logs in all the same is let in, so that programs which always do work with it; there is no SO.
 */
static const struct {
    enum login login;
    CK_USER_TYPE user;
    CK_RV rv;
} rows[] = {
    {LOGIN_NONE, CKU_USER, CKR_OK                            },
    {LOGIN_USER, CKU_USER, CKR_USER_ALREADY_LOGGED_IN        },
    {LOGIN_SO,   CKU_USER, CKR_USER_ANOTHER_ALREADY_LOGGED_IN},
    {LOGIN_NONE, CKU_SO,   CKR_OK                            },
    {LOGIN_USER, CKU_SO,   CKR_USER_ANOTHER_ALREADY_LOGGED_IN},
    {LOGIN_SO,   CKU_SO,   CKR_USER_ALREADY_LOGGED_IN        },
};

/* Under the token's lock. */
static CK_RV may_login(const struct token *token, CK_USER_TYPE user)
{
    if (user == CKU_SO && !token->has_pin)
        return CKR_USER_PIN_NOT_INITIALIZED;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].login == token->login && rows[i].user == user)
            return rows[i].rv == CKR_OK && user == CKU_SO && token->readers != 0
                       ? p11_fail(CKR_SESSION_READ_ONLY_EXISTS,
                                  "the SO logs in only while no read-only session is open")
                       : rows[i].rv;
    return CKR_USER_TYPE_INVALID;
}

static CK_RV check_pin(const struct token *token, CK_USER_TYPE user, const struct bytes *pin)
{
    if (pin->size < PIN_MINIMUM || pin->size > PIN_MAXIMUM) /* the TPM need not count this one */
        return p11_fail(CKR_PIN_INCORRECT, "PINs have %d to %d bytes", PIN_MINIMUM, PIN_MAXIMUM);
    return token->backend->login(token_instance(token, token->backend), user, pin);
}

static CK_RV check_pin_of_source(struct token *token)
{
    struct bytes pin;
    CK_RV rv = pin_source_read(token, &pin);

    if (rv != CKR_OK)
        return rv;
    rv = check_pin(token, CKU_USER, &pin);
    if (rv == CKR_PIN_INCORRECT)
        pin_source_refused(token, &pin);
    bytes_free(&pin);
    return rv;
}

CK_RV login_check_pin(struct token *token, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
    const struct bytes view = {pin, size};

    if (!token->has_pin)
        return CKR_OK;
    if (token->backend->login == NULL)
        return backend_missing(token->backend, "check a PIN");
    return pin == NULL && user == CKU_USER && pin_source_is_set(token) ? check_pin_of_source(token)
                                                                       : check_pin(token, user, &view);
}

/* Under the token's lock. With its last session a login ends (PKCS#11 2.40, 5.6), and does not begin. */
static CK_RV begin_login(const struct session *session, CK_USER_TYPE user)
{
    CK_RV rv = session_is_closed(session) ? CKR_SESSION_CLOSED : may_login(session->token, user);

    if (rv == CKR_OK)
        token_set_login(session->token, user == CKU_SO ? LOGIN_SO : LOGIN_USER);
    return rv;
}

/* The PIN is checked without the token's lock, which takes its time; another thread may have come first. What
 * the PIN opened is of no use to anybody when nobody is logged in. */
static CK_RV login(const struct session *session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
    struct token *token = session->token;
    bool nobody;
    CK_RV rv;

    token_lock(token);
    rv = may_login(token, user);
    token_unlock(token);
    if (rv == CKR_OK)
        rv = login_check_pin(token, user, pin, size);
    if (rv != CKR_OK)
        return rv;
    token_lock(token);
    rv = begin_login(session, user);
    nobody = token->login == LOGIN_NONE;
    token_unlock(token);
    if (nobody && token->has_pin)
        token->backend->logout(token_instance(token, token->backend));
    return rv;
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_data(pin, pin_size))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = user == CKU_CONTEXT_SPECIFIC ? login_for_operation(session, pin, pin_size)
                                      : login(session, user, pin, pin_size);
    return session_leave(session, rv);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    return session_leave(session, token_logout(session->token) ? CKR_OK : CKR_USER_NOT_LOGGED_IN);
}
