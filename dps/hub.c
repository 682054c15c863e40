/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"
#include "dps/exchange.h"
#include "dps/refusal.h"
#include "dps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-04-12"
#define URL_MAXIMUM 4096
#define HEADER_MAXIMUM (64 * 1024)
#define MESSAGE_MAXIMUM (256 * 1024)
#define PROPERTIES_MAXIMUM 1000
#define WHAT_MAXIMUM 256
#define COMMON_HEADERS 3
#define RESOURCE_MAXIMUM 512

struct dps_hub {
    dps_client *client;
    char *url;                       /* of the device's events */
    char *to;                        /* the header that says the same to the hub's routes */
    char resource[RESOURCE_MAXIMUM]; /* what the device must be authorised for */
    char what[WHAT_MAXIMUM];         /* for reports */
};

/* Headers under construction: malloc'ed texts, NULL behind the last. */
struct headers {
    char **text;
    size_t count;
    size_t size; /* of all texts */
};

static bool is_header_name(const char *text)
{
    static const char permitted[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

    return text != NULL && *text != '\0' && strspn(text, permitted) == strlen(text);
}

static bool is_header_value(const char *text)
{
    if (text == NULL)
        return false;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return false;
    return true;
}

/* ---- opening ---- */

static char *make_url(const char *host, const char *device_id)
{
    struct buffer url;
    char *text = NULL;

    buffer_init(&url, URL_MAXIMUM);
    buffer_addf(&url, "https://%s/devices", host);
    if (dps_url_add_segment(&url, device_id) && buffer_add_text(&url, "/messages/events") &&
        dps_url_add_query(&url, "api-version", API_VERSION))
        text = buffer_take_text(&url);
    buffer_free(&url);
    return text;
}

static char *make_to(const char *device_id)
{
    struct buffer header;
    char *text = NULL;

    buffer_init(&header, URL_MAXIMUM);
    buffer_add_text(&header, "iothub-to: /devices");
    if (dps_url_add_segment(&header, device_id) && buffer_add_text(&header, "/messages/events"))
        text = buffer_take_text(&header);
    buffer_free(&header);
    return text;
}

dps_status dps_hub_open(dps_client *client, const char *host, const char *device_id, dps_hub **out)
{
    dps_hub *hub;

    *out = NULL;
    if (host == NULL || !dps_url_is_authority(host))
        return dps_report_fail(&client->report, DPS_INVALID,
                               "the hub \"%.200s\" is not \"host\" or \"host:port\"",
                               host != NULL ? host : "");
    if (device_id == NULL || device_id[0] == '\0' || strlen(device_id) > 128)
        return dps_report_fail(&client->report, DPS_INVALID, "a device's name has 1 to 128 characters");
    hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return dps_report_no_memory(&client->report);
    hub->client = client;
    hub->url = make_url(host, device_id);
    hub->to = make_to(device_id);
    snprintf(hub->what, sizeof hub->what, "a message of \"%s\" to %s", device_id, host);
    snprintf(hub->resource, sizeof hub->resource, "%s/devices/%s", host, device_id);
    if (hub->url == NULL || hub->to == NULL) {
        dps_hub_close(hub);
        return dps_report_fail(&client->report, DPS_INVALID, "the device's name \"%s\" makes no web address",
                               device_id);
    }
    *out = hub;
    return DPS_OK;
}

void dps_hub_close(dps_hub *hub)
{
    if (hub == NULL)
        return;
    free(hub->url);
    free(hub->to);
    free(hub);
}

/* ---- sending ---- */

static void free_headers(struct headers *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        free(headers->text[i]);
    free(headers->text);
}

/* Adds "PREFIXNAME: VALUE". */
static dps_status add_header(struct headers *headers, struct dps_report *report, const char *prefix,
                             const char *name, const char *value)
{
    struct buffer line;
    char *text;

    if (!is_header_name(name) || !is_header_value(value))
        return dps_report_fail(
            report, DPS_INVALID,
            "the message's \"%.100s\" cannot be sent: names are made of letters, digits and "
            "punctuation, values of printable ASCII",
            name != NULL ? name : "");
    buffer_init(&line, HEADER_MAXIMUM);
    /* libcurl sends a header without a value only when it is written with a semicolon */
    buffer_addf(&line, *value != '\0' ? "%s%s: %s" : "%s%s;%s", prefix, name, value);
    text = buffer_take_text(&line);
    buffer_free(&line);
    if (text == NULL)
        return dps_report_fail(report, DPS_INVALID, "the message's \"%.100s\" is too large", name);
    headers->size += strlen(text);
    headers->text[headers->count++] = text; /* transferred */
    return DPS_OK;
}

static dps_status make_headers(const dps_hub *hub, const struct dps_message *message, struct headers *headers)
{
    const struct {
        const char *name;
        const char *value;
    } system[] = {
        {"iothub-contenttype",     message->content_type    },
        {"iothub-contentencoding", message->content_encoding},
        {"iothub-messageid",       message->message_id      },
        {"iothub-correlationid",   message->correlation_id  },
        {"iothub-userid",          message->user_id         },
    };
    const size_t system_count = sizeof system / sizeof system[0];
    struct dps_report *report = &hub->client->report;
    dps_status status = DPS_OK;

    if (message->property_count > PROPERTIES_MAXIMUM)
        return dps_report_fail(report, DPS_INVALID, "a message cannot have more than %d properties",
                               PROPERTIES_MAXIMUM);
    headers->text =
        calloc(system_count + message->property_count + COMMON_HEADERS + 1, sizeof *headers->text);
    if (headers->text == NULL)
        return dps_report_no_memory(report);
    for (size_t i = 0; status == DPS_OK && i < system_count; i++)
        if (system[i].value != NULL)
            status = add_header(headers, report, "", system[i].name, system[i].value);
    for (size_t i = 0; status == DPS_OK && i < message->property_count; i++)
        status = add_header(headers, report, "iothub-app-", message->properties[i].name,
                            message->properties[i].value);
    if (status == DPS_OK && message->size + headers->size > MESSAGE_MAXIMUM)
        status = dps_report_fail(report, DPS_INVALID,
                                 "the message has %zu bytes with its properties, the hub takes %d",
                                 message->size + headers->size, MESSAGE_MAXIMUM);
    return status;
}

/* Adds a header line (transferred, in any case). NULL: no memory. */
static bool take_header(struct headers *headers, char *line)
{
    if (line != NULL)
        headers->text[headers->count++] = line;
    return line != NULL;
}

/* The headers that every message has. */
static dps_status add_common_headers(const dps_hub *hub, struct headers *headers)
{
    char *authorization;
    dps_status status = dps_client_authorize(hub->client, hub->resource, &authorization);

    if (status != DPS_OK)
        return status;
    if (authorization != NULL)
        take_header(headers, authorization);
    if (!take_header(headers, strdup("Content-Type: application/octet-stream")) ||
        !take_header(headers, strdup(hub->to)))
        return dps_report_no_memory(&hub->client->report);
    return DPS_OK;
}

static dps_status send_request(const dps_hub *hub, const struct dps_message *message,
                               const struct headers *headers)
{
    struct dps_client *client = hub->client;
    const struct dps_http_request request = {
        .method = "POST",
        .url = hub->url,
        .body = message->body != NULL ? message->body : "",
        .body_size = message->size,
        .headers = (const char *const *)headers->text,
    };
    struct dps_http_response response;
    dps_status status = dps_exchange_send(client, hub->what, &request, &response);

    if (status == DPS_OK && response.status >= 400)
        status = dps_refusal_report(client, hub->what, &response);
    else if (status == DPS_OK && response.status != 204 && response.status != 200)
        status = dps_report_fail(&client->report, DPS_PROTOCOL,
                                 "%s was answered with HTTP %u, which a hub never does: is it an IoT hub?",
                                 hub->what, response.status);
    dps_http_response_free(&response);
    return status;
}

dps_status dps_hub_send(dps_hub *hub, const struct dps_message *message)
{
    struct dps_client *client = hub->client;
    struct headers headers = {0};
    dps_status status;

    dps_exchange_begin(client);
    if (message->size > MESSAGE_MAXIMUM || (message->body == NULL && message->size != 0))
        status = dps_report_fail(&client->report, DPS_INVALID, "a message has a body of at most %d bytes",
                                 MESSAGE_MAXIMUM);
    else
        status = make_headers(hub, message, &headers);
    if (status == DPS_OK && client->http == NULL)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        status = add_common_headers(hub, &headers);
    if (status == DPS_OK)
        status = send_request(hub, message, &headers);
    free_headers(&headers);
    return dps_client_finish(client, status);
}
