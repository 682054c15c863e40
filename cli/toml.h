/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_TOML_H
#define DEVID_CLI_TOML_H

#include <jansson.h>
#include <stddef.h>

/*
 * Reads TOML 1.0 as far as configurations of IoT Edge use it: tables, dotted keys, inline tables, arrays,
 * strings of all four kinds, integers, booleans, comments. Arrays of tables, fractions, dates and times are
 * refused, and so is everything that TOML refuses: a key or a table given twice, for instance.
 *
 * Answers an object that the caller releases; NULL: "line 3, column 7: ..." in message[message_size].
 */
__attribute__((warn_unused_result)) json_t *cli_toml_read(const char *text, size_t size, char *message,
                                                          size_t message_size);

#endif
