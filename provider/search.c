/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/search.h"
#include "common/buffer.h"
#include "provider/attempt.h"
#include "provider/error.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const struct prov_pin_request *request;
    struct provider *provider;
    unsigned wanted;
    struct prov_findings *findings;
    bool public_of_private; /* a private key is to become a software key with the public half alone */
    bool failed; /* an error was raised, about the search or about an object that was passed over */
    struct prov_attempt *attempt; /* at the tokens of one module */
    char note[PROV_NOTE_SIZE];    /* what a token left out, such as a broken file */
};

struct class_row {
    enum prov_wanted bit;
    CK_OBJECT_CLASS class;
};

static const struct class_row classes[] = {
    {PROV_WANT_PRIVATE,     CKO_PRIVATE_KEY},
    {PROV_WANT_CERTIFICATE, CKO_CERTIFICATE},
    {PROV_WANT_PUBLIC,      CKO_PUBLIC_KEY },
    {PROV_WANT_SECRET,      CKO_SECRET_KEY },
};

/* What cannot be used without a login. */
enum { PROV_WANT_USED = PROV_WANT_PRIVATE | PROV_WANT_SECRET };

static struct prov_uri *uri_of(const struct search *search)
{
    return (struct prov_uri *)(uintptr_t)search->request->uri; /* only its reference count changes */
}

/* Takes the content of *item. */
static bool add(struct search *search, struct prov_found *item)
{
    struct prov_findings *findings = search->findings;
    struct prov_found *items = realloc(findings->items, (findings->count + 1) * sizeof *items);

    if (items == NULL)
        return false;
    findings->items = items;
    items[findings->count++] = *item; /* transferred */
    return true;
}

static void free_item(struct prov_found *item)
{
    prov_key_free(item->key);
    bytes_free(&item->certificate);
    bytes_free(&item->label);
    free(item->name);
}

/* A key of a type that is not supported, or whose public half is nowhere, is an error only when nothing else
 * is found. */
static bool take_object(struct search *search, struct prov_session *session, const struct prov_object *object)
{
    struct prov_found item = {0};

    if (object->class == CKO_CERTIFICATE) {
        if (object->value.size == 0)
            return true;
        if (!bytes_copy(&item.certificate, object->value.data, object->value.size))
            return false;
    } else {
        item.key = prov_key_from_object(session, uri_of(search), object);
        search->failed = search->failed || item.key == NULL;
        if (item.key == NULL)
            return true;
        if (search->public_of_private)
            prov_key_drop_private(item.key);
    }
    item.name = prov_uri_format(&session->token->info, object->class, &object->id, &object->label);
    if (item.name != NULL && bytes_copy(&item.label, object->label.data, object->label.size) &&
        add(search, &item))
        return true;
    free_item(&item);
    return false;
}

static bool search_class(struct search *search, struct prov_session *session, CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE template[3] = {
        {CKA_CLASS, &class, sizeof class}
    };
    CK_ULONG named = prov_uri_add_to_template(search->request->uri, template + 1);
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;
    bool ok = true;

    search->attempt->rv = prov_object_find(session, template, 1 + named, &handles, &count);
    if (session->note[0] != '\0')
        memcpy(search->note, session->note, sizeof search->note);
    for (CK_ULONG i = 0; ok && search->attempt->rv == CKR_OK && i < count; i++) {
        struct prov_object object = {0};

        search->attempt->rv = prov_object_read(session, handles[i], class, &object);
        ok = search->attempt->rv != CKR_OK || take_object(search, session, &object);
        prov_object_free(&object);
    }
    free(handles);
    return ok && search->attempt->rv == CKR_OK;
}

static bool search_classes(struct search *search, struct prov_session *session, unsigned wanted)
{
    bool ok = true;

    for (size_t i = 0; ok && i < sizeof classes / sizeof classes[0]; i++) {
        if ((wanted & classes[i].bit) != 0 && prov_uri_admits_class(search->request->uri, classes[i].class))
            ok = search_class(search, session, classes[i].class);
    }
    return ok;
}

/*
 * A private key cannot be used without the login, so when such a key is all that is wanted it comes first.
 * Else things that anybody may read are looked for without one, unless the PIN is at hand anyway.
 */
static bool login_first(const struct search *search)
{
    unsigned possible = 0;

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if ((search->wanted & classes[i].bit) != 0 &&
            prov_uri_admits_class(search->request->uri, classes[i].class))
            possible |= classes[i].bit;
    }
    if (search->provider->config.login == PROV_LOGIN_ALWAYS || (possible & ~(unsigned)PROV_WANT_USED) == 0)
        return true;
    return (possible & PROV_WANT_USED) != 0 && prov_pin_is_known(search->provider, search->request->uri);
}

static bool log_in_and_search(struct search *search, struct prov_session *session, unsigned wanted)
{
    size_t before = search->findings->count;
    bool ok = prov_session_login(session, search->request);

    search->attempt->rv = session->login;
    ok = ok && search_classes(search, session, wanted);
    if (!ok || search->findings->count > before || !prov_session_has_lost_login(session))
        return ok;
    ok = prov_session_login(session, search->request);
    search->attempt->rv = session->login;
    return ok && search_classes(search, session, wanted);
}

static bool search_session(struct search *search, struct prov_session *session)
{
    size_t before = search->findings->count;
    bool ok;

    if (login_first(search))
        return log_in_and_search(search, session, search->wanted);
    ok = search_classes(search, session, search->wanted);
    if (!ok || search->findings->count > before)
        return ok;
    if ((search->wanted & PROV_WANT_USED) != 0)
        return log_in_and_search(search, session, search->wanted);
    if (search->wanted != PROV_WANT_PUBLIC)
        return true;
    search->public_of_private = true;
    return log_in_and_search(search, session, PROV_WANT_PRIVATE);
}

static bool search_token(void *data, struct prov_token *token)
{
    struct search *search = data;
    struct prov_session session;

    if (!prov_attempt_take(search->attempt, token, &session)) {
        search->failed = true;
        return !prov_error_is_stale(search->attempt->rv); /* another token may be the right one */
    }
    if (!search_session(search, &session))
        search->failed = true;
    prov_session_return(&session);
    return true;
}

/* "module: 'token', 'token'; module: none" */
static void describe_modules(struct provider *provider, struct buffer *text)
{
    for (size_t i = 0; i < provider->config.module_count; i++) {
        struct prov_module *module = atomic_load(&provider->modules[i]);
        char *names = module != NULL ? prov_module_token_names(module) : NULL;

        buffer_addf(text, "%s%s: %s", i > 0 ? "; " : "", provider->config.modules[i],
                    names != NULL ? names : "?");
        free(names);
    }
}

static void raise_nothing(struct search *search, size_t tokens)
{
    bool is_token = tokens > 0;
    struct buffer seen;

    buffer_init(&seen, 16384);
    describe_modules(search->provider, &seen);
    prov_raise(&search->provider->core, is_token ? PROV_R_NO_OBJECT : PROV_R_NO_TOKEN,
               "%s: no %s matches; tokens seen in %s%s%s", search->request->uri->text,
               is_token ? "object" : "token", buffer_text(&seen), search->note[0] != '\0' ? "; " : "",
               search->note);
    buffer_free(&seen);
}

/* The tokens of one module. */
struct visit {
    struct search *search;
    size_t index;       /* of the module */
    bool failed_before; /* the search, in other modules */
    size_t tokens;      /* how many the URI means */
};

static bool visit_tokens(void *data, struct prov_attempt *attempt)
{
    struct visit *visit = data;
    struct search *search = visit->search;
    struct prov_module *module = prov_module_at(search->provider, visit->index);
    size_t before = search->findings->count;

    visit->tokens = 0;
    search->failed = visit->failed_before || module == NULL;
    if (module == NULL)
        return false;
    search->attempt = attempt;
    attempt->module = module;
    attempt->epoch = prov_module_epoch(module);
    if (!prov_module_visit(module, search->request->uri, search_token, search, &visit->tokens)) {
        search->failed = true;
        attempt->rv = module->listing;
    }
    return search->findings->count > before;
}

/* Answers how many tokens the URI means. */
static size_t search_module(struct search *search, size_t index)
{
    struct visit visit = {search, index, search->failed, 0};

    prov_attempt_run(visit_tokens, &visit);
    return visit.tokens;
}

bool prov_search(struct provider *provider, const struct prov_pin_request *request, unsigned wanted,
                 struct prov_findings *findings)
{
    struct search search = {.request = request, .provider = provider, .wanted = wanted, .findings = findings};
    size_t tokens = 0;

    *findings = (struct prov_findings){0};
    if (!prov_provider_is_configured(provider))
        return false;
    ERR_set_mark();
    for (size_t i = 0; i < provider->config.module_count; i++) {
        int meant = prov_module_is_meant(provider, i, request->uri);

        search.public_of_private = false;
        if (meant > 0)
            tokens += search_module(&search, i);
        search.failed = search.failed || meant < 0;
    }
    if (findings->count == 0 && (!search.failed || provider->config.module_count > 1))
        raise_nothing(&search, tokens);
    if (findings->count > 0)
        ERR_pop_to_mark();
    else
        ERR_clear_last_mark();
    return findings->count > 0;
}

void prov_findings_free(struct prov_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        free_item(&findings->items[i]);
    free(findings->items);
    *findings = (struct prov_findings){0};
}

static void raise_several(struct provider *provider, const struct prov_uri *uri,
                          const struct prov_findings *findings)
{
    struct buffer names;

    buffer_init(&names, 16384);
    for (size_t i = 0; i < findings->count; i++)
        buffer_addf(&names, "%s%s", i > 0 ? ", " : "", findings->items[i].name);
    prov_raise(&provider->core, PROV_R_SEVERAL_OBJECTS, "%s means all of: %s", uri->text,
               buffer_text(&names));
    buffer_free(&names);
}

struct prov_key *prov_search_key(struct provider *provider, const struct prov_pin_request *request,
                                 bool must_be_private)
{
    bool public = !must_be_private && prov_uri_names_class(request->uri, CKO_PUBLIC_KEY);
    struct prov_findings findings;
    struct prov_key *key = NULL;

    if (!prov_search(provider, request, public ? PROV_WANT_PUBLIC : PROV_WANT_PRIVATE, &findings))
        return NULL;
    if (findings.count == 1)
        key = prov_key_share(findings.items[0].key);
    else
        raise_several(provider, request->uri, &findings);
    prov_findings_free(&findings);
    return key;
}

void prov_leave_recent_key(struct provider *provider, struct prov_key *key)
{
    prov_key_free(atomic_exchange(&provider->recent, key));
}

struct prov_key *prov_take_recent_key(struct provider *provider, const struct prov_uri *uri)
{
    struct prov_key *key = atomic_exchange(&provider->recent, NULL);

    if (key != NULL && key->private != NULL && key->private->file == NULL &&
        prov_uri_equal(key->private->uri, uri))
        return key;
    prov_key_free(key);
    return NULL;
}
