/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_MESSAGES_H
#define DEVID_EMULATOR_MESSAGES_H

#include <stdbool.h>
#include <stdio.h>

struct emu_store;

/*
 * Prints the messages that arrived, of one device or (NULL) of all, one JSON object a line: hub, device,
 * enqueuedTime, properties, systemProperties, and the body as text in `body`, or in `bodyBase64` when it is
 * no UTF-8 text. False: the store cannot be read, or the stream not be written.
 */
__attribute__((warn_unused_result)) bool emu_messages_print(struct emu_store *store, const char *device,
                                                            FILE *out);

#endif
