/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/loaded.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/athandle.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/duplicate.h"
#include "pkcs11/tpm/keeper.h"
#include "pkcs11/tpm/primary.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/stay.h"

#include <tss2/tss2_rc.h>

#include <string.h>

/*
 * A TPM has as few as three slots for transient objects. TPM2_Load under a persistent parent needs one for
 * the parent while it runs and one for the key; under a transient parent that is loaded already, one. So
 * before a load at most one other key of ours stays, and two are loaded at most.
 */

struct load {
    TPM2_HANDLE parent;
    const TPM2B_PRIVATE *private_area;
    const TPM2B_PUBLIC *public_area;
};

static TSS2_RC prepare_load(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct load *load = arguments;

    return Tss2_Sys_Load_Prepare(sys, load->parent, load->private_area, load->public_area);
}

static TSS2_RC complete_load(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_NAME name = {.size = 0};

    return Tss2_Sys_Load_Complete(sys, result, &name);
}

static struct tpm_loaded *entry_of(struct tpm *tpm, const void *key)
{
    for (size_t i = 0; i < LOADED_KEYS; i++)
        if (tpm->loaded[i].key == key)
            return &tpm->loaded[i];
    return NULL;
}

static void flush_entry(struct tpm *tpm, struct tpm_loaded *entry)
{
    if (entry->key != NULL)
        tpm_flush(tpm, entry->handle);
    *entry = (struct tpm_loaded){0};
}

/* A free entry; the least recently used key leaves when all are taken. */
static struct tpm_loaded *make_room(struct tpm *tpm)
{
    struct tpm_loaded *oldest = entry_of(tpm, NULL);

    if (oldest != NULL)
        return oldest;
    oldest = &tpm->loaded[0];
    for (size_t i = 1; i < LOADED_KEYS; i++)
        if (tpm->loaded[i].used < oldest->used)
            oldest = &tpm->loaded[i];
    flush_entry(tpm, oldest);
    return oldest;
}

static void flush_keys(struct tpm *tpm)
{
    for (size_t i = 0; i < LOADED_KEYS; i++)
        flush_entry(tpm, &tpm->loaded[i]);
}

/* A key that came wrapped for the parent is imported at its first use; what comes of it is kept for later
 * loads. */
static TSS2_RC settle(struct tpm *tpm, const struct tpm_key *key, TPM2_HANDLE parent)
{
    struct tpm_duplicate duplicate = {.public_area = key->public_area, .wrapped = key->private_area};

    if (key->arrival == NULL || key->arrival->private_area.size != 0)
        return TSS2_RC_SUCCESS;
    duplicate.seed = key->arrival->seed;
    return tpm_duplicate_import(tpm, parent, &duplicate, &key->arrival->private_area);
}

static TSS2_RC load_key(struct tpm *tpm, const struct tpm_key *key, struct tpm_loaded *entry)
{
    static const struct tpm_command command = {"Load", prepare_load, complete_load, 1};
    struct load load = {
        .private_area = key->arrival != NULL ? &key->arrival->private_area : &key->private_area,
        .public_area = &key->public_area,
    };
    TSS2_RC rc = tpm_primary_handle(tpm, key->parent, &load.parent);

    if (rc == TSS2_RC_SUCCESS)
        rc = settle(tpm, key, load.parent);
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_execute(tpm, &command, &load, &entry->handle);
    if (rc == TSS2_RC_SUCCESS)
        entry->key = key;
    return rc;
}

/* Calls `use` with its commands guarded. */
static TSS2_RC guarded(struct tpm *tpm, struct tpm_guard *guard, TPM2_HANDLE handle, tpm_key_use *use,
                       void *data)
{
    TSS2_RC rc;

    tpm->guard = guard;
    rc = use(tpm, handle, data);
    tpm_bus_rest(tpm);
    tpm->guard = NULL;
    return rc;
}

/* For one use of the key. `policy`: room for the session that its policy is executed in, if it has one. */
static struct tpm_guard guard_of(const struct tpm_token *token, const struct tpm_key *key,
                                 const struct bytes *auth, struct tpm_session *policy)
{
    return (struct tpm_guard){.bus = &token->bus,
                              .names = {key->name},
                              .auth = auth,
                              .policy = key->policy != NULL ? policy : NULL,
                              .steps = key->policy,
                              .burst = tpm_keeper_wanted(token->tpm, &token->bus, key)};
}

/* With the key that stays in the TPM, if it has one: then nothing is loaded. *done: it was used, or that
 * failed for another reason than that it is not there any more. */
static TSS2_RC use_where_it_stays(const struct tpm_token *token, const struct tpm_key *key,
                                  struct tpm_guard guard, bool check, tpm_key_use *use, void *data,
                                  bool *done)
{
    TSS2_RC rc = TSS2_RC_SUCCESS;

    *done = false;
    if (check && tpm_stay_unchecked(key))
        rc = tpm_stay_check(token->tpm, key);
    if (rc != TSS2_RC_SUCCESS || tpm_stay_handle(key) == 0) {
        *done = rc != TSS2_RC_SUCCESS;
        return rc;
    }
    rc = guarded(token->tpm, &guard, tpm_stay_handle(key), use, data);
    *done = !tpm_rc_is_stale(rc);
    if (!*done)
        tpm_stay_lose(token->tpm, key);
    return rc;
}

/* `loading` tells a failure of the load from one of the use. */
static TSS2_RC load_and_use(const struct tpm_token *token, const struct tpm_key *key,
                            const struct bytes *auth, bool check, tpm_key_use *use, void *data, bool *loading)
{
    bool done;
    struct tpm *tpm = token->tpm;
    struct tpm_session policy = {0};
    struct tpm_guard guard = guard_of(token, key, auth, &policy);
    struct tpm_loaded *entry = entry_of(tpm, key);
    TSS2_RC rc = use_where_it_stays(token, key, guard, check, use, data, &done);

    *loading = false;
    if (done || tpm_is_at_handle(key))
        return rc;
    rc = TSS2_RC_SUCCESS;
    *loading = entry == NULL;
    if (entry == NULL) {
        entry = make_room(tpm);
        rc = load_key(tpm, key, entry);
    }
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    *loading = false;
    entry->used = ++tpm->clock;
    return guarded(tpm, &guard, entry->handle, use, data);
}

/* Whether a second attempt makes sense, with what stood in the way put aside. `persistent`: the command named
 * a persistent parent and nothing of ours, so a handle that names nothing is not one that the TPM lost. */
static bool recover(struct tpm *tpm, TSS2_RC rc, bool persistent)
{
    if (tpm_rc_is_lost(rc))
        return tpm_reconnect(tpm) == CKR_OK;
    if (tpm_rc_is_memory(rc)) {
        flush_keys(tpm);
        return true;
    }
    if (tpm_rc_is_session(rc))
        return true;
    if (tpm_rc_is_crowded(rc))
        return tpm_keeper_end(tpm);
    if (!tpm_rc_is_stale(rc) || persistent)
        return false;
    log_warning("TPM %s has lost our objects; they are loaded again", tpm_name(tpm));
    tpm_forget(tpm);
    return true;
}

static CK_RV with_key(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *given,
                      bool check, const char *step, tpm_key_use *use, void *data)
{
    const struct bytes *auth = key->own_auth ? given : key->auth;
    struct tpm *tpm = token->tpm;
    bool loading;
    TSS2_RC rc;
    CK_RV rv = tpm_enter(tpm);

    if (rv != CKR_OK)
        return rv;
    if (key->private_area.size == 0 && !tpm_is_at_handle(key)) {
        tpm_leave(tpm);
        return p11_fail(CKR_KEY_FUNCTION_NOT_PERMITTED,
                        "the key is the TPM's own; it opens credentials (C_UnwrapKey) and nothing else");
    }
    if (!key->own_auth && auth != NULL && auth->size == 0) {
        tpm_leave(tpm);
        return p11_fail(CKR_USER_NOT_LOGGED_IN, "the key needs the PIN of token %s", token->path);
    }
    rc = load_and_use(token, key, auth, check, use, data, &loading);
    if (rc != TSS2_RC_SUCCESS &&
        recover(tpm, rc, (loading || tpm_is_at_handle(key)) && tpm_is_persistent(key->parent)))
        rc = load_and_use(token, key, auth, check, use, data, &loading);
    if (tpm_is_at_handle(key) && tpm_stay_handle(key) == 0) {
        tpm_leave(tpm);
        return tpm_handle_is_gone(token, key);
    }
    if (rc != TSS2_RC_SUCCESS)
        rv = loading ? tpm_primary_explain(token, key->parent, step, rc) : tpm_failed(tpm, step, rc);
    tpm_leave(tpm);
    return rv;
}

CK_RV tpm_with_key(const struct tpm_token *token, const struct tpm_key *key, const char *step,
                   tpm_key_use *use, void *data)
{
    return with_key(token, key, NULL, true, step, use, data);
}

CK_RV tpm_with_key_auth(const struct tpm_token *token, const struct tpm_key *key, const struct bytes *auth,
                        const char *step, tpm_key_use *use, void *data)
{
    return with_key(token, key, auth, true, step, use, data);
}

CK_RV tpm_with_key_unchecked(const struct tpm_token *token, const struct tpm_key *key,
                             const struct bytes *auth, const char *step, tpm_key_use *use, void *data)
{
    return with_key(token, key, auth, false, step, use, data);
}

/* TPM2_Create under a persistent parent needs a slot for it too. */
static TSS2_RC use_parent(const struct tpm_token *token, tpm_key_use *use, void *data)
{
    struct tpm_guard guard = {.bus = &token->bus, .names[0].size = (UINT16)token->parent_name.size};
    TPM2_HANDLE handle;
    TSS2_RC rc = tpm_primary_handle(token->tpm, token->parent, &handle);

    if (guard.names[0].size != 0)
        memcpy(guard.names[0].name, token->parent_name.data, guard.names[0].size);
    return rc == TSS2_RC_SUCCESS ? guarded(token->tpm, &guard, handle, use, data) : rc;
}

/* Commands that name no object. */
static TSS2_RC use_tpm(const struct tpm_token *token, tpm_key_use *use, void *data)
{
    struct tpm_guard guard = {.bus = &token->bus};

    return guarded(token->tpm, &guard, TPM2_RH_NULL, use, data);
}

typedef TSS2_RC how_to_use(const struct tpm_token *token, tpm_key_use *use, void *data);

/* A session that does not come about, or whose HMAC the TPM does not take, is salted to a parent that it no
 * longer has. */
static CK_RV with(const struct tpm_token *token, how_to_use *how, const char *step, tpm_key_use *use,
                  void *data)
{
    struct tpm *tpm = token->tpm;
    TSS2_RC rc;
    CK_RV rv = tpm_enter(tpm);

    if (rv != CKR_OK)
        return rv;
    rc = how(token, use, data);
    if (rc != TSS2_RC_SUCCESS && recover(tpm, rc, tpm_is_persistent(token->parent)))
        rc = how(token, use, data);
    if (rc != TSS2_RC_SUCCESS)
        rv = tpm_rc_is_stale(rc) || tpm_rc_is_auth(rc) || tpm_rc_is_salt(rc) || tpm_rc_is_integrity(rc)
                 ? tpm_primary_explain(token, token->parent, step, rc)
                 : tpm_failed(tpm, step, rc);
    tpm_leave(tpm);
    return rv;
}

CK_RV tpm_with_parent(const struct tpm_token *token, const char *step, tpm_key_use *use, void *data)
{
    return with(token, use_parent, step, use, data);
}

CK_RV tpm_with_tpm(const struct tpm_token *token, const char *step, tpm_key_use *use, void *data)
{
    return with(token, use_tpm, step, use, data);
}

void tpm_flush_key(struct tpm *tpm, const struct tpm_key *key)
{
    struct tpm_loaded *entry;

    pthread_mutex_lock(&tpm->lock);
    entry = entry_of(tpm, key);
    if (entry != NULL && tpm->sys != NULL)
        flush_entry(tpm, entry);
    pthread_mutex_unlock(&tpm->lock);
}

void tpm_flush_all(struct tpm *tpm)
{
    if (pthread_mutex_trylock(&tpm->lock) != 0)
        return;
    if (tpm->sys != NULL) {
        flush_keys(tpm);
        tpm_keeper_end(tpm);
        if (tpm->primary != 0)
            tpm_flush(tpm, tpm->primary);
        tpm->primary = 0;
    }
    pthread_mutex_unlock(&tpm->lock);
}
