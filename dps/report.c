/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAXIMUM 1024

/* Where a URI's attribute ends in a sentence; a colon may belong to it unless a space follows. */
static bool ends_value(const char *c)
{
    return *c == '\0' || strchr("&; \"'),", *c) != NULL || (c[0] == ':' && c[1] == ' ');
}

/*
 * Texts from outside must not break a line or a terminal, and a PIN that a URI carries must not be shown,
 * whoever quotes that URI.
 */
static void make_presentable(char *text)
{
    static const char mark[] = "pin-value=";
    char *c;

    for (c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    for (c = text; (c = strstr(c, mark)) != NULL;)
        for (c += strlen(mark); !ends_value(c); c++)
            *c = '*';
}

void dps_report_log(struct dps_report *report, dps_log_level level, const char *format, ...)
{
    char line[LINE_MAXIMUM];
    va_list arguments;

    if (report->log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    make_presentable(line);
    report->log(report->log_data, level, line);
}

dps_status dps_report_fail(struct dps_report *report, dps_status status, const char *format, ...)
{
    char text[sizeof report->text]; /* the arguments may point into the text before */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_presentable(text);
    snprintf(report->text, sizeof report->text, "%s", text);
    report->http_status = 0;
    report->error_code = 0;
    report->tracking_id[0] = '\0';
    return status;
}

void dps_report_add(struct dps_report *report, const char *format, ...)
{
    size_t length = strlen(report->text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(report->text + length, sizeof report->text - length, format, arguments);
    va_end(arguments);
    make_presentable(report->text + length);
}

dps_status dps_report_no_memory(struct dps_report *report)
{
    return dps_report_fail(report, DPS_NO_MEMORY, "there is not enough memory");
}
