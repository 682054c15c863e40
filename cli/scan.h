/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SCAN_H
#define DEVID_CLI_SCAN_H

#include "common/buffer.h"

#include <jansson.h>

/* Where a TOML text is read, and the smallest things that are read there. */
struct cli_scan {
    const char *text;
    size_t size;
    size_t at;
    size_t line_start;
    unsigned line; /* from 1 */
    char *message; /* one line for the user: the first failure */
    size_t message_size;
};

/* The next character, -1 at the end; one further on. */
int cli_scan_peek(const struct cli_scan *scan);
int cli_scan_peek_at(const struct cli_scan *scan, size_t ahead);

/* Takes one character; counts lines. */
void cli_scan_step(struct cli_scan *scan);

/* Takes that character if it is the next. */
bool cli_scan_take(struct cli_scan *scan, char c);

/* Fails: "line 3, column 7: ...". Answers false. */
bool cli_scan_fail(const struct cli_scan *scan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Spaces and tabs; with `lines` also line ends and comments. False: a comment holds what none may. */
__attribute__((warn_unused_result)) bool cli_scan_space(struct cli_scan *scan, bool lines);

/* A string of any of the four kinds; a key may only be of the two that have one line. NULL: failed. */
__attribute__((warn_unused_result)) json_t *cli_scan_string(struct cli_scan *scan, bool one_line);

/* A number; NULL: failed. */
__attribute__((warn_unused_result)) json_t *cli_scan_integer(struct cli_scan *scan);

/* One part of a key, added to the buffer. */
__attribute__((warn_unused_result)) bool cli_scan_key(struct cli_scan *scan, struct buffer *out);

#endif
