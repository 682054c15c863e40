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
    char *csr; /* base64 */
    char *certificate;
    char *key;
    struct bytes value; /* a symmetric key as base64 text, instead of `key` */
    bool group;
    char *key_store;
    char *token;
    dps_tpm_id tpm_id;
    char *state;
    dps_reprovision reprovision;
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
    struct {
        char *resource; /* NULL: there is none */
        char *header;
        int64_t made; /* seconds since 1970 */
        int64_t expiry;
    } authorization; /* the last one, which serves until it is nearly over */

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

/* Gives up what dps_client_prepare made. */
void dps_client_unprepare(struct dps_client *client);

/*
 * The whole Authorization header for the resource, which the caller frees; NULL, and DPS_OK, where the method
 * of attestation has none. One that was made before is used again while it has enough time left, since a
 * signature of a TPM is slow.
 */
__attribute__((warn_unused_result)) dps_status dps_client_authorize(struct dps_client *client,
                                                                    enum dps_attest_purpose purpose,
                                                                    const char *resource, char **out);
/* Forgets what was made before: its key is another one now, or the server did not take it. */
void dps_client_unauthorize(struct dps_client *client);

/* The id that was set, or else the one in the credential, once the client is prepared; NULL: neither. */
const char *dps_client_registration_id(const struct dps_client *client);

/* Replaces a text setting by a copy; NULL is a value like others. */
dps_status dps_client_set_text(struct dps_client *client, char **setting, const char *value);

/* Ends a call of the public interface: logs a failure, uses a cancellation up. Answers `status`. */
dps_status dps_client_finish(struct dps_client *client, dps_status status);

#endif
