/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TOKEN_H
#define DEVID_PKCS11_TOKEN_H

#include "pkcs11/backend.h"
#include "pkcs11/config.h"
#include "pkcs11/objects.h"
#include "pkcs11/store.h"
#include "pkcs11/tokenconf.h"

#include <pthread.h>

/* A token: a directory with a token.conf. Lives from the first sight of the directory to C_Finalize. */
struct token {
    CK_SLOT_ID slot;
    struct token_conf conf;        /* immutable */
    const struct backend *backend; /* where new keys go */
    void *instances[BACKENDS];     /* in the order of p11_backends; immutable */
    pthread_mutex_t lock; /* of what follows; never held while a backend does more than load a block */
    struct store store;
    struct objects objects;
    bool logged_in; /* as CKU_USER; ends with the last session */
};

/* Opens the token in the directory; what token.conf leaves open, the configuration says.
 * CKR_TOKEN_NOT_RECOGNIZED: it holds none that can be used. */
CK_RV token_open(const char *path, const struct config *config, struct token **out);
void token_close(struct token *token);
/* In a child after fork. */
void token_abandon(struct token *token);
/* No session is open on it any more. */
void token_idle(struct token *token);

/* Makes a token directory below `tokens` with one rename, and answers its path (malloc'ed). */
CK_RV token_create(const char *tokens, const struct backend *backend, const char *label, CK_SLOT_ID slot,
                   const char *tcti, const char *parent, char **path);

void *token_instance(const struct token *token, const struct backend *backend);
/* Whether the token's own backend can serve the mechanism row, and its key sizes. */
bool token_supports(const struct token *token, const struct mechanism *row);
void token_mechanism_info(const struct token *token, const struct mechanism *row, CK_MECHANISM_INFO *info);

void token_lock(struct token *token);
void token_unlock(struct token *token);

/* The object with a reference for the caller, or NULL; sees changes of other processes when the handle is not
 * known. */
struct object *token_find_object(struct token *token, CK_OBJECT_HANDLE handle);

/* Copies text into a fixed PKCS#11 field, padded with blanks. Too long a text is cut between UTF-8
 * characters. */
void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text);

#endif
