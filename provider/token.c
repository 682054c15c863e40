/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/token.h"
#include "common/buffer.h"
#include "common/log.h"
#include "provider/error.h"
#include "provider/guard.h"

#include <stdlib.h>
#include <string.h>

static bool same_identity(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return memcmp(a->label, b->label, sizeof a->label) == 0 &&
           memcmp(a->serialNumber, b->serialNumber, sizeof a->serialNumber) == 0 &&
           memcmp(a->model, b->model, sizeof a->model) == 0 &&
           memcmp(a->manufacturerID, b->manufacturerID, sizeof a->manufacturerID) == 0;
}

static struct prov_token *find_token(struct prov_module *module, const CK_TOKEN_INFO *info)
{
    struct prov_token *token = module->tokens;

    while (token != NULL && !same_identity(&token->info, info))
        token = token->next;
    return token;
}

static bool copy_pins(struct prov_token *token, const struct prov_token *before)
{
    bool ok = bytes_copy(&token->pin, before->pin.data, before->pin.size);

    for (size_t i = 0; ok && i < PROV_REFUSED_MAXIMUM; i++)
        ok = bytes_copy(&token->refused[i], before->refused[i].data, before->refused[i].size);
    token->refused_next = before->refused_next;
    return ok;
}

/* What was learnt of the token's PIN before a fork serves after it too. */
static bool inherit_pins(struct prov_token *token)
{
    for (struct prov_module *older = token->module->before_fork; older != NULL; older = older->before_fork) {
        const struct prov_token *before = find_token(older, &token->info);

        if (before != NULL)
            return atomic_load(&before->pins_change) || copy_pins(token, before);
    }
    return true;
}

static struct prov_token *add_token(struct prov_module *module, const CK_TOKEN_INFO *info)
{
    struct prov_token *token = calloc(1, sizeof *token);

    if (token == NULL)
        return NULL;
    token->module = module;
    token->info = *info;
    token->idle = calloc(module->provider->config.sessions, sizeof *token->idle);
    if (token->idle == NULL || !inherit_pins(token)) {
        prov_tokens_free(token, false);
        return NULL;
    }
    token->next = module->tokens;
    module->tokens = token;
    return token;
}

/* Slots whose token cannot be read, or has not been set up, are passed over: another token may be the right
 * one. That a token failed is told where nothing is found. */
static CK_RV note_token(struct prov_module *module, CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;
    struct prov_token *token;
    CK_RV rv;

    memset(&info, 0, sizeof info);
    rv = module->functions->C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK && rv != CKR_TOKEN_NOT_PRESENT && rv != CKR_TOKEN_NOT_RECOGNIZED)
        prov_error_note_failure(module, slot, rv, module->note, sizeof module->note);
    if (rv != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0)
        return CKR_OK;
    token = find_token(module, &info);
    if (token == NULL)
        token = add_token(module, &info);
    if (token == NULL)
        return CKR_HOST_MEMORY;
    token->info.flags = info.flags;
    token->info.ulMaxSessionCount = info.ulMaxSessionCount;
    token->slot = slot;
    token->present = true;
    return CKR_OK;
}

enum { SLOTS_AT_FIRST = 64, SLOTS_MAXIMUM = 65536 };

/* Asks for the slots, where there is room for *count of them; 0: for as many as the module says. *slots is
 * malloc'ed. */
static CK_RV ask_for_slots(struct prov_module *module, CK_SLOT_ID **slots, CK_ULONG *count)
{
    CK_ULONG room;
    CK_RV rv;

    if (*count == 0) {
        rv = module->functions->C_GetSlotList(CK_TRUE, NULL, count);
        if (rv != CKR_OK)
            return rv;
        prov_error_note(module, module->note, sizeof module->note);
    }
    room = *count;
    if (room > SLOTS_MAXIMUM)
        return CKR_GENERAL_ERROR;
    *slots = calloc(room + 1, sizeof **slots);
    if (*slots == NULL)
        return CKR_HOST_MEMORY;
    rv = module->functions->C_GetSlotList(CK_TRUE, *slots, count);
    return rv == CKR_OK && *count > room ? CKR_BUFFER_TOO_SMALL : rv;
}

/* A module that was initialised a moment ago knows its slots. Later it may find new ones only when it is
 * asked for their number. *slots is malloc'ed. */
static CK_RV read_slots(struct prov_module *module, CK_SLOT_ID **slots, CK_ULONG *count)
{
    bool fresh = module->fresh;
    CK_RV rv = CKR_BUFFER_TOO_SMALL;

    module->fresh = false;
    *slots = NULL;
    for (int attempt = 0; rv == CKR_BUFFER_TOO_SMALL && attempt < 5; attempt++) {
        free(*slots);
        *slots = NULL;
        *count = fresh && attempt == 0 ? SLOTS_AT_FIRST : 0;
        rv = ask_for_slots(module, slots, count);
    }
    return rv;
}

static bool list_tokens_locked(struct prov_module *module)
{
    CK_SLOT_ID *slots = NULL;
    CK_ULONG count = 0;
    CK_RV rv;

    for (struct prov_token *token = module->tokens; token != NULL; token = token->next)
        token->present = false;
    prov_guard_enter();
    rv = read_slots(module, &slots, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = note_token(module, slots[i]);
    prov_guard_leave();
    free(slots);
    for (const struct prov_token *token = module->tokens; token != NULL; token = token->next) {
        if (token->present)
            log_info("%s: token '%.*s', slot %lu, flags 0x%lx", module->name, prov_token_label_length(token),
                     (const char *)token->info.label, token->slot, token->info.flags);
    }
    module->listed = rv == CKR_OK;
    module->listing = rv;
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        prov_module_was_finalized(module);
    if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_GetSlotList", module->name);
    return module->listed;
}

static bool slot_matches(struct prov_module *module, const struct prov_uri *uri, CK_SLOT_ID slot)
{
    CK_SLOT_INFO info;
    CK_RV rv;

    if (!prov_uri_names_slot(uri))
        return true;
    prov_guard_enter();
    rv = module->functions->C_GetSlotInfo(slot, &info);
    prov_guard_leave();
    return rv == CKR_OK && prov_uri_matches_slot(uri, &info);
}

static bool token_matches(const struct prov_uri *uri, const struct prov_token *token)
{
    return token->present && prov_uri_matches_token(uri, token->slot, &token->info) &&
           slot_matches(token->module, uri, token->slot);
}

/* The first match in the list from `token` on. */
static struct prov_token *next_match(struct prov_token *token, const struct prov_uri *uri)
{
    while (token != NULL && !token_matches(uri, token))
        token = token->next;
    return token;
}

static bool first_match(struct prov_module *module, const struct prov_uri *uri, struct prov_token **token)
{
    bool fresh = !module->listed;

    *token = NULL;
    if (fresh && !list_tokens_locked(module))
        return false;
    *token = next_match(module->tokens, uri);
    if (*token != NULL || fresh)
        return true;
    if (!list_tokens_locked(module))
        return false;
    *token = next_match(module->tokens, uri);
    return true;
}

bool prov_module_visit(struct prov_module *module, const struct prov_uri *uri, prov_token_visit *visit,
                       void *data, size_t *count)
{
    struct prov_token *token;
    bool ok;

    *count = 0;
    pthread_mutex_lock(&module->lock);
    ok = first_match(module, uri, &token);
    pthread_mutex_unlock(&module->lock);
    while (token != NULL) {
        (*count)++;
        if (!visit(data, token))
            break;
        pthread_mutex_lock(&module->lock);
        token = next_match(token->next, uri);
        pthread_mutex_unlock(&module->lock);
    }
    return ok;
}

struct prov_token *prov_module_same_token(struct prov_module *module, const struct prov_token *token)
{
    struct prov_token *found = NULL;

    pthread_mutex_lock(&module->lock);
    if (module->listed || list_tokens_locked(module))
        found = find_token(module, &token->info);
    if (found != NULL && !found->present)
        found = NULL;
    pthread_mutex_unlock(&module->lock);
    return found;
}

CK_FLAGS prov_token_flags(struct prov_token *token)
{
    CK_FLAGS flags;

    pthread_mutex_lock(&token->module->lock);
    flags = token->info.flags;
    pthread_mutex_unlock(&token->module->lock);
    return flags;
}

CK_FLAGS prov_token_flags_now(struct prov_token *token)
{
    struct prov_module *module = token->module;
    CK_TOKEN_INFO info;
    CK_FLAGS flags;
    CK_SLOT_ID slot;
    CK_RV rv;

    memset(&info, 0, sizeof info);
    pthread_mutex_lock(&module->lock);
    slot = token->slot;
    pthread_mutex_unlock(&module->lock);
    prov_guard_enter();
    rv = module->functions->C_GetTokenInfo(slot, &info);
    prov_guard_leave();
    pthread_mutex_lock(&module->lock);
    if (rv == CKR_OK && same_identity(&token->info, &info))
        token->info.flags = info.flags;
    flags = token->info.flags;
    pthread_mutex_unlock(&module->lock);
    return flags;
}

int prov_token_label_length(const struct prov_token *token)
{
    int length = (int)sizeof token->info.label;

    while (length > 0 && (token->info.label[length - 1] == ' ' || token->info.label[length - 1] == '\0'))
        length--;
    return length;
}

char *prov_module_token_names(struct prov_module *module)
{
    struct buffer names;

    buffer_init(&names, 8192);
    pthread_mutex_lock(&module->lock);
    for (const struct prov_token *token = module->tokens; token != NULL; token = token->next) {
        if (token->present)
            buffer_addf(&names, "%s'%.*s'", names.size > 0 ? ", " : "", prov_token_label_length(token),
                        (const char *)token->info.label);
    }
    if (names.size == 0)
        buffer_add_text(&names, "none");
    if (module->note[0] != '\0')
        buffer_addf(&names, " (%s)", module->note);
    pthread_mutex_unlock(&module->lock);
    return buffer_take_text(&names);
}

void prov_token_forget_sessions(struct prov_token *token, bool close)
{
    prov_guard_enter();
    for (unsigned i = 0; close && i < token->idle_count; i++)
        token->module->functions->C_CloseSession(token->idle[i]);
    prov_guard_leave();
    token->open_count -= token->idle_count;
    token->idle_count = 0;
    token->logged_in = false;
}

void prov_tokens_free(struct prov_token *tokens, bool close)
{
    while (tokens != NULL) {
        struct prov_token *token = tokens;

        tokens = token->next;
        prov_token_forget_sessions(token, close);
        bytes_free(&token->pin);
        for (size_t i = 0; i < PROV_REFUSED_MAXIMUM; i++)
            bytes_free(&token->refused[i]);
        free(token->idle);
        free(token);
    }
}
