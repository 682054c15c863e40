/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/session.h"

#include <stdio.h>
#include <stdlib.h>

static CK_RV call_login(struct prov_session *session, CK_USER_TYPE user, const struct bytes *pin)
{
    CK_RV rv;

    prov_guard_enter();
    rv = session->token->module->functions->C_Login(session->handle, user, pin->data, pin->size);
    prov_guard_leave();
    return rv;
}

/* --- what is known of a token's PINs ---
 *
 * A PIN that the token refused is not tried again by this process (nor by its children) until another one was
 * accepted: a service that loads a key again and again must not use up the attempts. A file, variable or
 * callback that gives another PIN is heard at once.
 */

static void copy_accepted(struct prov_token *token, struct bytes *accepted)
{
    pthread_mutex_lock(&token->module->lock);
    if (!bytes_copy(accepted, token->pin.data, token->pin.size))
        *accepted = BYTES_EMPTY;
    pthread_mutex_unlock(&token->module->lock);
}

static void note_accepted_locked(struct prov_token *token, enum prov_pin_result origin, struct bytes *pin)
{
    for (size_t i = 0; i < PROV_REFUSED_MAXIMUM; i++)
        bytes_free(&token->refused[i]);
    token->refused_next = 0;
    if (origin != PROV_PIN_TYPED || !token->module->provider->config.forget_pins)
        bytes_move(&token->pin, pin);
}

/* Takes *pin. What the token thought of it is remembered. */
static void note_pin(struct prov_token *token, CK_RV rv, enum prov_pin_result origin, struct bytes *pin)
{
    pthread_mutex_lock(&token->module->lock);
    atomic_store(&token->pins_change, true);
    if (rv == CKR_OK && pin->size > 0)
        note_accepted_locked(token, origin, pin);
    else if (rv == CKR_PIN_INCORRECT && pin->size > 0)
        bytes_move(&token->refused[token->refused_next++ % PROV_REFUSED_MAXIMUM], pin);
    atomic_store(&token->pins_change, false);
    pthread_mutex_unlock(&token->module->lock);
    bytes_free(pin);
}

static bool was_refused(struct prov_token *token, const struct bytes *pin)
{
    bool refused = false;

    pthread_mutex_lock(&token->module->lock);
    for (size_t i = 0; pin->size > 0 && !refused && i < PROV_REFUSED_MAXIMUM; i++)
        refused = bytes_equal(pin->data, pin->size, token->refused[i].data, token->refused[i].size);
    pthread_mutex_unlock(&token->module->lock);
    return refused;
}

/* The token is asked where it can have come to this: after a refusal, or when it was so before; somebody may
 * have typed the PIN since. */
static bool has_one_attempt_left(struct prov_token *token)
{
    CK_FLAGS flags = prov_token_flags(token);
    bool refused;

    pthread_mutex_lock(&token->module->lock);
    refused = token->refused_next > 0;
    pthread_mutex_unlock(&token->module->lock);
    if (refused || (flags & CKF_USER_PIN_FINAL_TRY) != 0)
        flags = prov_token_flags_now(token);
    return (flags & CKF_USER_PIN_FINAL_TRY) != 0;
}

static const char *why_not_to_try(struct prov_token *token, enum prov_pin_result origin,
                                  const struct bytes *pin)
{
    if (was_refused(token, pin))
        return "the token refused this PIN before; it is not tried again, lest the token be locked";
    if (origin == PROV_PIN_FOUND && has_one_attempt_left(token))
        return "the token has one attempt left, which is for a person to take: type the PIN once, with any "
               "program";
    return NULL;
}

/* "token 'label', pkcs11:...", for messages. */
static char *subject(const struct prov_token *token, const struct prov_pin_request *request)
{
    char *text = NULL;

    return asprintf(&text, "token '%.*s', %s", prov_token_label_length(token),
                    (const char *)token->info.label, request->uri->text) >= 0
               ? text
               : NULL;
}

static void raise_refusal(struct prov_token *token, const struct prov_pin_request *request,
                          const char *problem)
{
    char *text = subject(token, request);

    prov_raise(&token->module->provider->core, PROV_R_PIN_WRONG, "%s: %s",
               text != NULL ? text : request->uri->text, problem);
    free(text);
}

/* Must come before the thread's next call of the module. */
static void raise_answer(struct prov_token *token, const struct prov_pin_request *request, CK_RV rv)
{
    char *text = subject(token, request);

    prov_raise_rv(token->module, rv, "C_Login", text != NULL ? text : request->uri->text);
    free(text);
}

/* Gets a PIN and tries it. CKR_PIN_INVALID with an error raised: there is none, or it is not to be tried. */
static CK_RV try_pin(struct prov_session *session, const struct prov_pin_request *request, CK_USER_TYPE user)
{
    struct prov_token *token = session->token;
    struct bytes accepted = BYTES_EMPTY;
    struct bytes pin = BYTES_EMPTY;
    enum prov_pin_result origin;
    const char *problem;
    CK_RV rv;

    copy_accepted(token, &accepted);
    origin = prov_pin_get(token, request, &accepted, &pin);
    bytes_free(&accepted);
    if (origin == PROV_PIN_MISSING)
        return CKR_PIN_INVALID;
    problem = why_not_to_try(token, origin, &pin);
    if (problem != NULL) {
        raise_refusal(token, request, problem);
        bytes_free(&pin);
        return CKR_PIN_INVALID;
    }
    rv = call_login(session, user, &pin);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN && (user == CKU_USER || rv == CKR_PIN_INVALID))
        raise_answer(token, request, rv);
    log_info("token '%.*s': C_Login: 0x%lx", prov_token_label_length(token), (const char *)token->info.label,
             rv);
    note_pin(token, rv, origin, &pin);
    return rv;
}

/* --- one login at a time --- */

/* False: somebody has logged in meanwhile. *nested: the thread that logs in came back through a callback. */
static bool begin(struct prov_token *token, bool *nested)
{
    struct prov_module *module = token->module;
    bool needed;

    pthread_mutex_lock(&module->lock);
    *nested = token->login_busy && pthread_equal(token->login_thread, pthread_self());
    while (token->login_busy && !*nested)
        pthread_cond_wait(&module->login_ended, &module->lock);
    needed = !token->logged_in;
    if (needed && !*nested) {
        token->login_busy = true;
        token->login_thread = pthread_self();
    }
    pthread_mutex_unlock(&module->lock);
    return needed;
}

static void end(struct prov_token *token, bool logged_in, bool nested)
{
    struct prov_module *module = token->module;

    pthread_mutex_lock(&module->lock);
    token->logged_in = logged_in;
    if (!nested)
        token->login_busy = false;
    pthread_cond_broadcast(&module->login_ended);
    pthread_mutex_unlock(&module->lock);
}

bool prov_session_login(struct prov_session *session, const struct prov_pin_request *request)
{
    struct prov_token *token = session->token;
    enum prov_login behavior = token->module->provider->config.login;
    bool nested;
    CK_RV rv;

    session->login = CKR_OK;
    session->fresh_login = false;
    if (behavior == PROV_LOGIN_NEVER)
        return true;
    if (behavior == PROV_LOGIN_AUTO && (prov_token_flags(token) & CKF_LOGIN_REQUIRED) == 0)
        return true;
    if (!begin(token, &nested))
        return true;
    rv = try_pin(session, request, CKU_USER);
    if (rv == CKR_USER_ALREADY_LOGGED_IN)
        rv = CKR_OK;
    end(token, rv == CKR_OK, nested);
    session->login = rv;
    session->fresh_login = true;
    return rv == CKR_OK;
}

CK_RV prov_session_login_again(struct prov_session *session, const struct prov_pin_request *request)
{
    return try_pin(session, request, CKU_CONTEXT_SPECIFIC);
}

bool prov_session_has_lost_login(struct prov_session *session)
{
    struct prov_token *token = session->token;
    CK_SESSION_INFO info = {.state = CKS_RO_USER_FUNCTIONS};
    bool lost;
    CK_RV rv;

    if (session->fresh_login)
        return false;
    prov_guard_enter();
    rv = token->module->functions->C_GetSessionInfo(session->handle, &info);
    prov_guard_leave();
    pthread_mutex_lock(&token->module->lock);
    lost = rv == CKR_OK && token->logged_in && info.state != CKS_RO_USER_FUNCTIONS &&
           info.state != CKS_RW_USER_FUNCTIONS;
    if (lost)
        token->logged_in = false;
    pthread_mutex_unlock(&token->module->lock);
    return lost;
}
