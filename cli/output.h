/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_OUTPUT_H
#define DEVID_CLI_OUTPUT_H

#include "cli/status.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * Results are made once, as JSON, and shown in one of two ways: as they are (--json), or as text for people
 * by rows that name the members to show. Numbers, booleans and null have a text form too (null and "" are
 * "-").
 */
struct cli_column {
    const char *member;  /* of the JSON object; NULL ends the rows */
    const char *heading; /* for people */
};

/* To standard output, a line's worth: labels, names and what services say may hold anything, and control
 * characters, which a terminal would obey, become '?'. */
void cli_print_text(const char *text);

/* An array of objects: a table with headings, or `empty` (a sentence) when there is none. `list` is released;
 * NULL is told as a lack of memory. */
enum cli_status cli_show_list(json_t *list, const struct cli_column *columns, const char *empty, bool json);

/* One object: a line "heading: value" for each row whose member is there. `object` is released, as above. */
enum cli_status cli_show_object(json_t *object, const struct cli_column *columns, bool json);

#endif
