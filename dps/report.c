/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/report.h"

#include "common/presentable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAXIMUM 1024

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
