/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_KEEPER_H
#define DEVID_PKCS11_TPM_KEEPER_H

#include "pkcs11/tpm/session.h"

#include <stdbool.h>

struct tpm_bus;
struct tpm_keeper;

/*
 * Keeps a session from one use of a key to the next, for a burst of them: making one costs the TPM an
 * operation with its storage key, often more than the use itself. A burst begins with the second use of a
 * key. A thread ends it when the session was idle for as long as the token's bus says: one that rests for
 * ever takes a slot, and stops other processes' resource manager some day (TPM_RC_CONTEXT_GAP).
 *
 * One for each struct tpm, under its lock. It may be NULL: then nothing is kept.
 */
struct tpm_keeper *tpm_keeper_new(void);
/* Without the lock, when nobody else has the struct tpm any more: no session and no thread is left. */
void tpm_keeper_free(struct tpm *tpm);

/* Whether this use of the key begins or continues a burst; it is noted. */
bool tpm_keeper_wanted(struct tpm *tpm, const struct tpm_bus *bus, const void *key);
/* Moves the session that is kept for that bus to *session; false: there is none. */
bool tpm_keeper_take(struct tpm *tpm, const struct tpm_bus *bus, struct tpm_session *session);
/* Keeps *session, which is moved, until the burst ends. When no thread can be made that is at once. */
void tpm_keeper_keep(struct tpm *tpm, const struct tpm_bus *bus, struct tpm_session *session);
/* Ends what is kept. False: nothing was. */
bool tpm_keeper_end(struct tpm *tpm);
/* The token of that bus closes. Takes the lock. */
void tpm_keeper_leave(struct tpm *tpm, const struct tpm_bus *bus);
/* The connection is gone, and the session with it: forgets it without a command. */
void tpm_keeper_forget(struct tpm *tpm);

#endif
