/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_LIBCTX_H
#define DEVID_PKCS11_SOFT_LIBCTX_H

#include <p11-kit/pkcs11.h>

/*
 * Lets libcrypto read the application's openssl.cnf now. That may load a provider which calls C_Initialize
 * again: the first statement of C_Initialize, before any lock.
 */
void soft_prepare(void);

/* Makes the module's own library context, with the default provider and no configuration file, and fetches
 * from it what soft/ uses. Does nothing when it is there already. */
CK_RV soft_start(void);

/* Errors that libcrypto raises between the two do not reach the application's error queue. */
void soft_enter(void);
void soft_leave(void);

#endif
