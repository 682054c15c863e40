/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry: device to cloud. */
#include "dps/batch.h"
#include "dps/exchange.h"
#include "dps/hub.h"
#include "dps/url.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS "/messages/events"
#define HEADER_MAXIMUM (64 * 1024)
#define PROPERTIES_MAXIMUM 1000
#define COMMON_HEADERS 2

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

static dps_status check_message(const dps_hub *hub, const struct dps_message *message)
{
    struct dps_report *report = &hub->client->report;

    if (message->size > DPS_HUB_MESSAGE_MAXIMUM || (message->body == NULL && message->size != 0))
        return dps_report_fail(report, DPS_INVALID, "a message has a body of at most %d bytes",
                               DPS_HUB_MESSAGE_MAXIMUM);
    if (message->property_count > PROPERTIES_MAXIMUM)
        return dps_report_fail(report, DPS_INVALID, "a message cannot have more than %d properties",
                               PROPERTIES_MAXIMUM);
    return DPS_OK;
}

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
    if (status == DPS_OK && message->size + headers->size > DPS_HUB_MESSAGE_MAXIMUM)
        status = dps_report_fail(report, DPS_INVALID,
                                 "the message has %zu bytes with its properties, the hub takes %d",
                                 message->size + headers->size, DPS_HUB_MESSAGE_MAXIMUM);
    return status;
}

/* Adds a header line (transferred). False: there was no memory for it. */
static bool take_header(struct headers *headers, char *line)
{
    if (line != NULL)
        headers->text[headers->count++] = line;
    return line != NULL;
}

/* The header that tells the hub's routes what the path tells everybody. */
static char *make_to(const char *device_id)
{
    struct buffer header;
    char *text = NULL;

    buffer_init(&header, HEADER_MAXIMUM);
    buffer_add_text(&header, "iothub-to: /devices");
    if (dps_url_add_segment(&header, device_id) && buffer_add_text(&header, EVENTS))
        text = buffer_take_text(&header);
    buffer_free(&header);
    return text;
}

/* ---- sending ---- */

static dps_status post(dps_hub *hub, const void *body, size_t size, const char *const *headers)
{
    const struct dps_hub_request request = {.method = "POST",
                                            .action = EVENTS,
                                            .body = body != NULL ? body : "",
                                            .body_size = size,
                                            .headers = headers};
    struct dps_http_response response;
    dps_status status = dps_hub_exchange(hub, &request, &response);

    if (status == DPS_OK && response.status != 204 && response.status != 200)
        status = dps_hub_fail_strange(hub, &response);
    dps_http_response_free(&response);
    return status;
}

static dps_status send_message(dps_hub *hub, const struct dps_message *message)
{
    struct headers headers = {0};
    dps_status status = check_message(hub, message);

    if (status == DPS_OK)
        status = make_headers(hub, message, &headers);
    if (status == DPS_OK && (!take_header(&headers, strdup("Content-Type: application/octet-stream")) ||
                             !take_header(&headers, make_to(hub->device_id))))
        status = dps_report_no_memory(&hub->client->report);
    if (status == DPS_OK)
        status = post(hub, message->body, message->size, (const char *const *)headers.text);
    free_headers(&headers);
    return status;
}

dps_status dps_hub_send(dps_hub *hub, const struct dps_message *message)
{
    dps_exchange_begin(hub->client);
    return dps_client_finish(hub->client, send_message(hub, message));
}

static dps_status send_batch(dps_hub *hub, const struct dps_message *messages, size_t count)
{
    static const char *const headers[] = {"Content-Type: application/vnd.microsoft.iothub.json", NULL};
    struct dps_report *report = &hub->client->report;
    dps_status status = DPS_OK;
    struct buffer body;

    if (count == 0)
        return dps_report_fail(report, DPS_INVALID, "a batch has at least one message");
    buffer_init(&body, DPS_HUB_MESSAGE_MAXIMUM);
    for (size_t i = 0; status == DPS_OK && i < count; i++)
        status = check_message(hub, &messages[i]);
    if (status == DPS_OK)
        status = dps_batch_write(messages, count, report, &body);
    if (status == DPS_OK)
        status = post(hub, body.data, body.size, headers);
    buffer_free(&body);
    return status;
}

dps_status dps_hub_send_batch(dps_hub *hub, const struct dps_message *messages, size_t count)
{
    dps_exchange_begin(hub->client);
    return dps_client_finish(hub->client, send_batch(hub, messages, count));
}
