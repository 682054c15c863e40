/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CONNECTION_H
#define DEVID_PKCS11_TPM_CONNECTION_H

#include <stdbool.h>
#include <tss2/tss2_tcti.h>

/* The way of commands to a TPM. */
struct tpm_connection {
    TSS2_TCTI_CONTEXT *tcti; /* NULL: not open */
    bool relayed;            /* through a process of its own (relay.h) */
};

/* Opens it; with "", to the first of the defaults that is there. */
TSS2_RC tpm_connection_open(const char *tcti, struct tpm_connection *connection);
void tpm_connection_close(struct tpm_connection *connection);
/* In a child after fork: closes the child's descriptors and nothing else. */
void tpm_connection_abandon(struct tpm_connection *connection);

#endif
