/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"
#include "common/rvname.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/lock.h"
#include "pkcs11/module.h"
#include "pkcs11/objecttext.h"
#include "pkcs11/soft/libctx.h"

#include <stddef.h>
#include <stdlib.h>

/* The operations with a key: one row each, by the flag that names it. */
static const struct {
    CK_FLAGS flag;
    size_t offset;
} keyed[] = {
    {CKF_SIGN,           offsetof(struct session, sign)          },
    {CKF_SIGN_RECOVER,   offsetof(struct session, sign_recover)  },
    {CKF_VERIFY,         offsetof(struct session, verify)        },
    {CKF_VERIFY_RECOVER, offsetof(struct session, verify_recover)},
    {CKF_ENCRYPT,        offsetof(struct session, encrypt)       },
    {CKF_DECRYPT,        offsetof(struct session, decrypt)       },
};

#define KEYED (sizeof keyed / sizeof keyed[0])

static struct operation *operation_at(struct session *session, size_t i)
{
    return (struct operation *)((char *)session + keyed[i].offset);
}

struct operation *session_operation(struct session *session, CK_FLAGS flag)
{
    for (size_t i = 0; i < KEYED; i++)
        if (keyed[i].flag == flag)
            return operation_at(session, i);
    return NULL;
}

void session_end_operations(struct session *session, CK_FLAGS flags)
{
    for (size_t i = 0; i < KEYED; i++)
        if ((flags & keyed[i].flag) != 0)
            operation_end(operation_at(session, i));
    if ((flags & CKF_DIGEST) != 0)
        digest_end(&session->digest);
}

bool session_has_keyed_operation(struct session *session)
{
    for (size_t i = 0; i < KEYED; i++)
        if (operation_at(session, i)->row != NULL)
            return true;
    return false;
}

struct operation *session_asking_operation(struct session *session)
{
    struct operation *found = NULL;

    for (size_t i = 0; i < KEYED; i++) {
        struct operation *operation = operation_at(session, i);

        if (operation->row != NULL && operation->asks &&
            (found == NULL || (found->authenticated && !operation->authenticated)))
            found = operation;
    }
    return found;
}

static void free_session(struct session *session)
{
    session_end_operations(session, ALL_OPERATIONS);
    find_end(&session->find);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

/* The last reference is nobody's to find any more: the table has one of its own. */
static void unreference(struct session *session)
{
    if (__atomic_sub_fetch(&session->references, 1, __ATOMIC_ACQ_REL) == 0)
        free_session(session);
}

CK_RV session_enter(CK_SESSION_HANDLE handle, struct session **out)
{
    struct module *module;
    struct session *session;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    session = handle_find(&module->sessions, handle);
    if (session == NULL)
        return module_leave(CKR_SESSION_HANDLE_INVALID);
    __atomic_add_fetch(&session->references, 1, __ATOMIC_RELAXED);
    module_begin_work();
    module_unlock();
    pthread_mutex_lock(&session->lock);
    if (session_is_closed(session))
        return session_leave(session, CKR_SESSION_HANDLE_INVALID);
    *out = session;
    return CKR_OK;
}

CK_RV session_leave_function(struct session *session, const char *function, CK_RV rv)
{
    CK_SESSION_HANDLE handle = session->handle;

    pthread_mutex_unlock(&session->lock);
    soft_leave();
    unreference(session);
    module_end_work();
    log_debug("%s(session %lu): %s", function, handle, rv_name(rv));
    return rv;
}

bool session_is_closed(const struct session *session)
{
    return __atomic_load_n(&session->closed, __ATOMIC_ACQUIRE);
}

bool session_sees(const struct session *session, const struct object *object)
{
    return token_is_open(session->token) || !object_attribute_bool(object, CKA_PRIVATE);
}

CK_RV session_may_own(const struct session *session, bool private)
{
    return !private || token_is_open(session->token)
               ? CKR_OK
               : p11_fail(CKR_USER_NOT_LOGGED_IN, "private objects of token %s need the user's login",
                          session->token->store.path);
}

CK_RV session_may_ask(const struct session *session, const struct attributes *private)
{
    if (!attributes_get_bool(private, CKA_ALWAYS_AUTHENTICATE, false))
        return CKR_OK;
    if (!session->token->has_pin)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "a key on a token without a PIN cannot have CKA_ALWAYS_AUTHENTICATE");
    return attributes_get_bool(private, CKA_PRIVATE, true)
               ? CKR_OK
               : p11_fail(CKR_TEMPLATE_INCONSISTENT,
                          "CKA_ALWAYS_AUTHENTICATE is for keys with CKA_PRIVATE only");
}

CK_RV session_may_write(const struct session *session, bool token_object)
{
    return token_object && !session->writable ? CKR_SESSION_READ_ONLY : CKR_OK;
}

CK_RV session_add_object(struct session *session, struct object *object)
{
    CK_RV rv;

    token_lock(session->token);
    if (object->session != 0 && session_is_closed(session))
        rv = CKR_SESSION_CLOSED;
    else
        rv = objects_add(&session->token->objects, object);
    token_unlock(session->token);
    return rv;
}

void session_remove_object(struct session *session, const struct object *object)
{
    token_lock(session->token);
    objects_remove(&session->token->objects, object->handle);
    token_unlock(session->token);
}

CK_RV session_publish_object(struct session *session, struct object *object)
{
    const char *suffix;
    struct buffer text;
    CK_RV rv;

    if (!object_attribute_bool(object, CKA_TOKEN)) {
        object->session = session->handle;
        return session_add_object(session, object);
    }
    object->opened = object->object_class == CKO_DATA &&
                     lock_wanted(session->token, object_attribute_bool(object, CKA_PRIVATE));
    rv = objecttext_write(session->token, object, &text, &suffix);
    if (rv == CKR_OK) {
        token_lock(session->token);
        rv = objects_store(session->token, suffix, &text, &object, 1);
        token_unlock(session->token);
    }
    buffer_free(&text);
    return rv;
}

CK_RV session_find_object(struct session *session, CK_OBJECT_HANDLE handle, struct object **object)
{
    *object = token_find_object(session->token, handle);
    if (*object == NULL || session_sees(session, *object))
        return *object != NULL ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
    object_return(*object);
    *object = NULL;
    return CKR_OBJECT_HANDLE_INVALID;
}

/* --- opening and closing, under the module's lock
 * ------------------------------------------------------------ */

/* The SO works in read-write sessions only (PKCS#11 2.40, 5.6). */
static CK_RV count_reader(struct token *token, bool writable)
{
    CK_RV rv = CKR_OK;

    token_lock(token);
    if (!writable && token->login == LOGIN_SO)
        rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
    else if (!writable)
        token->readers++;
    token_unlock(token);
    return rv;
}

static CK_RV open_session(struct module *module, struct slot *slot, bool writable, CK_SESSION_HANDLE *handle)
{
    struct session *session = calloc(1, sizeof *session);
    CK_RV rv;

    if (session == NULL)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&session->lock, NULL);
    session->references = 1;
    session->token = slot->token;
    session->writable = writable;
    session->handle = handle_add(&module->sessions, session);
    if (session->handle == CK_INVALID_HANDLE)
        rv = CKR_HOST_MEMORY;
    else
        rv = count_reader(slot->token, writable);
    if (rv != CKR_OK) {
        handle_remove(&module->sessions, session->handle);
        free_session(session);
        return rv;
    }
    slot->sessions++;
    *handle = session->handle;
    return CKR_OK;
}

static struct slot *slot_of(struct module *module, const struct token *token)
{
    for (size_t i = 0; i < module->slot_count; i++)
        if (module->slots[i].token == token)
            return &module->slots[i];
    return NULL;
}

/* PKCS#11 2.40, 5.6: with the application's last session its login ends too. */
static void end_last_session(struct token *token)
{
    token_logout(token);
    token_idle(token);
}

/* A call that is under way in another thread keeps the session's memory, not its place in the table. What it
 * adds under the token's lock comes before the session's end, and goes with it, or finds it closed. */
CK_RV session_close(struct module *module, CK_SESSION_HANDLE handle)
{
    struct session *session = handle_remove(&module->sessions, handle);
    struct slot *slot;

    if (session == NULL)
        return CKR_SESSION_HANDLE_INVALID;
    slot = slot_of(module, session->token);
    __atomic_store_n(&session->closed, true, __ATOMIC_RELEASE);
    token_lock(session->token);
    objects_remove_session(&session->token->objects, handle);
    session->token->readers -= session->writable ? 0 : 1;
    token_unlock(session->token);
    if (slot != NULL && --slot->sessions == 0)
        end_last_session(session->token);
    unreference(session);
    return CKR_OK;
}

CK_RV C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *handle)
{
    struct module *module;
    struct slot *slot;
    CK_RV rv = module_enter(&module);

    (void)application;
    (void)notify;
    if (rv != CKR_OK)
        return rv;
    rv = module_slot(module, id, &slot);
    if (rv == CKR_OK && (flags & CKF_SERIAL_SESSION) == 0)
        rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    if (rv == CKR_OK && handle == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && slot->token == NULL)
        rv = p11_fail(CKR_TOKEN_NOT_RECOGNIZED, "slot %lu holds no token yet; make one with C_InitToken", id);
    if (rv == CKR_OK)
        rv = open_session(module, slot, (flags & CKF_RW_SESSION) != 0, handle);
    return module_leave(rv);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE handle)
{
    struct module *module;
    CK_RV rv = module_enter(&module);

    return rv != CKR_OK ? rv : module_leave(session_close(module, handle));
}

CK_RV C_CloseAllSessions(CK_SLOT_ID id)
{
    struct module *module;
    struct slot *slot;
    CK_RV rv = module_enter(&module);

    if (rv != CKR_OK)
        return rv;
    rv = module_slot(module, id, &slot);
    for (size_t i = module->sessions.count; rv == CKR_OK && i-- > 0;) {
        const struct session *session = module->sessions.entries[i].pointer;

        if (session->token == slot->token)
            session_close(module, session->handle);
    }
    return module_leave(rv);
}

static CK_STATE state_of(const struct session *session)
{
    static const CK_STATE states[2][3] = {
        {[LOGIN_NONE] = CKS_RO_PUBLIC_SESSION, [LOGIN_USER] = CKS_RO_USER_FUNCTIONS},
        { [LOGIN_NONE] = CKS_RW_PUBLIC_SESSION,
         [LOGIN_USER] = CKS_RW_USER_FUNCTIONS,
         [LOGIN_SO] = CKS_RW_SO_FUNCTIONS},
    };

    return states[session->writable][token_login(session->token)];
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (info == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    *info = (CK_SESSION_INFO){
        .slotID = session->token->slot,
        .state = state_of(session),
        .flags = CKF_SERIAL_SESSION | (session->writable ? CKF_RW_SESSION : 0),
    };
    return session_leave(session, CKR_OK);
}
