/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_YAML_H
#define DEVID_CLI_YAML_H

#include <jansson.h>
#include <stddef.h>

/*
 * Reads one YAML document as JSON: plain true and false become booleans, plain null, ~ and nothing become
 * null, every other scalar a string. Anchors and aliases, keys that are no scalars, and keys given twice are
 * refused.
 *
 * Answers a value that the caller releases; NULL: "line 3, column 7: ..." in message[message_size].
 */
__attribute__((warn_unused_result)) json_t *cli_yaml_read(const char *text, size_t size, char *message,
                                                          size_t message_size);

#endif
