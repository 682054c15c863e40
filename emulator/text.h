/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_TEXT_H
#define DEVID_EMULATOR_TEXT_H

#include "common/bytes.h"

#include <jansson.h>
#include <time.h>

#define EMU_GUID_SIZE 37
#define EMU_TIME_SIZE 40

/* Standard base64 with padding, malloc'ed; NULL: no memory. */
__attribute__((warn_unused_result)) char *emu_base64_encode(const void *data, size_t size);

/* Strict but for white space, which is skipped. False: not base64, or no memory; *out empty. */
__attribute__((warn_unused_result)) bool emu_base64_decode(const char *text, struct bytes *out);

/* Undoes %XX in text[length]; malloc'ed. NULL: a broken escape, an encoded NUL, or no memory. */
__attribute__((warn_unused_result)) char *emu_percent_decode(const char *text, size_t length);

/* A random (version 4) UUID. Aborts when the system has no random numbers, as nothing works then. */
void emu_guid(char out[static EMU_GUID_SIZE]);

/* ISO 8601 in UTC with the service's seven fractional digits. */
void emu_time_text(struct timespec when, char out[static EMU_TIME_SIZE]);

/* The member of a JSON object as text; NULL when it is not there or no string. Owned by the object. */
const char *emu_json_text(const json_t *object, const char *name);

/* Reads one JSON text. NULL: malformed, with where and why in message[size]. Duplicate members are refused.
 */
__attribute__((warn_unused_result)) json_t *emu_json_read(const struct bytes *text, char *message,
                                                          size_t size);

#endif
