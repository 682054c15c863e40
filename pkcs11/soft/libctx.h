/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_LIBCTX_H
#define DEVID_PKCS11_SOFT_LIBCTX_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/*
 * Lets libcrypto read the application's openssl.cnf now. That may load a provider which calls C_Initialize
 * again: the first statement of C_Initialize, before any lock.
 */
void soft_prepare(void);

/* Makes the module's own library context, with the default provider and no configuration file, and fetches
 * from it what soft/ uses. Does nothing when it is there already. */
CK_RV soft_start(void);

/* In a child after fork: the context is the parent's, whose threads may hold its locks. It stays where it is,
 * and soft_start makes another. */
void soft_abandon(void);

/* Has `handler` called when libcrypto begins to shut down, that is at the normal end of the process, before
 * anything else of it goes. The module stays loaded until then: it is linked nodelete. False: not registered.
 */
bool soft_at_exit(void (*handler)(void));

/* Errors that libcrypto raises between the two do not reach the application's error queue. */
void soft_enter(void);
void soft_leave(void);

#endif
