/* SPDX-License-Identifier: Apache-2.0 */
#include "common/presentable.h"

#include <stdbool.h>
#include <string.h>

/* Where a URI's attribute ends in a sentence; a colon may belong to it unless a space follows. */
static bool ends_value(const char *c)
{
    return *c == '\0' || strchr("&;? \"'),", *c) != NULL || (c[0] == ':' && c[1] == ' ');
}

void make_presentable(char *text)
{
    static const char mark[] = "pin-value=";
    char *c;

    for (c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    for (c = text; (c = strcasestr(c, mark)) != NULL;)
        for (c += strlen(mark); !ends_value(c); c++)
            *c = '*';
}
