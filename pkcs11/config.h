/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_CONFIG_H
#define DEVID_PKCS11_CONFIG_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/* What the process asks for: environment first, then devid.conf ($DEVID_CONF or SYSCONFDIR/devid/devid.conf).
 */
struct config {
    char *tokens;           /* directory of the tokens, never NULL */
    char *tcti;             /* NULL: token.conf's, else tpm2-tss's default order */
    bool empty_slots;       /* offer an uninitialised slot per backend */
    char *parent;           /* of new TPM tokens: "auto", "owner" or a persistent handle */
    char *bus_protection;   /* of TPM tokens: "auto", "always" or "never"; NULL: token.conf's, else auto */
    char *software_secrets; /* of TPM tokens: "sealed" or "none"; NULL: token.conf's, else none */
    /* Passwords of the TPM's hierarchies, or where they are: "file:PATH", "hex:DIGITS" or the text itself. */
    char *owner_auth;
    char *endorsement_auth;
    char *pin_source; /* of the user's PIN: "file:PATH", "PATH" or "env:NAME"; NULL: token.conf's, or none */
    bool no_threads;  /* the application forbids them (CKF_LIBRARY_CANT_CREATE_OS_THREADS); not read */
    bool device_objects; /* new TPM tokens show the TPM's own keys and certificates */
};

/* CKR_GENERAL_ERROR: devid.conf is there and cannot be used; the reason is said. */
CK_RV config_load(struct config *config);
void config_free(struct config *config);

#endif
