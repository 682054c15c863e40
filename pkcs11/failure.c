/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "common/rvname.h"

#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char sentence[512];
static _Thread_local bool is_note; /* the sentence is about something that did not stop the call */

/* Names and values from files may hold anything; a sentence is one line, and does nothing to a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* A failure comes before a note; among equals the first one stays. */
static void keep(const char *text, bool note)
{
    if (sentence[0] != '\0' && (note || !is_note))
        return;
    snprintf(sentence, sizeof sentence, "%s", text);
    is_note = note;
}

CK_RV p11_fail(CK_RV rv, const char *format, ...)
{
    char text[sizeof sentence];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    keep(text, false);
    log_write(LOG_ERROR, NULL, "%s (%s)", text, rv_name(rv));
    return rv;
}

void p11_note(const char *format, ...)
{
    char text[sizeof sentence];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    keep(text, true);
    log_write(LOG_ERROR, NULL, "%s", text);
}

void p11_failure_to_note(const char *thing, CK_RV rv, const char *advice)
{
    char reason[sizeof sentence];

    snprintf(reason, sizeof reason, "%s", p11_failure_kept() ? sentence : rv_name(rv));
    p11_failure_clear();
    p11_note("%s is left out: %s; %s", thing, reason, advice);
}

bool p11_failure_kept(void)
{
    return sentence[0] != '\0' && !is_note;
}

void p11_failure_clear(void)
{
    sentence[0] = '\0';
    is_note = false;
}

const char *p11_failure_text(void)
{
    return sentence;
}
