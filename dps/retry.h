/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_RETRY_H
#define DPS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Pure functions of numbers: whether to ask again, and after how many milliseconds. */

/* True for an HTTP status that says "not now" rather than "no": 429 and 5xx. */
bool dps_retry_is_worthwhile(unsigned http_status);

/*
 * What a Retry-After header asks for. It must be an integer number of seconds, as the service sends it; the
 * answer lies between 1 s and 300 s. 0: there is none (NULL, empty), or it is something else.
 */
int64_t dps_retry_after(const char *value);

/*
 * The pause after failure number `attempt` in a row (0 the first), when the server asked for none: it doubles
 * from 1 s up to 30 s, and `random` picks a point of its upper half, so that devices that failed together
 * come back apart.
 */
int64_t dps_retry_backoff(unsigned attempt, uint32_t random);

/* The pause between two polls when the service named none. */
#define DPS_RETRY_POLL_MS 2000

#endif
