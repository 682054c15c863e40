/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/session.h"
#include "provider/error.h"
#include "provider/guard.h"

static CK_FUNCTION_LIST *functions_of(const struct prov_session *session)
{
    return session->token->module->functions;
}

static unsigned permitted(const struct prov_token *token)
{
    CK_ULONG most = token->info.ulMaxSessionCount;
    unsigned configured = token->module->provider->config.sessions;

    if (most == CK_EFFECTIVELY_INFINITE || most == CK_UNAVAILABLE_INFORMATION || most >= configured)
        return configured;
    return (unsigned)most;
}

static CK_RV open_session(struct prov_session *session, CK_SLOT_ID slot)
{
    CK_RV rv;

    prov_guard_enter();
    rv = functions_of(session)->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session->handle);
    prov_guard_leave();
    return rv;
}

/* True: an idle session was taken. False: one is to be opened, its place is reserved. */
static bool take_or_reserve(struct prov_session *session, CK_SLOT_ID *slot)
{
    struct prov_token *token = session->token;
    struct prov_module *module = token->module;
    bool taken;

    pthread_mutex_lock(&module->lock);
    while (token->idle_count == 0 && token->open_count >= permitted(token))
        pthread_cond_wait(&module->session_returned, &module->lock);
    session->epoch = module->epoch;
    taken = token->idle_count > 0;
    if (taken)
        session->handle = token->idle[--token->idle_count];
    else
        token->open_count++;
    *slot = token->slot;
    pthread_mutex_unlock(&module->lock);
    return taken;
}

static void give_up_place(struct prov_token *token)
{
    pthread_mutex_lock(&token->module->lock);
    token->open_count--;
    pthread_cond_signal(&token->module->session_returned);
    pthread_mutex_unlock(&token->module->lock);
}

bool prov_session_take(struct prov_token *token, struct prov_session *session, CK_RV *rv)
{
    CK_SLOT_ID slot;
    CK_RV result = CKR_OK;

    *session = (struct prov_session){.token = token};
    if (!take_or_reserve(session, &slot))
        result = open_session(session, slot);
    if (rv != NULL)
        *rv = result;
    if (result == CKR_OK)
        return true;
    prov_raise_rv(token->module, result, "C_OpenSession", token->module->name);
    give_up_place(token);
    return false;
}

void prov_session_return(struct prov_session *session)
{
    struct prov_token *token = session->token;
    struct prov_module *module = token->module;
    bool kept;

    pthread_mutex_lock(&module->lock);
    kept = !session->broken && session->epoch == module->epoch &&
           token->idle_count < module->provider->config.sessions;
    if (kept)
        token->idle[token->idle_count++] = session->handle;
    else
        token->open_count--;
    if (token->open_count == 0)
        token->logged_in = false; /* a login ends with the last session */
    pthread_cond_signal(&module->session_returned);
    pthread_mutex_unlock(&module->lock);
    if (kept)
        return;
    prov_guard_enter();
    module->functions->C_CloseSession(session->handle);
    prov_guard_leave();
}

static CK_RV call_login(struct prov_session *session, CK_USER_TYPE user, const struct bytes *pin)
{
    CK_RV rv;

    prov_guard_enter();
    rv = functions_of(session)->C_Login(session->handle, user, pin->data, pin->size);
    prov_guard_leave();
    return rv;
}

static bool is_logged_in(struct prov_token *token, struct bytes *accepted)
{
    bool logged_in;

    pthread_mutex_lock(&token->module->lock);
    logged_in = token->logged_in;
    if (!logged_in && !bytes_copy(accepted, token->pin.data, token->pin.size))
        *accepted = BYTES_EMPTY;
    pthread_mutex_unlock(&token->module->lock);
    return logged_in;
}

/* Takes *pin. What the token thought of it is remembered. */
static void note_login(struct prov_token *token, CK_RV rv, struct bytes *pin)
{
    pthread_mutex_lock(&token->module->lock);
    token->logged_in = rv == CKR_OK;
    if (rv == CKR_OK && pin->size > 0 && !token->module->provider->config.forget_pins)
        bytes_move(&token->pin, pin);
    else if (rv == CKR_PIN_INCORRECT && pin->size > 0)
        bytes_move(&token->refused, pin);
    pthread_mutex_unlock(&token->module->lock);
    bytes_free(pin);
}

static bool was_refused(struct prov_token *token, const struct bytes *pin)
{
    bool refused;

    pthread_mutex_lock(&token->module->lock);
    refused = pin->size > 0 && bytes_equal(pin->data, pin->size, token->refused.data, token->refused.size);
    pthread_mutex_unlock(&token->module->lock);
    return refused;
}

static bool login(struct prov_session *session, const struct prov_pin_request *request,
                  const struct bytes *accepted)
{
    struct prov_token *token = session->token;
    struct bytes pin = BYTES_EMPTY;
    CK_RV rv;

    if (prov_pin_get(token, request, accepted, &pin) == PROV_PIN_MISSING)
        return false;
    if (was_refused(token, &pin)) {
        prov_raise(&token->module->provider->core, PROV_R_PIN_WRONG,
                   "%s: the token refused this PIN before; it is not tried again, lest the token be locked",
                   request->uri->text);
        bytes_free(&pin);
        return false;
    }
    rv = call_login(session, CKU_USER, &pin);
    if (rv == CKR_USER_ALREADY_LOGGED_IN)
        rv = CKR_OK;
    if (rv != CKR_OK)
        prov_raise_rv(token->module, rv, "C_Login", request->uri->text);
    note_login(token, rv, &pin);
    return rv == CKR_OK;
}

bool prov_session_login(struct prov_session *session, const struct prov_pin_request *request)
{
    enum prov_login behavior = session->token->module->provider->config.login;
    struct bytes accepted = BYTES_EMPTY;
    bool ok;

    if (behavior == PROV_LOGIN_NEVER)
        return true;
    if (behavior == PROV_LOGIN_AUTO && (session->token->info.flags & CKF_LOGIN_REQUIRED) == 0)
        return true;
    ok = is_logged_in(session->token, &accepted) || login(session, request, &accepted);
    bytes_free(&accepted);
    return ok;
}

CK_RV prov_session_login_again(struct prov_session *session, const struct prov_pin_request *request)
{
    struct bytes accepted = BYTES_EMPTY;
    struct bytes pin = BYTES_EMPTY;
    CK_RV rv = CKR_PIN_INVALID;

    pthread_mutex_lock(&session->token->module->lock);
    if (!bytes_copy(&accepted, session->token->pin.data, session->token->pin.size))
        accepted = BYTES_EMPTY;
    pthread_mutex_unlock(&session->token->module->lock);
    if (prov_pin_get(session->token, request, &accepted, &pin) != PROV_PIN_MISSING)
        rv = call_login(session, CKU_CONTEXT_SPECIFIC, &pin);
    bytes_free(&accepted);
    bytes_free(&pin);
    return rv;
}
