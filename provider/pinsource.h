/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PINSOURCE_H
#define DEVID_PROVIDER_PINSOURCE_H

#include "common/bytes.h"
#include "provider/provider.h"

/*
 * Reads the PIN that a source has, which is the first line there:
 *
 *   /PATH, file:/PATH, file:///PATH   a file
 *   cred:NAME                         a credential that systemd gives to a service
 *   env:NAME                          a variable of the environment, except in set-user-ID programs
 *   fd:NUMBER                         an open file descriptor, which is read once and then remembered
 *
 * False with an error raised that names the source: it cannot be read, or has no PIN.
 */
bool prov_pinsource_read(struct provider *provider, const char *source, struct bytes *pin);

/* The lines that were read from descriptors are wiped. */
void prov_pinsource_free(struct provider *provider);

#endif
