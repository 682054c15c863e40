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
    unsigned ours = token->module->sessions;

    if (most == CK_EFFECTIVELY_INFINITE || most == CK_UNAVAILABLE_INFORMATION || most >= ours)
        return ours;
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
    session->incarnation = module->incarnation;
    taken = token->idle_count > 0;
    if (taken)
        session->handle = token->idle[--token->idle_count];
    else
        token->open_count++;
    *slot = token->slot;
    pthread_mutex_unlock(&module->lock);
    return taken;
}

/* All who wait are woken: some of them may wait for another token. */
static void give_up_place(struct prov_token *token)
{
    pthread_mutex_lock(&token->module->lock);
    token->open_count--;
    pthread_cond_broadcast(&token->module->session_returned);
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

/* A session that is not kept has its place until it is closed: the token may permit no more than there are.
 */
void prov_session_return(struct prov_session *session)
{
    struct prov_token *token = session->token;
    struct prov_module *module = token->module;
    bool kept;
    bool known;

    pthread_mutex_lock(&module->lock);
    known = session->incarnation == module->incarnation;
    kept = !session->broken && session->epoch == module->epoch &&
           token->idle_count < module->provider->config.sessions;
    if (kept)
        token->idle[token->idle_count++] = session->handle;
    else if (token->open_count == 1)
        token->logged_in = false; /* a login ends with the last session */
    pthread_cond_broadcast(&module->session_returned);
    pthread_mutex_unlock(&module->lock);
    if (kept)
        return;
    if (known) { /* else the handle may be somebody else's by now */
        prov_guard_enter();
        module->functions->C_CloseSession(session->handle);
        prov_guard_leave();
    }
    give_up_place(token);
}
