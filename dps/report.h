/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_REPORT_H
#define DPS_REPORT_H

#include "devid/dps.h"

#define DPS_REPORT_TEXT 1024

/*
 * What the caller of the library is told: lines of the log as things happen, and the one sentence about the
 * last failure. Each client has one; everything below the client reports here and answers with a dps_status.
 */
struct dps_report {
    dps_log_fn log;
    void *log_data;
    char text[DPS_REPORT_TEXT];
    unsigned http_status;
    long error_code;
    char tracking_id[64];
};

void dps_report_log(struct dps_report *report, dps_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Makes this the last failure, forgets the numbers of the one before, and answers `status`. It is logged
 * where it leaves the library, or as a warning where the library tries again.
 */
dps_status dps_report_fail(struct dps_report *report, dps_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Continues the sentence of the last failure; its numbers stay. */
void dps_report_add(struct dps_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure that needs no words of its own. */
dps_status dps_report_no_memory(struct dps_report *report);

#endif
