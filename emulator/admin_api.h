/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ADMIN_API_H
#define DEVID_EMULATOR_ADMIN_API_H

#include "emulator/request.h"

/* The emulator's own API, for programs on this machine only: faults to inject (fault.h), and how many
 * requests each route had. */
emu_handler emu_admin_add_fault, emu_admin_show, emu_admin_clear;

#endif
