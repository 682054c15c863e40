/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_MODULE_H
#define DEVID_PKCS11_MODULE_H

#include "pkcs11/config.h"
#include "pkcs11/handle.h"
#include "pkcs11/token.h"

/* A slot: a token's, or one where C_InitToken can make a token. */
struct slot {
    CK_SLOT_ID id;
    const struct backend *backend;
    struct token *token; /* NULL: uninitialised */
    unsigned sessions;   /* open on it */
};

/* The module: the one process-wide variable, because PKCS#11 asks for one. */
struct module {
    struct config config;
    struct slot *slots;
    size_t slot_count;
    struct handle_map sessions;
    struct token **retired; /* replaced by C_InitToken; a call that is still under way may use them */
    size_t retired_count;
};

/*
 * Module up and locked. CKR_CRYPTOKI_NOT_INITIALIZED before C_Initialize, after C_Finalize, and in a child
 * after fork. Lock order: module, session, token, TPM; the module's lock is not held while a session works.
 */
CK_RV module_enter(struct module **out);
/* Unlocks; logs the call; answers rv. */
CK_RV module_leave_function(const char *function, CK_RV rv);
#define module_leave(rv) module_leave_function(__func__, rv)
/* Unlocks in the midst of a call. */
void module_unlock(void);

/* Around what a call does with a session while the module is not locked: C_Finalize waits for its end. It
 * begins under the lock, and ends without. */
void module_begin_work(void);
void module_end_work(void);

CK_RV module_start(bool no_threads);
CK_RV module_stop(void);

/* CKR_SLOT_ID_INVALID. The pointer is good until the module is unlocked. */
CK_RV module_slot(struct module *module, CK_SLOT_ID id, struct slot **slot);
/* Has the slot's token read again from its directory, where there is another one now. Its sessions are
 * closed.
 */
CK_RV module_replace_token(struct module *module, struct slot *slot);
/* Finds tokens that came since, and offers an uninitialised slot per backend when the configuration wants it.
 */
CK_RV module_refresh_slots(struct module *module);

#endif
