/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_COMMAND_H
#define DEVID_PKCS11_TPM_COMMAND_H

#include "pkcs11/tpm/context.h"

/* One TPM command: how its parameters go in and come out. Rows stand next to where they are used. */
struct tpm_command {
    const char *name; /* as the TPM library specification calls it */
    TSS2_RC (*prepare)(TSS2_SYS_CONTEXT *sys, const void *arguments);
    TSS2_RC (*complete)(TSS2_SYS_CONTEXT *sys, void *result); /* NULL: nothing comes back */
    unsigned authorizations;                                  /* handles that need one */
    unsigned secrets; /* TPM_SECRET_...: what of it must not be read on the bus */
};

#define TPM_SECRET_IN 0x1U  /* the first parameter of the command, a TPM2B */
#define TPM_SECRET_OUT 0x2U /* the first parameter of the response, a TPM2B */

/*
 * THE path of every command: prepare, authorise, execute, check, complete, with the TPM's lock held. RETRY,
 * YIELDED and TESTING are waited out for a bounded time. Nothing is said about a failure yet: the caller
 * knows whether it is one.
 *
 * Authorizations are what tpm->guard says (bus.h), and empty passwords when there is none. A protected
 * session is made for the command, and ends with it, unless the guard says `more`; after a failure none is
 * left.
 */
TSS2_RC tpm_execute(struct tpm *tpm, const struct tpm_command *command, const void *arguments, void *result);

/* TPM2_FlushContext; failure is only logged. */
void tpm_flush(struct tpm *tpm, TPM2_HANDLE handle);

#endif
