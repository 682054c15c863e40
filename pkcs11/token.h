/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TOKEN_H
#define DEVID_PKCS11_TOKEN_H

#include "pkcs11/backend.h"
#include "pkcs11/config.h"
#include "pkcs11/objects.h"
#include "pkcs11/store.h"
#include "pkcs11/tokenconf.h"

#include <pthread.h>

/* Who is logged in, in all sessions of the application. */
enum login { LOGIN_NONE, LOGIN_USER, LOGIN_SO };

/* Lengths of a PIN, in bytes. */
#define PIN_MINIMUM 4
#define PIN_MAXIMUM 255

/* A token: a directory with a token.conf. Lives from the first sight of the directory to C_Finalize. */
struct token {
    CK_SLOT_ID slot;
    struct token_conf conf;        /* immutable */
    const struct backend *backend; /* where new keys go */
    bool has_pin;              /* there is a pin.pem: private objects are for who is logged in; immutable */
    void *instances[BACKENDS]; /* in the order of p11_backends; immutable */
    pthread_mutex_t lock;      /* of what follows; never held while a backend does more than load a block */
    struct store store;
    struct objects objects;
    enum login login; /* ends with the last session; read without the lock by token_login */
    unsigned readers; /* read-only sessions that are open */
    bool pin_refused; /* the PIN of the source, with this SHA-256 */
    uint8_t refused_pin[32];
};

/* Opens the token in the directory; what token.conf leaves open, the configuration says.
 * CKR_TOKEN_NOT_RECOGNIZED: it holds none that can be used. */
CK_RV token_open(const char *path, const struct config *config, struct token **out);
void token_close(struct token *token);
/* In a child after fork: the backends give up what they share with the parent, and the memory stays as it is.
 */
void token_abandon(struct token *token);
/* No session is open on it any more. */
void token_idle(struct token *token);

/* Makes a token directory below config->tokens with one rename, and answers its path (malloc'ed). An empty
 * `so_pin`: a token without PINs. */
CK_RV token_create(const struct config *config, const struct backend *backend, const char *label,
                   CK_SLOT_ID slot, const struct bytes *so_pin, char **path);

/*
 * Makes an empty token in the place of one that is there, with the same slot, serial number and settings, and
 * all objects and PINs gone. Its directory is exchanged with one rename: killed at any instant, there is the
 * old token or the new one. The SO's PIN was checked, and no session is open; `token` is of the past
 * afterwards.
 */
CK_RV token_renew(const struct config *config, const struct token *token, const char *label,
                  const struct bytes *so_pin);
/* Adds to `conf` what the process's configuration says and it does not. */
CK_RV token_complete_conf(struct token_conf *conf, const struct config *config);
/* Whether its directory is still where it was: not replaced by C_InitToken of another process, nor removed.
 */
bool token_is_there(const struct token *token);

void *token_instance(const struct token *token, const struct backend *backend);
/* Whether the token's own backend can serve the mechanism row, and its key sizes. */
bool token_supports(const struct token *token, const struct mechanism *row);
void token_mechanism_info(const struct token *token, const struct mechanism *row, CK_MECHANISM_INFO *info);

void token_lock(struct token *token);
void token_unlock(struct token *token);

/* Who is logged in. Setting it needs the lock. */
enum login token_login(const struct token *token);
void token_set_login(struct token *token, enum login login);
/* Ends the login, and with it the private session objects. False: nobody was logged in. */
bool token_logout(struct token *token);
/* Whether its private objects may be seen and used. */
bool token_is_open(const struct token *token);

/* The object with a reference for the caller, or NULL; sees changes of other processes when the handle is not
 * known. */
struct object *token_find_object(struct token *token, CK_OBJECT_HANDLE handle);

/* Copies text into a fixed PKCS#11 field, padded with blanks. Too long a text is cut between UTF-8
 * characters. */
void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text);

#endif
