/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_MODULE_H
#define DEVID_PROVIDER_MODULE_H

#include "common/bytes.h"
#include "devid/pkcs11.h"
#include "provider/locate.h"
#include "provider/provider.h"
#include "provider/uri.h"

#include <p11-kit/pkcs11.h>
#include <pthread.h>

enum { PROV_REFUSED_MAXIMUM = 4 };

/* A token that the module showed. It stays in its module's list, at the same address, until the provider
 * goes. */
struct prov_token {
    struct prov_token *next;
    struct prov_module *module;
    CK_TOKEN_INFO info; /* as first seen: label, serial number and the like never change */
    /* The rest is guarded by the module's lock. */
    CK_SLOT_ID slot;
    bool present;
    bool logged_in;
    struct bytes pin;                           /* the one that the token accepted, for logging in again */
    struct bytes refused[PROV_REFUSED_MAXIMUM]; /* those that it refused last, see login.c */
    unsigned refused_next;
    atomic_bool pins_change; /* a fork at this moment: a child better not look at them */
    bool login_busy;         /* by this thread: */
    pthread_t login_thread;
    CK_SESSION_HANDLE *idle;
    unsigned idle_count;
    unsigned open_count; /* idle ones and those in use */
};

/*
 * The loaded module as one process sees it. After a fork the child makes a new one and never touches the
 * locks, sessions or handles of the old one again, except to read what identifies a token, and its PIN.
 */
struct prov_module {
    struct provider *provider;
    size_t index;     /* in the configuration's list */
    const char *name; /* there, for messages too */
    struct prov_location location;
    struct prov_module *before_fork; /* kept because keys point into it */
    uint64_t fork_id;
    CK_FUNCTION_LIST *functions;
    unsigned sessions;                   /* on a token, at most */
    const struct devid_functions *extra; /* NULL with other modules than DevID's */
    pthread_mutex_t lock;
    pthread_cond_t session_returned;
    pthread_cond_t login_ended;
    /* Guarded by the lock: */
    bool initialized;
    uint64_t initialized_epoch; /* sessions of older ones ended with an older C_Initialize */
    bool fresh;                 /* nothing was asked since this provider itself initialised it */
    CK_RV listing;              /* how the last reading of the list of tokens went */
    bool listed;                /* the list of tokens was read since the last renewal */
    uint64_t
        epoch; /* sessions and handles of another epoch are void; unique over all modules of this process */
    uint64_t incarnation; /* how often it was found to have been finalised by somebody */
    struct prov_token *tokens;
    char note[PROV_NOTE_SIZE]; /* what the module had to leave out of its list of slots */
};

/* A module of the configuration's list, loaded and initialised. NULL with an error raised, among others when
 * a module itself is the caller. */
struct prov_module *prov_module_at(struct provider *provider, size_t index);

/*
 * Whether a URI that names a module means this one of the list: 1 or 0; -1 with an error raised when that
 * cannot be found out. The module is loaded only where the URI tells what it says of itself (library-...).
 */
int prov_module_is_meant(struct provider *provider, size_t index, const struct prov_uri *uri);

/*
 * Calls visit for each token that the URI means, with no lock held, until it answers false. *count becomes
 * the number of tokens. False with an error raised: the module failed. The tokens are listed again before
 * none is found.
 */
typedef bool prov_token_visit(void *data, struct prov_token *token);
bool prov_module_visit(struct prov_module *module, const struct prov_uri *uri, prov_token_visit *visit,
                       void *data, size_t *count);

/* The token with the same identity as one that was seen earlier, perhaps in the parent process. NULL: it is
 * gone. */
struct prov_token *prov_module_same_token(struct prov_module *module, const struct prov_token *token);

/* The token's flags when its module was last asked, and after asking it once more. */
CK_FLAGS prov_token_flags(struct prov_token *token);
CK_FLAGS prov_token_flags_now(struct prov_token *token);

/* The length of its label without the spaces that fill the field. */
int prov_token_label_length(const struct prov_token *token);

/* "'a', 'b'": the labels of the tokens that were seen, or "none"; malloc'ed, NULL: no memory. */
char *prov_module_token_names(struct prov_module *module);

/* The current epoch, to be handed to prov_module_renew when something turns out to be stale. */
uint64_t prov_module_epoch(struct prov_module *module);

/* After a stale answer (prov_error_is_stale) in `epoch`: voids what was held, once for all threads that
 * notice. */
void prov_module_renew(struct prov_module *module, uint64_t epoch, CK_RV rv);

/* The module, if it can still be told that something which was opened in `epoch` is given up; else NULL. */
struct prov_module *prov_module_reachable(struct provider *provider, size_t index, uint64_t epoch);

/* For prov_provider_free: gives back what can be without harm, frees the rest. Modules stay loaded and
 * initialised. */
void prov_modules_close(struct provider *provider);

#endif
