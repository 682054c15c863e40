/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_EXCHANGE_H
#define DPS_EXCHANGE_H

#include "dps/client.h"

/*
 * Talking to a server within the time that a call has: the one place that looks at the deadline and the
 * cancellation, and that sleeps.
 */

/* Starts the time limit of a call. */
void dps_exchange_begin(struct dps_client *client);

/*
 * Sends a request until it gets an answer that is not passing trouble: 429, 5xx and lost connections are
 * tried again, as Retry-After asks or with growing random pauses. `what` says in reports what the
 * request is for. DPS_OK: a response with any other status, freed with dps_http_response_free, as in every
 * other case.
 */
__attribute__((warn_unused_result)) dps_status dps_exchange_send(struct dps_client *client, const char *what,
                                                                 const struct dps_http_request *request,
                                                                 struct dps_http_response *out);

/* Waits. DPS_TIMEOUT, at once and with words about `what`, if the time left is no more; DPS_CANCELLED. */
__attribute__((warn_unused_result)) dps_status dps_exchange_wait(struct dps_client *client, const char *what,
                                                                 int64_t milliseconds);

#endif
