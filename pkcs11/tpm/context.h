/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CONTEXT_H
#define DEVID_PKCS11_TPM_CONTEXT_H

#include "pkcs11/tpm/connection.h"

#include <p11-kit/pkcs11.h>
#include <tss2/tss2_sys.h>

#include <pthread.h>
#include <stdbool.h>

#define LOADED_KEYS 2
#define TPM_HIERARCHIES 2

struct tpm_guard;
struct tpm_keeper;

/*
 * A connection to a TPM, shared by the tokens that name the same TCTI. It is opened at the first command. All
 * but the first two members belong to who holds the lock.
 */
struct tpm {
    unsigned references; /* under context.c's own lock */
    char *tcti;          /* "" for the first of connection.c's defaults that is there */
    pthread_mutex_t lock;
    struct tpm_connection connection;
    TSS2_SYS_CONTEXT *sys; /* NULL: not connected */

    /* Transient objects of ours in the TPM (loaded.c, primary.c). */
    struct tpm_loaded {
        const void *key; /* NULL: free */
        TPM2_HANDLE handle;
        unsigned long used; /* larger: more recently */
    } loaded[LOADED_KEYS];
    unsigned long clock;
    TPM2_HANDLE primary;                 /* a transient storage primary, 0: not made */
    TPM2_HANDLE primary_parent;          /* and which (see tpm_primary_handle) */
    char *auth_sources[TPM_HIERARCHIES]; /* of their passwords, see hierarchy.h; NULL: not configured */
    struct tpm_keeper *keeper;           /* of a session between two uses, see keeper.h */
    struct tpm_guard *guard; /* how the commands under way are authorised; NULL: by empty passwords */
    bool pss_checked;        /* TPM2_Sign's PSS salt is known to be as long as the digest */
    bool pss_unusable;       /* or known not to be */
};

/* The connection for the TCTI (NULL: the default), with a reference; nothing is opened. NULL: no memory. */
struct tpm *tpm_take(const char *tcti);
/* Gives the reference back; the last one flushes what is loaded and closes. */
void tpm_return(struct tpm *tpm);
/* The same in a child after fork: the parent's objects stay, only the descriptors are closed. */
void tpm_abandon(struct tpm *tpm);

/* Locks, and connects if need be. On failure nothing is locked, and the reason is said. */
CK_RV tpm_enter(struct tpm *tpm);
void tpm_leave(struct tpm *tpm);

/* Under the lock: closes the connection and opens it anew; what was loaded is lost. */
CK_RV tpm_reconnect(struct tpm *tpm);
/* Under the lock: a response that is none leaves the system API waiting for it for ever; it begins anew. */
void tpm_renew(struct tpm *tpm);
/* Under the lock: forgets all handles without a command. */
void tpm_forget(struct tpm *tpm);

/* The TCTI as messages call it. */
const char *tpm_name(const struct tpm *tpm);

#endif
