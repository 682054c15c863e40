/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include <stdarg.h>
#include <stdio.h>

enum cli_status cli_fail(enum cli_status status, const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("devid: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return status;
}

enum cli_status cli_no_memory(void)
{
    return cli_fail(CLI_INTERNAL, "memory: there is not enough of it; close other programs and try again");
}
