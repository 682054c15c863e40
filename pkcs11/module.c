/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/module.h"
#include "common/rvname.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/session.h"
#include "pkcs11/soft/libctx.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long C_Finalize waits for the calls of other threads. */
#define LEAVE_SECONDS 10

static struct {
    pthread_mutex_t lock;
    pthread_cond_t left; /* a call ended, or C_Finalize did */
    unsigned working;    /* atomic: calls that use a session, and need what they work with */
    bool up;
    bool going_down;  /* atomic: C_Finalize waits for them */
    bool ending;      /* the process is: libcrypto is not to be touched any more */
    unsigned fork_id; /* atomic: of the process that the state belongs to */
    struct module module;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

/* How many forks lie between the first process and this one; the child's handler does nothing else. */
static volatile unsigned fork_id;

static void count_fork(void)
{
    fork_id++;
}

/*
 * The process ends. Programs leave without C_Finalize (every user of a provider does), and a TPM without a
 * resource manager would keep what they loaded: so it is given up here. A call that is still under way in
 * another thread has the lock; then things stay as they are. In a child after fork they are the parent's.
 */
static void end_process(void)
{
    if (state.fork_id == fork_id && pthread_mutex_trylock(&state.lock) == 0) {
        for (size_t i = 0; state.up && i < state.module.slot_count; i++)
            if (state.module.slots[i].token != NULL)
                token_idle(state.module.slots[i].token);
        pthread_mutex_unlock(&state.lock);
    }
    __atomic_store_n(&state.ending, true, __ATOMIC_RELEASE);
}

static void watch_process(void)
{
    pthread_atfork(NULL, NULL, count_fork);
    soft_at_exit(end_process);
}

/* The parent's locks may be held by threads that a child does not have: a child begins with new ones. What
 * the parent built stays its own: it is left as it is, without a word to the TPM. */
static void leave_parent_state(void)
{
    pthread_mutex_init(&state.lock, NULL);
    pthread_cond_init(&state.left, NULL);
    state.working = 0;
    state.going_down = false;
    log_abandon();
    soft_abandon();
    for (size_t i = 0; state.up && i < state.module.slot_count; i++)
        if (state.module.slots[i].token != NULL)
            token_abandon(state.module.slots[i].token);
    for (size_t i = 0; state.up && i < state.module.retired_count; i++)
        token_abandon(state.module.retired[i]);
    state.module = (struct module){0};
    state.up = false;
}

/* Several threads of a child may come at once; no lock could be trusted yet. The first does it, and the
 * others wait for it. */
static void drop_parent_state(void)
{
    static unsigned begun; /* for this process */
    unsigned known = __atomic_load_n(&begun, __ATOMIC_RELAXED);

    if (__atomic_load_n(&state.fork_id, __ATOMIC_ACQUIRE) == fork_id)
        return;
    if (known != fork_id &&
        __atomic_compare_exchange_n(&begun, &known, fork_id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        leave_parent_state();
        __atomic_store_n(&state.fork_id, fork_id, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&state.fork_id, __ATOMIC_ACQUIRE) != fork_id)
        sched_yield();
}

static void module_lock(void)
{
    pthread_mutex_lock(&state.lock);
}

void module_unlock(void)
{
    pthread_mutex_unlock(&state.lock);
}

CK_RV module_enter(struct module **out)
{
    p11_failure_clear();
    drop_parent_state();
    if (__atomic_load_n(&state.ending, __ATOMIC_ACQUIRE))
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    module_lock();
    if (!state.up) {
        module_unlock();
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    soft_enter();
    *out = &state.module;
    return CKR_OK;
}

CK_RV module_leave_function(const char *function, CK_RV rv)
{
    soft_leave();
    module_unlock();
    log_debug("%s: %s", function, rv_name(rv));
    return rv;
}

void module_begin_work(void)
{
    __atomic_add_fetch(&state.working, 1, __ATOMIC_SEQ_CST);
}

void module_end_work(void)
{
    if (__atomic_sub_fetch(&state.working, 1, __ATOMIC_SEQ_CST) != 0 ||
        !__atomic_load_n(&state.going_down, __ATOMIC_SEQ_CST))
        return;
    module_lock();
    pthread_cond_broadcast(&state.left);
    module_unlock();
}

/* --- slots -------------------------------------------------------------------------------------------------
 */

CK_RV module_slot(struct module *module, CK_SLOT_ID id, struct slot **slot)
{
    for (size_t i = 0; i < module->slot_count; i++) {
        if (module->slots[i].id == id) {
            *slot = &module->slots[i];
            return CKR_OK;
        }
    }
    return CKR_SLOT_ID_INVALID;
}

static CK_RV add_slot(struct module *module, struct slot slot)
{
    struct slot *grown = realloc(module->slots, (module->slot_count + 1) * sizeof *grown);

    if (grown == NULL)
        return CKR_HOST_MEMORY;
    module->slots = grown;
    grown[module->slot_count++] = slot;
    return CKR_OK;
}

static CK_SLOT_ID free_slot_id(struct module *module)
{
    struct slot *taken;
    CK_SLOT_ID id = 0;

    while (module_slot(module, id, &taken) == CKR_OK)
        id++;
    return id;
}

static struct slot *slot_of_path(struct module *module, const char *path)
{
    for (size_t i = 0; i < module->slot_count; i++)
        if (module->slots[i].token != NULL && strcmp(module->slots[i].token->store.path, path) == 0)
            return &module->slots[i];
    return NULL;
}

/* An uninitialised slot gives its number to the token that was made in it, and goes. A number that is taken
 * twice (a directory was copied) is the first one's; the other gets a free one for as long as the process
 * lives. */
static CK_RV add_token(struct module *module, struct token *token)
{
    struct slot *taken;

    if (module_slot(module, token->slot, &taken) != CKR_OK)
        return add_slot(module, (struct slot){.id = token->slot, .backend = token->backend, .token = token});
    if (taken->token == NULL && taken->backend == token->backend) {
        taken->token = token;
        return CKR_OK;
    }
    if (taken->token == NULL) {
        struct slot moved = *taken;

        *taken = (struct slot){.id = token->slot, .backend = token->backend, .token = token};
        moved.id = free_slot_id(module);
        return add_slot(module, moved);
    }
    log_warning("%s has slot %lu, as %s does; change 'slot =' in its token.conf", token->store.path,
                token->slot, taken->token->store.path);
    token->slot = free_slot_id(module);
    return add_slot(module, (struct slot){.id = token->slot, .backend = token->backend, .token = token});
}

/* A directory that holds a broken token is noted, and the other tokens are there. One without a token.conf is
 * none. */
static void look_at(struct module *module, const char *name)
{
    char path[PATH_MAX];
    struct token *token;
    CK_RV rv;

    if (name[0] == '.' ||
        snprintf(path, sizeof path, "%s/%s", module->config.tokens, name) >= (int)sizeof path ||
        slot_of_path(module, path) != NULL)
        return;
    rv = token_open(path, &module->config, &token);
    if (rv == CKR_OK && add_token(module, token) != CKR_OK)
        token_close(token);
    else if (rv != CKR_OK && p11_failure_kept())
        p11_failure_to_note(path, rv, "mend or remove it");
    else if (rv != CKR_OK)
        log_info("%s holds no token", path);
}

static void look_for_tokens(struct module *module)
{
    struct dirent **entries;
    int count = scandir(module->config.tokens, &entries, NULL, alphasort);

    if (count < 0 && errno != ENOENT)
        p11_note("the directory of tokens %s cannot be read: %s; see who may (ls -ld), or set DEVID_TOKENS",
                 module->config.tokens, strerror(errno));
    for (int i = 0; i < count; i++) {
        look_at(module, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static bool has_empty_slot(const struct module *module, const struct backend *backend)
{
    for (size_t i = 0; i < module->slot_count; i++)
        if (module->slots[i].backend == backend && module->slots[i].token == NULL)
            return true;
    return false;
}

/* The memory stays until C_Finalize: a call of another thread, whose session was closed meanwhile, may be at
 * work with it. */
static CK_RV retire(struct module *module, struct token *token)
{
    struct token **grown = realloc(module->retired, (module->retired_count + 1) * sizeof *grown);

    if (grown == NULL)
        return CKR_HOST_MEMORY;
    module->retired = grown;
    grown[module->retired_count++] = token;
    return CKR_OK;
}

CK_RV module_replace_token(struct module *module, struct slot *slot)
{
    struct token *fresh;
    CK_RV rv = token_open(slot->token->store.path, &module->config, &fresh);

    if (rv == CKR_OK)
        rv = retire(module, slot->token);
    if (rv != CKR_OK)
        return rv;
    fresh->slot = slot->id;
    slot->token = fresh;
    slot->backend = fresh->backend;
    return CKR_OK;
}

/* Another process initialised the token anew. Who has sessions open keeps what was, which has no files any
 * more. */
static void look_for_replaced(struct module *module)
{
    for (size_t i = 0; i < module->slot_count; i++) {
        struct slot *slot = &module->slots[i];

        if (slot->token != NULL && slot->sessions == 0 && !token_is_there(slot->token) &&
            access(slot->token->store.path, F_OK) == 0 && module_replace_token(module, slot) != CKR_OK)
            p11_failure_to_note(slot->token->store.path, CKR_DEVICE_ERROR, "mend or remove it");
    }
}

CK_RV module_refresh_slots(struct module *module)
{
    CK_RV rv = CKR_OK;

    look_for_replaced(module);
    look_for_tokens(module);
    for (size_t i = 0; rv == CKR_OK && module->config.empty_slots && p11_backends[i] != NULL; i++)
        if (!has_empty_slot(module, p11_backends[i]))
            rv = add_slot(module, (struct slot){.id = free_slot_id(module), .backend = p11_backends[i]});
    return rv;
}

/* --- up and down -------------------------------------------------------------------------------------------
 */

static void close_sessions(struct module *module)
{
    for (size_t i = module->sessions.count; i-- > 0;)
        session_close(module, module->sessions.entries[i].handle);
}

static void free_module(struct module *module)
{
    close_sessions(module);
    handle_map_free(&module->sessions);
    for (size_t i = 0; i < module->slot_count; i++)
        if (module->slots[i].token != NULL)
            token_close(module->slots[i].token);
    for (size_t i = 0; i < module->retired_count; i++)
        token_close(module->retired[i]);
    free(module->retired);
    free(module->slots);
    config_free(&module->config);
    *module = (struct module){0};
}

static CK_RV start(struct module *module, bool no_threads)
{
    CK_RV rv = soft_start();

    if (rv == CKR_OK)
        rv = config_load(&module->config);
    module->config.no_threads = no_threads;
    if (rv == CKR_OK)
        rv = module_refresh_slots(module);
    if (rv != CKR_OK)
        free_module(module);
    return rv;
}

CK_RV module_start(bool no_threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CK_RV rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;

    if (__atomic_load_n(&state.ending, __ATOMIC_ACQUIRE))
        return CKR_GENERAL_ERROR;
    pthread_once(&once, watch_process);
    p11_failure_clear();
    drop_parent_state();
    module_lock();
    while (state.going_down)
        pthread_cond_wait(&state.left, &state.lock);
    soft_enter();
    if (!state.up) {
        if (!log_set_from_text("devid-pkcs11", secure_getenv("DEVID_LOG")))
            rv = p11_fail(
                CKR_GENERAL_ERROR,
                "DEVID_LOG=%s is not understood; use error, warning, info or debug, and :FILE after it",
                secure_getenv("DEVID_LOG"));
        else
            rv = start(&state.module, no_threads);
        state.up = rv == CKR_OK;
    }
    return module_leave_function("C_Initialize", rv);
}

/* False: they take too long. The lock is given up meanwhile. */
static bool wait_for_calls(void)
{
    struct timespec limit;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += LEAVE_SECONDS;
    while (__atomic_load_n(&state.working, __ATOMIC_SEQ_CST) != 0 && error == 0)
        error = pthread_cond_timedwait(&state.left, &state.lock, &limit);
    return __atomic_load_n(&state.working, __ATOMIC_SEQ_CST) == 0;
}

/*
 * Programs finalize in one thread while another one signs, though they should not (PKCS#11 2.40, 5.4): new
 * calls find nothing any more, and those that are under way are waited for. One that does not end, as its
 * thread was cancelled or the TPM hangs, keeps what it may be using.
 */
CK_RV module_stop(void)
{
    struct module *module;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    state.up = false;
    __atomic_store_n(&state.going_down, true, __ATOMIC_SEQ_CST);
    close_sessions(module);
    if (wait_for_calls())
        free_module(module);
    else
        log_error("a call of another thread does not end; what it uses is not freed");
    *module = (struct module){0};
    __atomic_store_n(&state.going_down, false, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&state.left);
    return module_leave_function("C_Finalize", CKR_OK);
}
