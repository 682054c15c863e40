/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_STATE_H
#define DEVID_EMULATOR_STATE_H

#include "common/bytes.h"

#include <limits.h>

struct emu_store;

/* The files of the state directory, besides those of ca.h. */
#define EMU_STATE_DATABASE "emulator.db"
#define EMU_STATE_ID_SCOPE "id-scope"
#define EMU_STATE_PORT "port"
#define EMU_STATE_CONNECTION "connection-string"
#define EMU_STATE_HUB_CONNECTION "hub-connection-string"

#define EMU_ID_SCOPE_SIZE 65

/* A state directory in use by one server. */
struct emu_state {
    char path[PATH_MAX];
    int directory; /* descriptor, or -1 */
    int lock;      /* descriptor, or -1 */
    struct emu_store *store;
    char id_scope[EMU_ID_SCOPE_SIZE];
    struct bytes service_key;
    struct bytes hub_key;
};

/* All three answer false with one line for the user in message[size]. */

/* The directory to use: `given`, or where the XDG rules put it. */
__attribute__((warn_unused_result)) bool emu_state_path(const char *given, char path[static PATH_MAX],
                                                        char *message, size_t size);

/*
 * Makes the directory when it is not there, takes it for this process, and reads or makes what lasts:
 * database, id scope (`id_scope` when not NULL, and kept from then on) and service key. Close it in any case.
 */
__attribute__((warn_unused_result)) bool emu_state_open(struct emu_state *state, const char *path,
                                                        const char *id_scope, char *message, size_t size);

/* Writes the files that tell other programs how to reach this run. */
__attribute__((warn_unused_result)) bool emu_state_publish(const struct emu_state *state, const char *host,
                                                           unsigned port, char *message, size_t size);

void emu_state_close(struct emu_state *state);

#endif
