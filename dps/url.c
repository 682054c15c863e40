/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_MAXIMUM 255
#define ORIGIN_MAXIMUM 300
#define SEGMENT_MAXIMUM 512

static const char scheme[] = "https://";
static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool is_letter_or_digit(char c)
{
    return c != '\0' && strchr(letters_and_digits, c) != NULL;
}

/* The length of the host at the front of the text, brackets included; 0: there is none. */
static size_t host_length(const char *text)
{
    size_t length = 0;

    if (text[0] == '[') {
        length = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        return text[length] == ']' && length > 2 ? length + 1 : 0;
    }
    while (is_letter_or_digit(text[length]) || text[length] == '-' || text[length] == '.' ||
           text[length] == '_')
        length++;
    return is_letter_or_digit(text[0]) ? length : 0;
}

static bool is_port(const char *text)
{
    size_t length = strspn(text, "0123456789");
    unsigned long port = strtoul(text, NULL, 10);

    return length >= 1 && length <= 5 && text[length] == '\0' && port >= 1 && port <= 65535;
}

bool dps_url_is_authority(const char *text)
{
    size_t length = host_length(text);

    if (length == 0 || length > HOST_MAXIMUM)
        return false;
    return text[length] == '\0' || (text[length] == ':' && is_port(text + length + 1));
}

bool dps_url_read_origin(const char *text, char **out)
{
    struct buffer origin;
    char *authority;
    size_t length;

    *out = NULL;
    if (strncasecmp(text, scheme, strlen(scheme)) == 0)
        text += strlen(scheme);
    authority = strdup(text);
    if (authority == NULL)
        return false;
    length = strlen(authority);
    if (length > 0 && authority[length - 1] == '/')
        authority[length - 1] = '\0';
    buffer_init(&origin, ORIGIN_MAXIMUM);
    if (dps_url_is_authority(authority)) {
        buffer_addf(&origin, "%s%s", scheme, authority);
        *out = buffer_take_text(&origin);
    }
    buffer_free(&origin);
    free(authority);
    return *out != NULL;
}

bool dps_url_add_encoded(struct buffer *url, const char *text)
{
    for (; *text != '\0'; text++) {
        if (is_letter_or_digit(*text) || strchr("-._~", *text) != NULL)
            buffer_add(url, text, 1);
        else
            buffer_addf(url, "%%%02X", (unsigned)(unsigned char)*text);
    }
    return !url->failed;
}

/* "." and ".." would be taken for steps in the path, and encoding them would not help. */
bool dps_url_is_segment(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= SEGMENT_MAXIMUM && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

bool dps_url_add_segment(struct buffer *url, const char *text)
{
    if (!dps_url_is_segment(text))
        url->failed = true;
    return buffer_add_text(url, "/") && dps_url_add_encoded(url, text);
}

bool dps_url_add_query(struct buffer *url, const char *name, const char *value)
{
    return buffer_addf(url, "?%s=", name) && dps_url_add_encoded(url, value);
}
