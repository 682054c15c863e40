/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_CLIENT_H
#define DPS_CLIENT_H

#include "dps/attest.h"
#include "dps/clock.h"
#include "dps/http.h"
#include "dps/report.h"

struct dps_client {
    /* settings; texts are the client's own, NULL where the default holds */
    char *id_scope;
    char *registration_id;
    char *origin; /* "https://host[:port]" */
    char *module;
    char *trust;
    char *proxy;
    char *payload;
    char *api_version;
    char *certificate;
    char *key;
    unsigned timeout; /* seconds */
    dps_pin_fn pin;
    void *pin_data;
    const struct dps_attest *attest; /* NULL: no credentials were given */
    struct dps_clock clock;          /* the tests replace it */

    /* made by dps_client_prepare */
    struct dps_tls *tls;
    struct dps_attest_settings attest_settings;
    void *attest_state;
    struct dps_http *http;

    /* of the call under way */
    struct dps_report report;
    int64_t deadline; /* of clock.now */
    int wake;         /* eventfd, readable once dps_client_cancel was called */
};

/*
 * Loads and checks certificate and key, and gets ready to connect; gives up what a former call had made.
 * Without network. Failures are told to the report.
 */
__attribute__((warn_unused_result)) dps_status dps_client_prepare(struct dps_client *client);

/*
 * The whole Authorization header for the resource, which the caller frees; NULL, and DPS_OK, where the method
 * of attestation has none.
 */
__attribute__((warn_unused_result)) dps_status dps_client_authorize(struct dps_client *client,
                                                                    const char *resource, char **out);

/* Ends a call of the public interface: logs a failure, uses a cancellation up. Answers `status`. */
dps_status dps_client_finish(struct dps_client *client, dps_status status);

#endif
