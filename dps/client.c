/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"

#include "common/file.h"
#include "dps/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TIMEOUT_S 120
#define TIMEOUT_MAXIMUM_S 86400
#define TRUST_MAXIMUM (8 * 1024 * 1024)
#define AUTHORIZATION_MAXIMUM 4096
#define TOKEN_LIFETIME_S 3600

/* Replaces a text setting; NULL is a value like others. */
static dps_status set_text(dps_client *client, char **setting, const char *value)
{
    char *copy = value != NULL ? strdup(value) : NULL;

    if (value != NULL && copy == NULL)
        return dps_report_no_memory(&client->report);
    free(*setting);
    *setting = copy;
    return DPS_OK;
}

dps_client *dps_client_new(const char *id_scope, const char *registration_id)
{
    dps_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->timeout = TIMEOUT_S;
    client->clock = dps_clock_system;
    client->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (client->wake < 0 || set_text(client, &client->id_scope, id_scope) != DPS_OK ||
        set_text(client, &client->registration_id, registration_id) != DPS_OK) {
        dps_client_free(client);
        return NULL;
    }
    return client;
}

/* Gives up what dps_client_prepare made: connections first, since they use the key. */
static void unprepare(struct dps_client *client)
{
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
    unprepare(client);
    free(client->id_scope);
    free(client->registration_id);
    free(client->origin);
    free(client->module);
    free(client->trust);
    free(client->proxy);
    free(client->payload);
    free(client->api_version);
    free(client->certificate);
    free(client->key);
    if (client->wake >= 0)
        close(client->wake);
    free(client);
}

dps_status dps_client_use_x509(dps_client *client, const char *certificate, const char *key)
{
    dps_status status;

    if (certificate == NULL || certificate[0] == '\0' || key == NULL || key[0] == '\0')
        return dps_report_fail(&client->report, DPS_INVALID,
                               "X.509 attestation needs a certificate and its key");
    unprepare(client);
    status = set_text(client, &client->certificate, certificate);
    if (status == DPS_OK)
        status = set_text(client, &client->key, key);
    if (status == DPS_OK)
        client->attest = &dps_attest_x509;
    return status;
}

dps_status dps_client_set_endpoint(dps_client *client, const char *endpoint)
{
    char *origin = NULL;

    if (endpoint != NULL && !dps_url_read_origin(endpoint, &origin))
        return dps_report_fail(
            &client->report, DPS_INVALID,
            "the endpoint \"%.200s\" is neither \"https://host[:port]\" nor \"host[:port]\"", endpoint);
    free(client->origin);
    client->origin = origin;
    return DPS_OK;
}

dps_status dps_client_set_module(dps_client *client, const char *path)
{
    if (path != NULL && (path[0] == '\0' || strchr(path, '\n') != NULL))
        return dps_report_fail(&client->report, DPS_INVALID, "the PKCS#11 module's path \"%s\" cannot be one",
                               path);
    unprepare(client);
    return set_text(client, &client->module, path);
}

dps_status dps_client_set_trust(dps_client *client, const char *path)
{
    unprepare(client);
    return set_text(client, &client->trust, path);
}

dps_status dps_client_set_proxy(dps_client *client, const char *proxy)
{
    unprepare(client);
    return set_text(client, &client->proxy, proxy);
}

dps_status dps_client_set_payload(dps_client *client, const char *json)
{
    if (json != NULL && !dps_message_is_json(json))
        return dps_report_fail(&client->report, DPS_INVALID, "the payload is not JSON");
    return set_text(client, &client->payload, json);
}

dps_status dps_client_set_timeout(dps_client *client, unsigned seconds)
{
    if (seconds < 1 || seconds > TIMEOUT_MAXIMUM_S)
        return dps_report_fail(&client->report, DPS_INVALID,
                               "the time limit of %u s is not between 1 and %d s", seconds,
                               TIMEOUT_MAXIMUM_S);
    client->timeout = seconds;
    return DPS_OK;
}

/* "2021-06-01", "2025-07-01-preview" */
static bool is_api_version(const char *text)
{
    static const char pattern[] = "dddd-dd-dd";
    size_t i = 0;

    for (; pattern[i] != '\0'; i++)
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
            return false;
    return text[i] == '\0' || strcmp(text + i, "-preview") == 0;
}

dps_status dps_client_set_api_version(dps_client *client, const char *version)
{
    if (version != NULL && !is_api_version(version))
        return dps_report_fail(&client->report, DPS_INVALID,
                               "the api-version \"%.100s\" is not like \"2021-06-01\"", version);
    return set_text(client, &client->api_version, version);
}

dps_status dps_client_set_log(dps_client *client, dps_log_fn log, void *data)
{
    client->report.log = log;
    client->report.log_data = data;
    return DPS_OK;
}

dps_status dps_client_set_pin(dps_client *client, dps_pin_fn pin, void *data)
{
    unprepare(client);
    client->pin = pin;
    client->pin_data = data;
    return DPS_OK;
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
        .module = client->module,
        .registration_id = client->registration_id,
        .date = client->clock.date(client->clock.data),
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

    unprepare(client);
    if (client->attest == NULL)
        return dps_report_fail(&client->report, DPS_INVALID,
                               "there are no credentials: name the device's certificate and key");
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
        unprepare(client);
    return status;
}

dps_status dps_client_authorize(struct dps_client *client, const char *resource, char **out)
{
    const int64_t expiry = client->clock.date(client->clock.data) + TOKEN_LIFETIME_S;
    struct buffer header;
    char *token = NULL;
    dps_status status;

    *out = NULL;
    if (client->attest->authorize == NULL)
        return DPS_OK;
    status = client->attest->authorize(client->attest_state, resource, expiry, &token);
    if (status != DPS_OK)
        return status;
    buffer_init(&header, AUTHORIZATION_MAXIMUM);
    buffer_addf(&header, "Authorization: %s", token);
    *out = buffer_take_text(&header);
    buffer_free(&header);
    free(token);
    return *out != NULL ? DPS_OK : dps_report_no_memory(&client->report);
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
