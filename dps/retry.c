/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/retry.h"

#include <stddef.h>

#define SECOND_MS 1000
#define AFTER_MAXIMUM_S 300
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAXIMUM_MS 30000

bool dps_retry_is_worthwhile(unsigned http_status)
{
    return http_status == 429 || (http_status >= 500 && http_status <= 599);
}

int64_t dps_retry_after(const char *value)
{
    int64_t seconds = 0;

    if (value == NULL || *value == '\0')
        return 0;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return 0;
        seconds = seconds * 10 + (*value - '0');
        if (seconds > AFTER_MAXIMUM_S)
            seconds = AFTER_MAXIMUM_S + 1; /* stays above it, whatever digits follow */
    }
    if (seconds > AFTER_MAXIMUM_S)
        seconds = AFTER_MAXIMUM_S;
    return (seconds > 0 ? seconds : 1) * SECOND_MS;
}

int64_t dps_retry_backoff(unsigned attempt, uint32_t random)
{
    int64_t pause = BACKOFF_FIRST_MS;

    for (; attempt > 0 && pause < BACKOFF_MAXIMUM_MS; attempt--)
        pause *= 2;
    if (pause > BACKOFF_MAXIMUM_MS)
        pause = BACKOFF_MAXIMUM_MS;
    return pause / 2 + (int64_t)random % (pause / 2 + 1);
}
