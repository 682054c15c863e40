/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_EMULATOR_H
#define DEVID_EMULATOR_EMULATOR_H

#include "common/bytes.h"

#include <time.h>

struct emu_store;
struct emu_faults;

/* The stored name of the emulator's own hub; devices are told the address it has just now (allocate.h). */
#define EMU_OWN_HUB "localhost"

/* What every handler works on. Handlers run one at a time; nothing in here is locked. */
struct emulator {
    struct emu_store *store;
    const char *id_scope;
    const char *host; /* name and port under which this run is reached */
    uint16_t port;
    const char *const *hubs; /* the linked hubs */
    size_t hub_count;
    unsigned polls;       /* how many polls of an operation answer `assigning` */
    unsigned retry_after; /* seconds, told to the device */
    struct bytes service_key;
    struct bytes hub_key;      /* of the hub's owner */
    struct emu_faults *faults; /* to be injected; NULL: none */
    time_t clock_offset;       /* seconds that this service's clock is ahead */
    bool disabled_is_status;   /* a disabled enrollment is told by a status, not by a 401 */
};

static inline struct timespec emu_now(const struct emulator *emulator)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += emulator->clock_offset;
    return now;
}

#endif
