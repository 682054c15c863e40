/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/search.h"
#include "common/buffer.h"
#include "common/log.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/tokens.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const struct prov_pin_request *request;
    struct provider *provider;
    unsigned wanted;
    unsigned classes; /* that are looked for: what is wanted and the URI admits */
    bool login;       /* after a login */
    bool halves; /* and where there is none, private keys, of which the public half becomes a software key */
    struct prov_findings *findings;
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
        if (search->halves && object->class == CKO_PRIVATE_KEY)
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
        if ((wanted & classes[i].bit) != 0)
            ok = search_class(search, session, classes[i].class);
    }
    return ok;
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

    if (!search->login)
        return search_classes(search, session, search->classes);
    if (!log_in_and_search(search, session, search->classes))
        return false;
    return !search->halves || search->findings->count > before ||
           search_classes(search, session, PROV_WANT_PRIVATE);
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

static void raise_nothing(struct search *search, size_t tokens)
{
    char *seen = prov_tokens_seen(search->provider);
    bool is_token = tokens > 0;

    prov_raise(&search->provider->core, is_token ? PROV_R_NO_OBJECT : PROV_R_NO_TOKEN,
               "%s: no %s matches; tokens seen in %s%s%s", search->request->uri->text,
               is_token ? "object" : "token", seen != NULL ? seen : "?", search->note[0] != '\0' ? "; " : "",
               search->note);
    free(seen);
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

/* Answers how many tokens the URI means in all modules. */
static size_t search_modules(struct search *search)
{
    struct provider *provider = search->provider;
    size_t tokens = 0;

    search->failed = false;
    for (size_t i = 0; i < provider->config.module_count; i++) {
        int meant = prov_module_is_meant(provider, i, search->request->uri);

        if (meant > 0)
            tokens += search_module(search, i);
        search->failed = search->failed || meant < 0;
    }
    return tokens;
}

/* --- who has to log in --- */

static unsigned admitted(const struct prov_uri *uri, unsigned wanted)
{
    unsigned bits = 0;

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if ((wanted & classes[i].bit) != 0 && prov_uri_admits_class(uri, classes[i].class))
            bits |= classes[i].bit;
    }
    return bits;
}

/*
 * A private key cannot be used without the login, so when such a key is all that is wanted it comes first.
 * Else things that anybody may read are looked for without one, unless the PIN is at hand anyway.
 */
static bool login_first(const struct search *search)
{
    unsigned used = search->classes & PROV_WANT_USED;

    if (search->provider->config.login == PROV_LOGIN_ALWAYS)
        return true;
    return used != 0 &&
           (used == search->classes || prov_pin_is_known(search->provider, search->request->uri));
}

/* When no token has anything without a login: whether it is worth one. For certificates only where the URI
 * brings the PIN, since many a program looks for certificates that are nowhere. */
static bool login_then(const struct search *search)
{
    const struct prov_uri *uri = search->request->uri;

    if (search->login)
        return false;
    if (search->halves || (search->classes & PROV_WANT_USED) != 0)
        return true;
    return search->classes != 0 && (uri->pin.size > 0 || uri->pin_source != NULL);
}

/* Where a public key is wanted and there is none, private keys give theirs. */
static bool takes_halves(const struct search *search)
{
    return search->classes == PROV_WANT_PUBLIC ||
           (search->wanted == PROV_WANT_PUBLIC &&
            prov_uri_names_class(search->request->uri, CKO_PRIVATE_KEY));
}

bool prov_search(struct provider *provider, const struct prov_pin_request *request, unsigned wanted,
                 struct prov_findings *findings)
{
    struct search search = {.request = request,
                            .provider = provider,
                            .wanted = wanted,
                            .classes = admitted(request->uri, wanted),
                            .findings = findings};
    size_t tokens;

    *findings = (struct prov_findings){0};
    if (!prov_provider_is_configured(provider))
        return false;
    ERR_set_mark();
    search.login = login_first(&search);
    search.halves = takes_halves(&search);
    tokens = search_modules(&search);
    if (findings->count == 0 && login_then(&search)) {
        search.login = true;
        ERR_pop_to_mark();
        ERR_set_mark();
        tokens = search_modules(&search);
    }
    if (findings->count == 0 && (!search.failed || provider->config.module_count > 1))
        raise_nothing(&search, tokens);
    if (findings->count > 0)
        ERR_pop_to_mark();
    else
        ERR_clear_last_mark();
    log_info("%s: %zu found in %zu tokens", request->uri->text, findings->count, tokens);
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
    for (size_t i = 0; i < findings->count; i++) {
        const struct prov_key *key = findings->items[i].key;

        buffer_addf(&names, "%s%s", i > 0 ? ", " : "", findings->items[i].name);
        if (provider->config.module_count > 1 && key->private != NULL)
            buffer_addf(&names, " in %s", key->private->token->module->name);
    }
    prov_raise(
        &provider->core, PROV_R_SEVERAL_OBJECTS, "%s means all of: %s%s", uri->text, buffer_text(&names),
        provider->config.module_count > 1 ? "; module-name=NAME or module-path=PATH picks a module" : "");
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
