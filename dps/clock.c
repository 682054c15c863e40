/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/clock.h"

#include <limits.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>

static int64_t system_now(void *data)
{
    struct timespec time;

    (void)data;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t system_date(void *data)
{
    (void)data;
    return (int64_t)time(NULL);
}

/* An interrupted wait goes on: the interruption may have been the caller's own signal, e.g. a timer. */
static void system_sleep(void *data, int64_t milliseconds, int wake)
{
    const int64_t end = system_now(data) + milliseconds;
    struct pollfd descriptor = {.fd = wake, .events = POLLIN};

    while (milliseconds > 0) {
        if (poll(&descriptor, 1, milliseconds < INT_MAX ? (int)milliseconds : INT_MAX) > 0)
            return;
        milliseconds = end - system_now(data);
    }
}

/* Only spreads retries, so that a failure (0) does no harm. */
static uint32_t system_random(void *data)
{
    uint32_t value = 0;

    (void)data;
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
        return 0;
    return value;
}

const struct dps_clock dps_clock_system = {
    .now = system_now, .date = system_date, .sleep = system_sleep, .random = system_random};
