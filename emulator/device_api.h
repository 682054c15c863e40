/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_DEVICE_API_H
#define DEVID_EMULATOR_DEVICE_API_H

#include "emulator/request.h"

/* The device API of DPS. Parameters: id scope, registration id and, for the operation, its id. */
emu_handler emu_device_register;
emu_handler emu_device_operation;
emu_handler emu_device_status;

#endif
