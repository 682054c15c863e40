/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/module.h"

#include <openssl/err.h>

bool prov_attempt_run(prov_attempt_work *work, void *data)
{
    struct prov_attempt attempt = {0};
    bool ok;

    ERR_set_mark();
    ok = work(data, &attempt);
    if (!ok && !attempt.final && attempt.module != NULL && prov_error_is_stale(attempt.rv)) {
        ERR_pop_to_mark();
        ERR_set_mark();
        prov_module_renew(attempt.module, attempt.epoch, attempt.rv);
        attempt = (struct prov_attempt){0};
        ok = work(data, &attempt);
    }
    if (ok)
        ERR_pop_to_mark(); /* what a module that was not needed complained of */
    else
        ERR_clear_last_mark();
    return ok;
}

bool prov_attempt_take(struct prov_attempt *attempt, struct prov_token *token, struct prov_session *session)
{
    attempt->module = token->module;
    attempt->epoch = prov_module_epoch(token->module);
    if (!prov_session_take(token, session, &attempt->rv))
        return false;
    attempt->epoch = session->epoch;
    return true;
}
