/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_CLOCK_H
#define DPS_CLOCK_H

#include <stdint.h>

/*
 * Time and chance as the client sees them. Each client has one; the tests put in theirs, so that no test
 * depends on the time that passes.
 */
struct dps_clock {
    /* Milliseconds of a clock that only goes forward. */
    int64_t (*now)(void *data);
    /* Seconds since 1970. */
    int64_t (*date)(void *data);
    /* Returns after so many milliseconds, or earlier when the descriptor becomes readable. */
    void (*sleep)(void *data, int64_t milliseconds, int wake);
    uint32_t (*random)(void *data);
    void *data;
};

extern const struct dps_clock dps_clock_system;

#endif
