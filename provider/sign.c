/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/sign.h"
#include "provider/error.h"
#include "provider/guard.h"

#include <openssl/err.h>

/* One attempt at a signature: which call failed with what, and in which epoch. */
struct attempt {
    CK_RV rv;
    const char *call;
    bool raised; /* the failure already is in the error queue */
    uint64_t epoch;
};

static CK_OBJECT_HANDLE known_handle(const struct prov_key *key, const struct prov_session *session)
{
    struct prov_module *module = session->token->module;
    CK_OBJECT_HANDLE handle;

    pthread_mutex_lock(&module->lock);
    handle = key->private->epoch == session->epoch ? key->private->handle : CK_INVALID_HANDLE;
    pthread_mutex_unlock(&module->lock);
    return handle;
}

static void remember_handle(struct prov_key *key, const struct prov_session *session, CK_OBJECT_HANDLE handle)
{
    struct prov_module *module = session->token->module;

    pthread_mutex_lock(&module->lock);
    key->private->handle = handle;
    key->private->epoch = session->epoch;
    pthread_mutex_unlock(&module->lock);
}

static CK_ULONG add_if_there(CK_ATTRIBUTE *template, CK_ULONG size, CK_ATTRIBUTE_TYPE type,
                             const struct bytes *value)
{
    if (value->size == 0)
        return size;
    template[size] = (CK_ATTRIBUTE){type, value->data, value->size};
    return size + 1;
}

/* Looks for the key by what identifies it. Exactly one object must fit. */
static CK_RV find_again(struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE *handle)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = key->type->pkcs11;
    CK_ATTRIBUTE template[4] = {
        {CKA_CLASS,    &class, sizeof class},
        {CKA_KEY_TYPE, &type,  sizeof type }
    };
    CK_ULONG size = add_if_there(template, 2, CKA_ID, &key->private->id);
    CK_OBJECT_HANDLE handles[PROV_OBJECTS_MAXIMUM];
    CK_ULONG count = 0;
    CK_RV rv;

    size = add_if_there(template, size, CKA_LABEL, &key->private->label);
    rv = prov_object_find(session, template, size, handles, &count);
    if (rv != CKR_OK || count == 1) {
        *handle = count == 1 ? handles[0] : CK_INVALID_HANDLE;
        return rv;
    }
    prov_raise(&key->provider->core, count == 0 ? PROV_R_NO_OBJECT : PROV_R_SEVERAL_OBJECTS, "%s: %s",
               key->private->name,
               count == 0 ? "it is not there any more" : "several objects with this id and label were found");
    return CKR_KEY_NEEDED;
}

static CK_RV login_and_find(struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE *handle)
{
    const struct prov_pin_request request = {.uri = key->private->uri};
    CK_RV rv;

    *handle = known_handle(key, session);
    if (*handle != CK_INVALID_HANDLE)
        return CKR_OK;
    if (!prov_session_login(session, &request))
        return CKR_USER_PIN_NOT_INITIALIZED;
    rv = find_again(key, session, handle);
    if (rv == CKR_OK)
        remember_handle(key, session, *handle);
    return rv;
}

static CK_RV call_sign(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session, const uint8_t *data,
                       size_t size, uint8_t *signature, size_t *signature_size)
{
    CK_ULONG length = *signature_size;
    CK_RV rv;

    prov_guard_enter();
    rv = functions->C_Sign(session, (uint8_t *)(uintptr_t)data, size, signature, &length);
    prov_guard_leave();
    *signature_size = length;
    return rv;
}

static CK_RV call_sign_init(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                            CK_OBJECT_HANDLE handle)
{
    CK_RV rv;

    prov_guard_enter();
    rv = functions->C_SignInit(session, mechanism, handle);
    prov_guard_leave();
    return rv;
}

static bool refuses_mechanism(const struct attempt *attempt)
{
    return attempt->rv == CKR_MECHANISM_INVALID || attempt->rv == CKR_MECHANISM_PARAM_INVALID;
}

static void sign_in_session(struct prov_key *key, struct prov_session *session, CK_MECHANISM *mechanism,
                            const uint8_t *data, size_t size, uint8_t *signature, size_t *signature_size,
                            struct attempt *attempt)
{
    CK_FUNCTION_LIST *functions = session->token->module->functions;
    const struct prov_pin_request request = {.uri = key->private->uri};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    attempt->raised = true;
    attempt->rv = login_and_find(key, session, &handle);
    if (attempt->rv != CKR_OK)
        return;
    attempt->raised = false;
    attempt->call = "C_SignInit";
    attempt->rv = call_sign_init(functions, session->handle, mechanism, handle);
    if (attempt->rv == CKR_OK && key->private->always_authenticate) {
        attempt->call = "C_Login";
        attempt->rv = prov_session_login_again(session, &request);
    }
    if (attempt->rv != CKR_OK)
        return;
    attempt->call = "C_Sign";
    attempt->rv = call_sign(functions, session->handle, data, size, signature, signature_size);
}

/* An attempt leaves no error in the queue when another one follows. */
static void attempt_sign(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                         uint8_t *signature, size_t *signature_size, bool last, struct attempt *attempt)
{
    struct prov_module *module = prov_module_get(key->provider);
    struct prov_token *token = module != NULL ? prov_module_same_token(module, key->private->token) : NULL;
    struct prov_session session;

    *attempt = (struct attempt){.rv = CKR_GENERAL_ERROR, .raised = true};
    if (module == NULL)
        return;
    attempt->epoch = prov_module_epoch(module);
    if (token == NULL) {
        attempt->rv = CKR_TOKEN_NOT_PRESENT;
        prov_raise(&key->provider->core, PROV_R_NO_TOKEN, "%s: its token is not there any more",
                   key->private->name);
        return;
    }
    if (!prov_session_take(token, &session, &attempt->rv))
        return;
    attempt->epoch = session.epoch;
    sign_in_session(key, &session, mechanism, data, size, signature, signature_size, attempt);
    session.broken = attempt->rv != CKR_OK && !refuses_mechanism(attempt);
    if (attempt->rv != CKR_OK && !attempt->raised && (last || !prov_error_is_stale(attempt->rv)) &&
        !(refuses_mechanism(attempt)))
        prov_raise_rv(module, attempt->rv, attempt->call, key->private->name);
    prov_session_return(&session);
}

CK_RV prov_key_sign(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                    uint8_t *signature, size_t *signature_size)
{
    size_t room = *signature_size;
    struct attempt attempt;

    ERR_set_mark();
    attempt_sign(key, mechanism, data, size, signature, signature_size, false, &attempt);
    if (attempt.rv == CKR_OK || !prov_error_is_stale(attempt.rv)) {
        ERR_clear_last_mark();
        return attempt.rv;
    }
    ERR_pop_to_mark();
    prov_module_renew(atomic_load(&key->provider->module), attempt.epoch, attempt.rv);
    *signature_size = room;
    attempt_sign(key, mechanism, data, size, signature, signature_size, true, &attempt);
    return attempt.rv;
}
