/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_HUB_OWNER_H
#define DEVID_EMULATOR_HUB_OWNER_H

#include "emulator/request.h"

/* The service API of IoT Hub, as far as one needs it to look after devices: device, twin, and (in a form of
 * the emulator's own, as the hub has no HTTP for it) messages to a device. */
emu_handler emu_hub_get_device, emu_hub_put_device, emu_hub_delete_device, emu_hub_get_twin,
    emu_hub_send_command;

#endif
