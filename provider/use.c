/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/use.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/tss2.h"

#include <stdlib.h>

struct use {
    struct prov_key *key;
    prov_key_work *work;
    void *data;
    CK_RV rv; /* of the last attempt */
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
    CK_OBJECT_CLASS class = key->type->class;
    CK_KEY_TYPE type = key->private->key_type;
    CK_ATTRIBUTE template[4] = {
        {CKA_CLASS,    &class, sizeof class},
        {CKA_KEY_TYPE, &type,  sizeof type }
    };
    CK_ULONG size = add_if_there(template, 2, CKA_ID, &key->private->id);
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;
    CK_RV rv;

    size = add_if_there(template, size, CKA_LABEL, &key->private->label);
    rv = prov_object_find(session, template, size, &handles, &count);
    *handle = count == 1 ? handles[0] : CK_INVALID_HANDLE;
    free(handles);
    if (rv != CKR_OK || count == 1)
        return rv;
    if (count == 0 && prov_session_has_lost_login(session))
        return CKR_USER_NOT_LOGGED_IN;
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
    if (key->private->file != NULL)
        return prov_tss2_find(key, session, handle);
    if (!prov_session_login(session, &request))
        return session->login;
    rv = find_again(key, session, handle);
    if (rv == CKR_OK)
        remember_handle(key, session, *handle);
    return rv;
}

bool prov_mechanism_is_refused(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID;
}

bool prov_answer_is_callers(CK_RV rv)
{
    return prov_mechanism_is_refused(rv) || rv == CKR_ENCRYPTED_DATA_INVALID ||
           rv == CKR_ENCRYPTED_DATA_LEN_RANGE;
}

static CK_RV use_in(const struct use *use, struct prov_session *session)
{
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    const char *call = NULL; /* NULL: the failure already is in the error queue */
    CK_RV rv = login_and_find(use->key, session, &handle);

    if (rv == CKR_OK)
        rv = use->work(use->key, session, handle, use->data, &call);
    session->broken = rv != CKR_OK && !prov_answer_is_callers(rv);
    if (session->broken && call != NULL)
        prov_raise_rv(session->token->module, rv, call, use->key->private->name);
    return rv;
}

static bool try_use(void *data, struct prov_attempt *attempt)
{
    struct use *use = data;
    const struct prov_token_key *private = use->key->private;
    struct prov_module *module = prov_module_at(use->key->provider, private->token->module->index);
    struct prov_token *token;
    struct prov_session session;

    use->rv = CKR_GENERAL_ERROR;
    if (module == NULL)
        return false;
    token = prov_module_same_token(module, private->token);
    *attempt = (struct prov_attempt){module, CKR_TOKEN_NOT_PRESENT, prov_module_epoch(module), false};
    if (token == NULL) {
        prov_raise(&use->key->provider->core, PROV_R_NO_TOKEN,
                   "%s: its token is not there any more, or not for this user", private->name);
    } else if (prov_attempt_take(attempt, token, &session)) {
        attempt->rv = use_in(use, &session);
        prov_session_return(&session);
    }
    use->rv = attempt->rv;
    return use->rv == CKR_OK;
}

CK_RV prov_key_use(struct prov_key *key, prov_key_work *work, void *data)
{
    struct use use = {key, work, data, CKR_OK};

    prov_attempt_run(try_use, &use);
    return use.rv;
}

/* --- an Init call and a call that takes bytes and gives bytes
 * ------------------------------------------------------------------------------------------------------- */

typedef CK_RV init_call(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
typedef CK_RV bytes_call(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out,
                         CK_ULONG *out_size);

struct two_calls {
    CK_MECHANISM *mechanism;
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t room;
    CK_ULONG out_size;
};

/* Both steps want the handle of the operation's session alone. */
static CK_RV call_init(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                       const struct two_calls *calls, init_call *init, const char **call)
{
    const struct prov_pin_request request = {.uri = key->private->uri};
    CK_RV rv;

    prov_guard_enter();
    rv = init(session->handle, calls->mechanism, handle);
    prov_guard_leave();
    if (rv != CKR_OK || !key->private->always_authenticate)
        return rv;
    rv = key->private->file != NULL ? prov_tss2_login(key, session)
                                    : prov_session_login_again(session, &request);
    *call = rv == CKR_PIN_INVALID ? NULL : "C_Login";
    return rv;
}

static CK_RV call_bytes(const struct prov_session *session, struct two_calls *calls, bytes_call *finish)
{
    CK_RV rv;

    calls->out_size = calls->room;
    prov_guard_enter();
    rv = finish(session->handle, (uint8_t *)(uintptr_t)calls->in, calls->in_size, calls->out,
                &calls->out_size);
    prov_guard_leave();
    return rv;
}

static CK_RV sign_work(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                       void *data, const char **call)
{
    const CK_FUNCTION_LIST *functions = session->token->module->functions;
    CK_RV rv;

    *call = "C_SignInit";
    rv = call_init(key, session, handle, data, functions->C_SignInit, call);
    if (rv != CKR_OK)
        return rv;
    *call = "C_Sign";
    return call_bytes(session, data, functions->C_Sign);
}

/* Modules differ in the code by which they tell of a broken padding. */
static CK_RV judge_decrypted(const CK_MECHANISM *mechanism, CK_RV rv)
{
    static const CK_RV codes[] = {CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DATA_INVALID,
                                  CKR_DATA_LEN_RANGE};

    for (size_t i = 0; mechanism->mechanism != CKM_RSA_X_509 && i < sizeof codes / sizeof codes[0]; i++) {
        if (rv == codes[i])
            return CKR_ENCRYPTED_DATA_INVALID;
    }
    return rv;
}

static CK_RV decrypt_work(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                          void *data, const char **call)
{
    const CK_FUNCTION_LIST *functions = session->token->module->functions;
    CK_RV rv;

    *call = "C_DecryptInit";
    rv = call_init(key, session, handle, data, functions->C_DecryptInit, call);
    if (rv != CKR_OK)
        return rv;
    *call = "C_Decrypt";
    rv = call_bytes(session, data, functions->C_Decrypt);
    return judge_decrypted(((const struct two_calls *)data)->mechanism, rv);
}

static CK_RV use_two_calls(struct prov_key *key, prov_key_work *work, CK_MECHANISM *mechanism,
                           const uint8_t *data, size_t size, uint8_t *out, size_t *out_size)
{
    struct two_calls calls = {
        .mechanism = mechanism, .in = data, .in_size = size, .out = out, .room = *out_size};
    CK_RV rv = prov_key_use(key, work, &calls);

    *out_size = calls.out_size;
    return rv;
}

CK_RV prov_key_sign(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                    uint8_t *out, size_t *out_size)
{
    return use_two_calls(key, sign_work, mechanism, data, size, out, out_size);
}

CK_RV prov_key_decrypt(struct prov_key *key, CK_MECHANISM *mechanism, const uint8_t *data, size_t size,
                       uint8_t *out, size_t *out_size)
{
    return use_two_calls(key, decrypt_work, mechanism, data, size, out, out_size);
}
