/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_REFUSAL_H
#define DPS_REFUSAL_H

#include "dps/client.h"

/*
 * Tells the report what a 4xx or 5xx answer says: status, the service's code, message and tracking id, and a
 * hint of ours what to do. Answers DPS_REJECTED. `what` is what was asked for.
 */
dps_status dps_refusal_report(struct dps_client *client, const char *what,
                              const struct dps_http_response *response);

/* The same for a registration that the service ended "failed" or "disabled" in a successful answer. */
dps_status dps_refusal_report_operation(struct dps_client *client, const char *what, unsigned http_status,
                                        const struct dps_operation *operation);

#endif
