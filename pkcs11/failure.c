/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"

#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char sentence[512];

/* Names and values from files may hold anything; a sentence is one line, and does nothing to a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

CK_RV p11_fail(CK_RV rv, const char *format, ...)
{
    char text[sizeof sentence];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    if (sentence[0] == '\0')
        snprintf(sentence, sizeof sentence, "%s", text);
    log_write(LOG_ERROR, NULL, "%s (%s)", text, p11_rv_name(rv));
    return rv;
}

void p11_failure_clear(void)
{
    sentence[0] = '\0';
}

const char *p11_failure_text(void)
{
    return sentence;
}
