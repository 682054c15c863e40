/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"
#include "dps/certificate.h"
#include "dps/url.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAXIMUM_S 86400

dps_status dps_client_set_text(struct dps_client *client, char **setting, const char *value)
{
    char *copy = value != NULL ? strdup(value) : NULL;

    if (value != NULL && copy == NULL)
        return dps_report_no_memory(&client->report);
    free(*setting);
    *setting = copy;
    return DPS_OK;
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
    dps_client_unprepare(client);
    return dps_client_set_text(client, &client->module, path);
}

dps_status dps_client_set_trust(dps_client *client, const char *path)
{
    dps_client_unprepare(client);
    return dps_client_set_text(client, &client->trust, path);
}

dps_status dps_client_set_proxy(dps_client *client, const char *proxy)
{
    dps_client_unprepare(client);
    return dps_client_set_text(client, &client->proxy, proxy);
}

dps_status dps_client_set_payload(dps_client *client, const char *json)
{
    if (json != NULL && !dps_message_is_json(json))
        return dps_report_fail(&client->report, DPS_INVALID, "the payload is not JSON");
    return dps_client_set_text(client, &client->payload, json);
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
    return dps_client_set_text(client, &client->api_version, version);
}

dps_status dps_client_set_csr(dps_client *client, const void *request, size_t size)
{
    char *text = NULL;

    if (request != NULL && !dps_certificate_read_request(request, size, &text))
        return dps_report_fail(&client->report, DPS_INVALID,
                               "that is no certificate request (PKCS#10, PEM or DER)");
    free(client->csr);
    client->csr = text; /* transferred */
    return DPS_OK;
}

dps_status dps_client_set_log(dps_client *client, dps_log_fn log, void *data)
{
    client->report.log = log;
    client->report.log_data = data;
    return DPS_OK;
}

dps_status dps_client_set_pin(dps_client *client, dps_pin_fn pin, void *data)
{
    dps_client_unprepare(client);
    client->pin = pin;
    client->pin_data = data;
    return DPS_OK;
}
