/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_BATCH_H
#define DPS_BATCH_H

#include "common/buffer.h"
#include "dps/report.h"

/* Adds the messages as the JSON of one request (application/vnd.microsoft.iothub.json) to the buffer, whose
 * maximum is the hub's. DPS_INVALID: they do not fit, or a text is not UTF-8. */
__attribute__((warn_unused_result)) dps_status dps_batch_write(const struct dps_message *messages,
                                                               size_t count, struct dps_report *report,
                                                               struct buffer *out);

#endif
