/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/generate.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/tokens.h"
#include "provider/tss2.h"

#include <stdlib.h>

struct generating {
    struct provider *provider;
    const struct prov_request *request;
    struct prov_templates *templates;
    struct prov_uri *uri; /* the token */
    struct prov_attempt *attempt;
    struct prov_key *key; /* the result */
};

struct chosen {
    struct prov_token *token;
    size_t count;
};

static bool choose(void *data, struct prov_token *token)
{
    struct chosen *chosen = data;

    chosen->token = token;
    chosen->count++;
    return true;
}

static struct prov_token *find_token(const struct generating *generating)
{
    struct provider *provider = generating->provider;
    const struct prov_uri *uri = generating->uri;
    struct chosen chosen = {0};
    char *seen;

    if (generating->request->to_file)
        return prov_tss2_choose(provider, uri);
    if (!prov_tokens_visit(provider, uri, choose, &chosen) && chosen.count == 0)
        return NULL;
    if (chosen.count == 1)
        return chosen.token;
    seen = prov_tokens_seen(provider);
    prov_raise(&provider->core, chosen.count == 0 ? PROV_R_NO_TOKEN : PROV_R_SEVERAL_OBJECTS,
               "%s: %s; tokens seen in %s", uri->text,
               chosen.count == 0 ? "no token matches" : "name the token that the key is for, token=LABEL",
               seen != NULL ? seen : "?");
    free(seen);
    return NULL;
}

/* A second key of the same name could be used by none. */
static CK_RV check_name(const struct generating *generating, struct prov_session *session)
{
    const struct prov_uri *uri = generating->uri;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[3] = {
        {CKA_CLASS, &class, sizeof class}
    };
    CK_ULONG named = prov_uri_add_to_template(uri, template + 1);
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;
    CK_RV rv = CKR_OK;

    if (named > 0)
        rv = prov_object_find(session, template, 1 + named, &handles, &count);
    free(handles);
    if (rv != CKR_OK || count == 0)
        return rv;
    prov_raise(&generating->provider->core, PROV_R_SEVERAL_OBJECTS,
               "%s: there is such a key already; name another object= or id=, or delete it first", uri->text);
    return CKR_GENERAL_ERROR;
}

static CK_RV open_session(const struct prov_session *session, bool writes, CK_SESSION_HANDLE *handle)
{
    struct prov_module *module = session->token->module;
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
    CK_SLOT_ID slot;
    CK_RV rv;

    pthread_mutex_lock(&module->lock);
    slot = session->token->slot;
    pthread_mutex_unlock(&module->lock);
    prov_guard_enter();
    rv = module->functions->C_OpenSession(slot, flags, NULL, NULL, handle);
    prov_guard_leave();
    if (rv != CKR_OK) {
        *handle = CK_INVALID_HANDLE;
        prov_raise_rv(module, rv, "C_OpenSession", module->name);
    }
    return rv;
}

static CK_RV make_pair(const struct generating *generating, const struct prov_session *session,
                       CK_SESSION_HANDLE own, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    struct prov_module *module = session->token->module;
    struct prov_templates *templates = generating->templates;
    CK_MECHANISM mechanism = {templates->mechanism, NULL, 0};
    const struct prov_uri *uri = generating->request->uri;
    CK_RV rv;

    prov_guard_enter();
    rv = module->functions->C_GenerateKeyPair(own, &mechanism, templates->public, templates->public_count,
                                              templates->private, templates->private_count, public, private);
    prov_guard_leave();
    generating->attempt->final = rv == CKR_OK; /* one pair is enough */
    if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_GenerateKeyPair", uri != NULL ? uri->text : "TSS2 PRIVATE KEY");
    return rv;
}

static void destroy_pair(const struct prov_session *session, CK_SESSION_HANDLE own, CK_OBJECT_HANDLE public,
                         CK_OBJECT_HANDLE private)
{
    const CK_FUNCTION_LIST *functions = session->token->module->functions;

    prov_guard_enter();
    functions->C_DestroyObject(own, private);
    functions->C_DestroyObject(own, public);
    prov_guard_leave();
}

/* The key of the object, which as that of a file takes over the session that it lives in. */
static struct prov_key *take_key(const struct generating *generating, struct prov_session *session,
                                 struct prov_tss2_object *object)
{
    struct prov_object read = {0};
    struct bytes der = BYTES_EMPTY;
    struct prov_key *key = NULL;

    if (prov_object_read(session, object->handle, CKO_PRIVATE_KEY, &read) == CKR_OK)
        key = prov_key_from_object(session, generating->uri, &read);
    if (key != NULL && generating->request->to_file &&
        (prov_tss2_read(session, object->handle, &der) != CKR_OK || der.size == 0 ||
         !prov_tss2_note(key, &der, object, false) ||
         !bytes_copy(&key->private->file->auth, generating->request->auth.data,
                     generating->request->auth.size))) {
        prov_raise(&generating->provider->core, PROV_R_NOT_SUPPORTED,
                   "TSS2 PRIVATE KEY: the token does not give the new key's file");
        prov_key_free(key);
        key = NULL;
    }
    bytes_free(&der);
    prov_object_free(&read);
    return key;
}

static struct prov_key *generate_in(const struct generating *generating, struct prov_session *session)
{
    bool to_file = generating->request->to_file;
    const struct prov_pin_request pin = {.uri = generating->uri};
    struct prov_attempt *attempt = generating->attempt;
    struct prov_tss2_object object = {0};
    CK_OBJECT_HANDLE public = CK_INVALID_HANDLE;
    struct prov_key *key = NULL;

    if (!to_file && !prov_session_login(session, &pin)) {
        attempt->rv = session->login;
        return NULL;
    }
    if (!to_file)
        attempt->rv = check_name(generating, session);
    if (attempt->rv == CKR_OK)
        attempt->rv = open_session(session, !to_file, &object.holder);
    if (attempt->rv == CKR_OK)
        attempt->rv = make_pair(generating, session, object.holder, &public, &object.handle);
    if (attempt->rv == CKR_OK)
        key = take_key(generating, session, &object);
    if (key == NULL && attempt->final && object.holder != CK_INVALID_HANDLE)
        destroy_pair(session, object.holder, public, object.handle);
    prov_tss2_close(session->token->module, object.holder);
    return key;
}

static bool try_generate(void *data, struct prov_attempt *attempt)
{
    struct generating *generating = data;
    struct prov_token *token = find_token(generating);
    struct prov_session session;

    if (token == NULL || !prov_attempt_take(attempt, token, &session))
        return false;
    generating->attempt = attempt;
    generating->key = generate_in(generating, &session);
    prov_session_return(&session);
    return generating->key != NULL;
}

struct prov_key *prov_generate(struct provider *provider, const struct prov_request *request)
{
    struct prov_templates templates;
    struct generating generating = {.provider = provider, .request = request, .templates = &templates};

    if (prov_request_fill(request, provider, &templates))
        generating.uri = request->uri != NULL ? prov_uri_share(request->uri) : prov_tss2_uri(provider);
    if (generating.uri != NULL)
        prov_attempt_run(try_generate, &generating);
    prov_uri_free(generating.uri);
    prov_templates_free(&templates);
    return generating.key;
}
