/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_COMMAND_H
#define DEVID_EMULATOR_COMMAND_H

#include "emulator/device.h"

#include <stdio.h>

/*
 * Cloud-to-device messages. Each device has one queue, stored as {"next": sequence number, "messages": [...],
 * "settled": [{"sequenceNumber", "outcome"}, ...]}, and a message as {"sequenceNumber", "lockToken",
 * "lockedUntil", "expires" (seconds since 1970), "enqueuedTime", "deliveryCount", "properties",
 * "systemProperties", "body": base64}. A message that was received is locked for a minute; one that is then
 * neither completed nor rejected is delivered again, ten times at most. It lives an hour.
 */

#define EMU_COMMAND_LOCK_SECONDS 60
#define EMU_COMMAND_LIFE_SECONDS 3600
#define EMU_COMMAND_DELIVERIES_MAXIMUM 10
#define EMU_COMMAND_QUEUE_MAXIMUM 50
#define EMU_COMMAND_PROPERTIES_MAXIMUM 40
#define EMU_COMMAND_BODY_MAXIMUM (64 * 1024)

/* `device` is a stored one (device.h). All answer false with the hub's refusal. */

/* Queues a message; *sequence is its number. */
__attribute__((warn_unused_result)) bool emu_command_add(const struct emulator *emulator,
                                                         const json_t *device, const json_t *application,
                                                         const json_t *system, const struct bytes *body,
                                                         json_int_t *sequence, struct emu_refusal *refusal);

/* Locks the next message; *out is it and the caller's, NULL when there is none. */
__attribute__((warn_unused_result)) bool emu_command_receive(const struct emulator *emulator,
                                                             const json_t *device, json_t **out,
                                                             struct emu_refusal *refusal);

enum emu_outcome { EMU_COMPLETED, EMU_REJECTED, EMU_ABANDONED };

/* Ends the lock: the message is gone, or (abandoned) waits again. */
__attribute__((warn_unused_result)) bool emu_command_settle(const struct emulator *emulator,
                                                            const json_t *device, const char *lock_token,
                                                            enum emu_outcome outcome,
                                                            struct emu_refusal *refusal);

/* Prints the queue of a device of the own hub: one JSON object a line, first what was settled, with its
 * outcome. False: the store cannot be read, or the stream not be written. */
__attribute__((warn_unused_result)) bool emu_command_print(const struct emulator *emulator,
                                                           const char *device_id, FILE *out);

#endif
