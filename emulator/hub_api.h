/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_HUB_API_H
#define DEVID_EMULATOR_HUB_API_H

#include "emulator/request.h"

/* A message, or a batch of them, may be this large. */
#define EMU_HUB_MESSAGE_MAXIMUM (256 * 1024)

/* The device API of IoT Hub: telemetry, and messages to the device. Parameters: device id and, to settle a
 * message, its lock token. */
emu_handler emu_hub_events;
emu_handler emu_hub_receive;
emu_handler emu_hub_complete;
emu_handler emu_hub_abandon;

#endif
