/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_CA_H
#define DEVID_EMULATOR_CA_H

#include "common/bytes.h"

#include <time.h>

/* The files, in the state directory. */
#define EMU_CA_CERTIFICATE "ca.pem"
#define EMU_CA_KEY "ca-key.pem"
#define EMU_SERVER_CERTIFICATE "server.pem"
#define EMU_SERVER_KEY "server-key.pem"

/*
 * Sees to it that the state directory holds a certificate authority and a server certificate by it: makes
 * what is missing, makes anew what has expired (or soon will) or does not belong together, leaves the rest
 * alone. The server certificate is good for this machine's loopback names, Azure's host names, and `host` (a
 * name or an address; NULL: no more). False: one line for the user in message[size].
 */
__attribute__((warn_unused_result)) bool emu_ca_ensure(int directory, const char *host, time_t now,
                                                       char *message, size_t size);

#endif
