/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/hub.h"

#include "dps/exchange.h"
#include "dps/provision.h"
#include "dps/refusal.h"
#include "dps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-04-12"
#define URL_MAXIMUM 4096
#define RESOURCE_MAXIMUM 512
#define DEVICE_MAXIMUM 128
#define HEADERS_MAXIMUM 1024
#define DEVICE_NOT_FOUND 404001

/* ---- opening ---- */

/* Points the hub's object at a host and device. */
static dps_status set_target(dps_hub *hub, const char *host, const char *device_id)
{
    char *host_copy = strdup(host);
    char *device_copy = strdup(device_id);

    if (host_copy == NULL || device_copy == NULL) {
        free(host_copy);
        free(device_copy);
        return dps_report_no_memory(&hub->client->report);
    }
    free(hub->host);
    free(hub->device_id);
    hub->host = host_copy; /* transferred */
    hub->device_id = device_copy;
    snprintf(hub->what, sizeof hub->what, "a message of \"%s\" to %s", device_id, host);
    return DPS_OK;
}

dps_status dps_hub_open(dps_client *client, const char *host, const char *device_id, dps_hub **out)
{
    dps_hub *hub;

    *out = NULL;
    if (host == NULL || !dps_url_is_authority(host))
        return dps_report_fail(&client->report, DPS_INVALID,
                               "the hub \"%.200s\" is not \"host\" or \"host:port\"",
                               host != NULL ? host : "");
    if (device_id == NULL || device_id[0] == '\0' || strlen(device_id) > DEVICE_MAXIMUM)
        return dps_report_fail(&client->report, DPS_INVALID, "a device's name has 1 to %d characters",
                               DEVICE_MAXIMUM);
    if (!dps_url_is_segment(device_id))
        return dps_report_fail(&client->report, DPS_INVALID, "the device's name \"%s\" makes no web address",
                               device_id);
    hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return dps_report_no_memory(&client->report);
    hub->client = client;
    if (set_target(hub, host, device_id) != DPS_OK) {
        dps_hub_close(hub);
        return DPS_NO_MEMORY;
    }
    *out = hub;
    return DPS_OK;
}

void dps_hub_close(dps_hub *hub)
{
    if (hub == NULL)
        return;
    free(hub->host);
    free(hub->device_id);
    free(hub);
}

const char *dps_hub_host(const dps_hub *hub)
{
    return hub->host;
}

const char *dps_hub_device_id(const dps_hub *hub)
{
    return hub->device_id;
}

/* ---- one request ---- */

static char *make_url(const dps_hub *hub, const struct dps_hub_request *request)
{
    struct buffer url;
    char *text = NULL;
    bool made;

    buffer_init(&url, URL_MAXIMUM);
    made = buffer_addf(&url, "https://%s/devices", hub->host) && dps_url_add_segment(&url, hub->device_id) &&
           buffer_add_text(&url, request->action) &&
           (request->lock == NULL || dps_url_add_segment(&url, request->lock)) &&
           (request->verb == NULL || buffer_add_text(&url, request->verb)) &&
           dps_url_add_query(&url, "api-version", API_VERSION) &&
           (request->flag == NULL || buffer_addf(&url, "&%s", request->flag));
    if (made)
        text = buffer_take_text(&url);
    buffer_free(&url);
    return text;
}

/* The request's headers and, where there is one, the authorization, which the caller frees in any case. */
static dps_status add_authorization(const dps_hub *hub, const struct dps_hub_request *request,
                                    const char **headers, char **authorization)
{
    char resource[RESOURCE_MAXIMUM];
    size_t count = 0;
    dps_status status;

    for (; request->headers != NULL && request->headers[count] != NULL; count++)
        headers[count] = request->headers[count];
    snprintf(resource, sizeof resource, "%s/devices/%s", hub->host, hub->device_id);
    status = dps_client_authorize(hub->client, DPS_FOR_HUB, resource, authorization);
    headers[count++] = *authorization;
    headers[count] = NULL;
    return status;
}

static dps_status send_once(dps_hub *hub, const struct dps_hub_request *request,
                            struct dps_http_response *response)
{
    struct dps_client *client = hub->client;
    const char **headers = calloc(HEADERS_MAXIMUM + 2, sizeof *headers);
    char *url = make_url(hub, request);
    char *authorization = NULL;
    dps_status status = DPS_OK;

    *response = (struct dps_http_response){0};
    if (headers == NULL || url == NULL)
        status = dps_report_no_memory(&client->report);
    if (status == DPS_OK && client->http == NULL)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        status = add_authorization(hub, request, headers, &authorization);
    if (status == DPS_OK)
        status = dps_exchange_send(client, hub->what,
                                   &(struct dps_http_request){.method = request->method,
                                                              .url = url,
                                                              .body = request->body,
                                                              .body_size = request->body_size,
                                                              .headers = headers},
                                   response);
    if (status == DPS_OK && response->status >= 400)
        status = dps_refusal_report(client, hub->what, response);
    free(authorization);
    free(url);
    free(headers);
    return status;
}

/* Whether the refusal says that the device is elsewhere by now, or nowhere. */
static bool is_displaced(const struct dps_client *client)
{
    return client->report.http_status == 401 ||
           (client->report.http_status == 404 && client->report.error_code == DEVICE_NOT_FOUND);
}

/* Registers anew and follows the device to its hub. */
static dps_status follow(dps_hub *hub)
{
    struct dps_client *client = hub->client;
    dps_registration *registration = NULL;
    dps_status status;

    dps_report_log(&client->report, DPS_LOG_WARNING, "%s; registering again", client->report.text);
    status = dps_provision_anew(client, &registration);
    if (status == DPS_OK)
        status =
            set_target(hub, dps_registration_hub(registration), dps_registration_device_id(registration));
    dps_registration_free(registration);
    return status;
}

dps_status dps_hub_exchange(dps_hub *hub, const struct dps_hub_request *request,
                            struct dps_http_response *response)
{
    dps_status status = send_once(hub, request, response);

    if (status == DPS_OK)
        hub->in_vain = false;
    if (status != DPS_REJECTED || !is_displaced(hub->client))
        return status;
    dps_client_unauthorize(hub->client);
    if (hub->in_vain || !dps_provision_is_dynamic(hub->client))
        return status;
    hub->in_vain = true; /* until the hub takes something */
    status = follow(hub);
    if (status != DPS_OK)
        return status;
    dps_http_response_free(response);
    status = send_once(hub, request, response);
    hub->in_vain = status != DPS_OK;
    return status;
}

dps_status dps_hub_fail_strange(dps_hub *hub, const struct dps_http_response *response)
{
    return dps_report_fail(&hub->client->report, DPS_PROTOCOL,
                           "%s was answered with HTTP %u, which a hub never does: is it an IoT hub?",
                           hub->what, response->status);
}
