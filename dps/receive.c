/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from the cloud to the device. */
#include "dps/exchange.h"
#include "dps/hub.h"
#include "dps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEVICEBOUND "/messages/devicebound"
#define APPLICATION "iothub-app-"
#define SYSTEM_MAXIMUM 64
#define IF_MATCH_MAXIMUM 600

struct dps_received {
    struct dps_http_response response; /* its body and headers */
    char *lock;                        /* the ETag without its quotes */
    struct dps_property *properties;   /* they point into the headers */
    size_t property_count;
};

static char *unquote(const char *etag)
{
    size_t length = etag != NULL ? strlen(etag) : 0;

    if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"')
        return strndup(etag + 1, length - 2);
    return strdup(etag != NULL ? etag : "");
}

static bool index_properties(dps_received *received)
{
    const struct dps_http_response *response = &received->response;

    received->properties = calloc(response->header_count + 1, sizeof *received->properties);
    if (received->properties == NULL)
        return false;
    for (size_t i = 0; i < response->header_count; i++)
        if (strncasecmp(response->headers[i].name, APPLICATION, strlen(APPLICATION)) == 0)
            received->properties[received->property_count++] = (struct dps_property){
                response->headers[i].name + strlen(APPLICATION), response->headers[i].value};
    return true;
}

/* Makes a message of the answer, whose content is transferred. */
static dps_status take_message(dps_hub *hub, struct dps_http_response *response, dps_received **out)
{
    struct dps_report *report = &hub->client->report;
    dps_received *received = calloc(1, sizeof *received);

    if (received == NULL)
        return dps_report_no_memory(report);
    received->response = *response; /* transferred */
    *response = (struct dps_http_response){0};
    received->lock = unquote(dps_http_find_header(&received->response, "ETag"));
    if (received->lock == NULL || !index_properties(received)) {
        dps_received_free(received);
        return dps_report_no_memory(report);
    }
    if (!dps_url_is_segment(received->lock)) {
        dps_received_free(received);
        return dps_report_fail(report, DPS_PROTOCOL,
                               "the hub sent a message without an ETag by which it could be settled");
    }
    *out = received;
    return DPS_OK;
}

dps_status dps_hub_receive(dps_hub *hub, dps_received **out)
{
    const struct dps_hub_request request = {.method = "GET", .action = DEVICEBOUND};
    struct dps_http_response response;
    dps_status status;

    *out = NULL;
    dps_exchange_begin(hub->client);
    status = dps_hub_exchange(hub, &request, &response);
    if (status == DPS_OK && response.status == 200)
        status = take_message(hub, &response, out);
    else if (status == DPS_OK && response.status != 204)
        status = dps_hub_fail_strange(hub, &response);
    dps_http_response_free(&response);
    return dps_client_finish(hub->client, status);
}

/* How each settlement is asked for. */
static const struct settlement {
    const char *method;
    const char *verb;
    const char *flag;
} settlements[] = {
    [DPS_COMPLETE] = {"DELETE", NULL,       NULL    },
    [DPS_REJECT] = {"DELETE", NULL,       "reject"},
    [DPS_ABANDON] = {"POST",   "/abandon", NULL    },
};

static dps_status settle(dps_hub *hub, const dps_received *received, const struct settlement *settlement)
{
    char match[IF_MATCH_MAXIMUM];
    const char *const headers[] = {match, NULL};
    const struct dps_hub_request request = {.method = settlement->method,
                                            .action = DEVICEBOUND,
                                            .lock = received->lock,
                                            .verb = settlement->verb,
                                            .flag = settlement->flag,
                                            .body = strcmp(settlement->method, "POST") == 0 ? "" : NULL,
                                            .headers = headers};
    struct dps_http_response response;
    dps_status status;

    snprintf(match, sizeof match, "If-Match: \"%s\"", received->lock);
    status = dps_hub_exchange(hub, &request, &response);
    if (status == DPS_OK && response.status != 204 && response.status != 200)
        status = dps_hub_fail_strange(hub, &response);
    dps_http_response_free(&response);
    return status;
}

dps_status dps_hub_settle(dps_hub *hub, const dps_received *received, dps_settlement settlement)
{
    size_t row = (size_t)settlement;
    dps_status status;

    dps_exchange_begin(hub->client);
    if (row >= sizeof settlements / sizeof settlements[0])
        status = dps_report_fail(&hub->client->report, DPS_INVALID, "there is no settlement %zu", row);
    else
        status = settle(hub, received, &settlements[row]);
    return dps_client_finish(hub->client, status);
}

const void *dps_received_body(const dps_received *received, size_t *size)
{
    *size = received->response.body.size;
    return buffer_text(&received->response.body);
}

const char *dps_received_system(const dps_received *received, const char *name)
{
    char header[SYSTEM_MAXIMUM];
    const char *value;

    snprintf(header, sizeof header, "iothub-%s", name);
    value = dps_http_find_header(&received->response, header);
    return value != NULL ? value : "";
}

const struct dps_property *dps_received_property(const dps_received *received, size_t index)
{
    return index < received->property_count ? &received->properties[index] : NULL;
}

void dps_received_free(dps_received *received)
{
    if (received == NULL)
        return;
    dps_http_response_free(&received->response);
    free(received->lock);
    free(received->properties);
    free(received);
}
