/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ALLOCATE_H
#define DEVID_EMULATOR_ALLOCATE_H

#include "emulator/emulator.h"

#include <jansson.h>

/* True when the enrollment's allocationPolicy can have that value. */
bool emu_allocate_knows(const char *policy);

/* The hub for a device's first registration, owned by `enrollment` or `emulator`. NULL: there is none to
 * choose. */
const char *emu_allocate(const struct emulator *emulator, const json_t *enrollment,
                         const char *registration_id);

/* The hub's address as a device is told it: the own hub gets this run's name and port. malloc'ed; NULL: no
 * memory. */
__attribute__((warn_unused_result)) char *emu_hub_address(const struct emulator *emulator, const char *hub);

/*
 * The name that a device's record is kept under (its case does not count): the hub without port, and one name
 * for everything that means this machine. So a hub is known by any Host header that leads to it. malloc'ed;
 * NULL: no memory.
 */
__attribute__((warn_unused_result)) char *emu_hub_key(const struct emulator *emulator, const char *hub,
                                                      const char *device_id);

#endif
