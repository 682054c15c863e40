/* SPDX-License-Identifier: Apache-2.0 */
#include "common/settings.h"

#include <string.h>

#define LINE_MAXIMUM 4096

static const char space[] = " \t\r";

/* Cuts white space off both ends, in place. */
static char *trim(char *text)
{
    size_t length;

    text += strspn(text, space);
    length = strlen(text);
    while (length != 0 && strchr(space, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

static bool read_line(char *text, unsigned number, settings_line *handle, void *data)
{
    char *name = trim(text);
    char *equals;

    if (name[0] == '\0' || name[0] == '#')
        return true;
    equals = strchr(name, '=');
    if (equals == NULL || equals == name)
        return false;
    *equals = '\0';
    return handle(data, number, trim(name), trim(equals + 1));
}

unsigned settings_read(const char *text, size_t size, settings_line *handle, void *data)
{
    unsigned number = 0;

    while (size != 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end != NULL ? (size_t)(end - text) : size;
        char line[LINE_MAXIMUM];

        number++;
        if (length >= sizeof line || memchr(text, '\0', length) != NULL)
            return number;
        memcpy(line, text, length);
        line[length] = '\0';
        if (!read_line(line, number, handle, data))
            return number;
        length += end != NULL ? 1 : 0;
        text += length;
        size -= length;
    }
    return 0;
}
