/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include "common/presentable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where messages go instead of standard error; NULL: nowhere. */
static char *captured;
static size_t capacity;

void cli_capture(char *text, size_t size)
{
    captured = text;
    capacity = size;
    if (text != NULL)
        text[0] = '\0';
}

/* Adds a message behind those that are captured already. */
static void capture(const char *format, va_list arguments)
{
    size_t used = strlen(captured);

    if (used != 0 && used + 3 < capacity)
        used += (size_t)snprintf(captured + used, capacity - used, "; ");
    vsnprintf(captured + used, capacity - used, format, arguments);
    make_presentable(captured + used);
}

/* Of any length; without memory for it, what fits. */
static void print(FILE *to, const char *format, va_list arguments)
{
    char part[256];
    char *text = NULL;
    va_list again;

    va_copy(again, arguments);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    if (text == NULL)
        vsnprintf(part, sizeof part, format, again);
    va_end(again);
    make_presentable(text != NULL ? text : part);
    fputs(text != NULL ? text : part, to);
    free(text);
}

static void tell(const char *kind, const char *format, va_list arguments)
{
    if (captured != NULL) {
        capture(format, arguments);
        return;
    }
    fflush(stdout);
    fprintf(stderr, "devid: %s", kind);
    print(stderr, format, arguments);
    fputc('\n', stderr);
}

enum cli_status cli_fail(enum cli_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell("", format, arguments);
    va_end(arguments);
    return status;
}

void cli_warn(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell("warning: ", format, arguments);
    va_end(arguments);
}

enum cli_status cli_no_memory(void)
{
    return cli_fail(CLI_INTERNAL, "memory: there is not enough of it; close other programs and try again");
}
