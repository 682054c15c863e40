/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TIMEOUT_S 120
#define TRUST_MAXIMUM (8 * 1024 * 1024)

dps_client *dps_client_new(const char *id_scope, const char *registration_id)
{
    dps_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->timeout = TIMEOUT_S;
    client->clock = dps_clock_system;
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->wake < 0 || dps_client_set_text(client, &client->id_scope, id_scope) != DPS_OK ||
        dps_client_set_text(client, &client->registration_id, registration_id) != DPS_OK) {
        dps_client_free(client);
        return NULL;
    }
    return client;
}

/* Gives up what dps_client_prepare made: connections first, since they use the key. */
void dps_client_unprepare(struct dps_client *client)
{
    dps_client_unauthorize(client);
    dps_http_free(client->http);
    if (client->attest_state != NULL && client->attest->close != NULL)
        client->attest->close(client->attest_state);
    dps_tls_free(client->tls);
    client->http = NULL;
    client->attest_state = NULL;
    client->tls = NULL;
}

void dps_client_free(dps_client *client)
{
    if (client == NULL)
        return;
    dps_client_unprepare(client);
    free(client->id_scope);
    free(client->registration_id);
    free(client->origin);
    free(client->module);
    free(client->trust);
    free(client->proxy);
    free(client->payload);
    free(client->api_version);
    free(client->csr);
    free(client->certificate);
    free(client->key);
    bytes_free(&client->value);
    free(client->key_store);
    free(client->token);
    free(client->state);
    if (client->wake >= 0)
        close(client->wake);
    free(client);
}

/* libcurl would say so too, but only once it is connected. */
static dps_status check_trust(struct dps_client *client)
{
    struct bytes content = BYTES_EMPTY;
    int error = client->trust != NULL ? file_read(AT_FDCWD, client->trust, TRUST_MAXIMUM, &content) : 0;

    bytes_free(&content);
    if (error == 0)
        return DPS_OK;
    return dps_report_fail(&client->report, DPS_INVALID, "the trust file %s cannot be read: %s",
                           client->trust, strerror(error));
}

static dps_status open_attestation(struct dps_client *client)
{
    const struct dps_attest *attest = client->attest;
    dps_status status = DPS_OK;

    client->attest_settings = (struct dps_attest_settings){
        .certificate = client->certificate,
        .key = client->key,
        .value = &client->value,
        .group = client->group,
        .key_store = client->key_store,
        .token = client->token,
        .tpm_id = client->tpm_id,
        .registration_id = client->registration_id,
        .date = client->clock.date(client->clock.data),
        .pkcs11 = {client->module, client->pin, client->pin_data, &client->report},
        .tls = client->tls,
        .report = &client->report,
    };
    if (attest->open != NULL)
        status = attest->open(&client->attest_settings, &client->attest_state);
    if (status == DPS_OK && attest->configure_tls != NULL)
        status = attest->configure_tls(client->attest_state);
    return status;
}

dps_status dps_client_prepare(struct dps_client *client)
{
    const struct dps_tls_settings tls = {client->module, client->pin, client->pin_data, &client->report};
    struct dps_http_settings http = {
        .trust = client->trust, .proxy = client->proxy, .wake = client->wake, .report = &client->report};
    dps_status status;

    dps_client_unprepare(client);
    if (client->attest == NULL)
        return dps_report_fail(&client->report, DPS_INVALID,
                               "there are no credentials: name the device's certificate and key, its "
                               "symmetric key, or its TPM");
    status = check_trust(client);
    if (status == DPS_OK)
        status = dps_tls_new(&tls, &client->tls);
    if (status == DPS_OK)
        status = open_attestation(client);
    if (status == DPS_OK) {
        http.tls = client->tls;
        status = dps_http_new(&http, &client->http);
    }
    if (status != DPS_OK)
        dps_client_unprepare(client);
    return status;
}

const char *dps_client_registration_id(const struct dps_client *client)
{
    if (client->registration_id != NULL || client->attest->registration_id == NULL)
        return client->registration_id;
    return client->attest->registration_id(client->attest_state);
}

dps_status dps_client_finish(struct dps_client *client, dps_status status)
{
    uint64_t count;

    if (status == DPS_CANCELLED && read(client->wake, &count, sizeof count) < 0) {
        /* nothing to take back */
    }
    if (status != DPS_OK)
        dps_report_log(&client->report, DPS_LOG_ERROR, "%s", client->report.text);
    return status;
}

void dps_client_cancel(dps_client *client)
{
    const uint64_t one = 1;
    int saved = errno; /* a signal handler must not change it */

    if (write(client->wake, &one, sizeof one) < 0) {
        /* only when it was cancelled more often than a counter holds: it is cancelled */
    }
    errno = saved;
}

const char *dps_client_error(const dps_client *client)
{
    return client->report.text;
}

unsigned dps_client_http_status(const dps_client *client)
{
    return client->report.http_status;
}

long dps_client_error_code(const dps_client *client)
{
    return client->report.error_code;
}

const char *dps_client_tracking_id(const dps_client *client)
{
    return client->report.tracking_id;
}
