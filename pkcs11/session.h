/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SESSION_H
#define DEVID_PKCS11_SESSION_H

#include "pkcs11/digest.h"
#include "pkcs11/operation.h"
#include "pkcs11/token.h"

/* An open session. Between session_enter and session_leave it belongs to the calling thread. */
struct session {
    unsigned references; /* atomic; the first is taken under the module's lock */
    pthread_mutex_t lock;
    CK_SESSION_HANDLE handle;
    struct token *token;
    bool writable;
    bool closed; /* atomic: taken out of the table while somebody waited for it, or works with it */
    struct operation sign;
    struct operation sign_recover;
    struct operation verify;
    struct operation verify_recover;
    struct digest digest;
    struct operation encrypt;
    struct operation decrypt;
    struct find {
        CK_OBJECT_HANDLE *handles; /* NULL with active: nothing found */
        size_t count;
        size_t room;
        size_t next;
        bool active;
    } find;
};

/* Module up, handle valid, session locked. Every C_ function with a session handle begins with this, and,
 * when it answered CKR_OK, ends with session_leave, which logs the call and answers `rv`. */
CK_RV session_enter(CK_SESSION_HANDLE handle, struct session **out);
CK_RV session_leave_function(struct session *session, const char *function, CK_RV rv);
#define session_leave(session, rv) session_leave_function(session, __func__, rv)

struct module;
/* Under the module's lock. CKR_SESSION_HANDLE_INVALID. */
CK_RV session_close(struct module *module, CK_SESSION_HANDLE handle);

/* The one that a single CKF_ flag names. */
struct operation *session_operation(struct session *session, CK_FLAGS flag);
/* Ends the cryptographic operations that the CKF_ flags name; a search is none. */
#define ALL_OPERATIONS ((CK_FLAGS)-1)
void session_end_operations(struct session *session, CK_FLAGS flags);
/* Whether one with a key is active, any but a digest. */
bool session_has_keyed_operation(struct session *session);

/* The operation that a login with CKU_CONTEXT_SPECIFIC is for: one whose key asks for it, and waits; else one
 * that was authenticated already. NULL: there is none. */
struct operation *session_asking_operation(struct session *session);

/* Ends the search. */
void find_end(struct find *find);

/* Whether another thread closed it during the call. Whoever is about to leave something behind that lives as
 * long as sessions do asks it under the token's lock. */
bool session_is_closed(const struct session *session);

/* Whether the session may know of the object: private ones need a login where the token asks for one. */
bool session_sees(const struct session *session, const struct object *object);
/* Whether it may make or change such an object: CKR_OK, CKR_SESSION_READ_ONLY. */
CK_RV session_may_write(const struct session *session, bool token_object);
/* Whether it may make or change a private object, if it is one: CKR_OK, CKR_USER_NOT_LOGGED_IN. */
CK_RV session_may_own(const struct session *session, bool private);

/* Whether a private key with these attributes may have CKA_ALWAYS_AUTHENTICATE, if it has:
 * CKR_TEMPLATE_INCONSISTENT. */
CK_RV session_may_ask(const struct session *session, const struct attributes *private);

/* Adds a token or session object to the session's token. CKR_HOST_MEMORY; CKR_SESSION_CLOSED: an object of
 * the session, and another thread closed it meanwhile. */
CK_RV session_add_object(struct session *session, struct object *object);
void session_remove_object(struct session *session, const struct object *object);
/* Makes an object visible that nobody knows yet: in memory, or with a file of its own when CKA_TOKEN is true.
 */
CK_RV session_publish_object(struct session *session, struct object *object);

/* The object with a reference for the caller. CKR_OBJECT_HANDLE_INVALID (*object is NULL): there is none that
 * the session may know of. */
CK_RV session_find_object(struct session *session, CK_OBJECT_HANDLE handle, struct object **object);

#endif
