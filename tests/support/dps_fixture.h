/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_DPS_FIXTURE_H
#define DEVID_TESTS_SUPPORT_DPS_FIXTURE_H

#include "dps/client.h"
#include "tests/support/dps_server.h"

/*
 * Certificates and keys below support_directory(), named as these say. Make them once a program, in an
 * unchecked fixture.
 *
 *   ca.pem                    the CA of everything, valid beyond 2038
 *   server.pem, server.key    for localhost and 127.0.0.1
 *   server-expired.pem        the same, of last week, with server.key
 *   device.pem, device.key    CN device-1; the file holds its intermediate and root certificate too
 *   leaf.pem                  device.pem without the others
 *   gap.pem                   device.pem without the intermediate
 *   self.pem, self.key        CN device-1, self-signed, valid beyond 2038
 *   expired.pem, future.pem   CN device-1, with device.key
 *   nameless.pem              no common name, with device.key
 *   other.key                 fits none of them
 *   locked.key                device.key with the pass phrase "secret"
 */
void dps_fixture_make(void);

/* A clock that stands still but for what is slept, and notes that. */
struct dps_fixture_clock {
    int64_t now;  /* milliseconds */
    int64_t date; /* seconds since 1970 */
    int64_t slept[64];
    size_t sleeps;
    dps_client *cancel_at_sleep; /* is cancelled by the first sleep; NULL: none */
    uint32_t random;
};
struct dps_clock dps_fixture_clock(struct dps_fixture_clock *clock);

/* The log as one text, a line "LEVEL line" each. */
struct dps_fixture_log {
    char text[32768];
};
void dps_fixture_log(void *data, dps_log_level level, const char *line);

/* A server with the rows, asking for client certificates, with server.pem. */
struct dps_server *dps_fixture_server(const struct dps_server_row *rows, size_t count);

/* A client "scope"/"device-1" of that server with device.pem, device.key, ca.pem and the clock, set to today.
 */
dps_client *dps_fixture_client(const struct dps_server *server, struct dps_fixture_clock *clock);

#endif
