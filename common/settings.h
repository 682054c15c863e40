/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_SETTINGS_H
#define DEVID_COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* One setting. False stops the reading (the caller keeps the reason in `data`). */
typedef bool settings_line(void *data, unsigned line, const char *name, const char *value);

/*
 * Reads `name = value` lines, as in token.conf and devid.conf. Blank lines and lines whose first character is
 * # are comments; white space around name and value does not count; the value is the rest of the line, taken
 * literally. Answers 0, or the number of the first line that is not such a line or that `handle` refused.
 */
__attribute__((warn_unused_result)) unsigned settings_read(const char *text, size_t size,
                                                           settings_line *handle, void *data);

#endif
