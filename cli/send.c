/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/registered.h"

#include "common/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAXIMUM (256 * 1024) /* the hub's limit */

struct send {
    struct cli_registered_options device;
    const char *body;
    const char *content_type;
    struct cli_list properties;
    unsigned count;
    unsigned interval;
    bool json;
};

static const struct cli_column columns[] = {
    {"sent",      "Sent"},
    {"hub",           "Hub"},
    {"device_id","Device"},
    {0}
};

/* What stays the same for all messages of a run. */
struct run {
    const struct send *options;
    const char *hub_name;
    const char *device_id;
    struct bytes body; /* empty: each message gets a sample of its own */
    struct dps_property properties[CLI_LIST_MAXIMUM];
    char *property_texts[CLI_LIST_MAXIMUM];
    uint64_t nonce; /* makes message ids unique */
    unsigned sent;
};

/* ---- what is sent */

/* Reads --body: text, @FILE, or nothing. */
static enum cli_status read_body(struct run *run)
{
    const char *body = run->options->body;

    if (body == NULL)
        return CLI_OK;
    if (body[0] == '@')
        return cli_file_read("body file", body + 1, BODY_MAXIMUM, &run->body);
    return bytes_copy(&run->body, body, strlen(body)) ? CLI_OK : cli_no_memory();
}

static enum cli_status read_properties(struct run *run)
{
    const struct cli_list *list = &run->options->properties;

    for (size_t i = 0; i < list->count; i++) {
        char *text = run->property_texts[i] = strdup(list->items[i]);
        char *equals = text != NULL ? strchr(text, '=') : NULL;

        if (text == NULL)
            return cli_no_memory();
        if (equals == NULL || equals == text)
            return cli_fail(CLI_USAGE, "property %s: is not NAME=VALUE; correct it", list->items[i]);
        *equals = '\0';
        run->properties[i] = (struct dps_property){text, equals + 1};
    }
    return CLI_OK;
}

static void free_run(struct run *run)
{
    for (size_t i = 0; i < CLI_LIST_MAXIMUM; i++)
        free(run->property_texts[i]);
    bytes_free(&run->body);
}

/* A message for those who gave no body: enough to see which one arrived when. */
static char *sample_body(const struct run *run)
{
    char when[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    json_t *object;
    char *text;

    if (gmtime_r(&now, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    object =
        json_pack("{s:s,s:i,s:s}", "device", run->device_id, "sequence", (int)run->sent + 1, "sent", when);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static bool is_json(const struct bytes *body)
{
    json_t *value = json_loadb((const char *)body->data, body->size, 0, NULL);

    json_decref(value);
    return value != NULL;
}

/* ---- sending */

static void report(const struct run *run, bool terminal)
{
    if (run->options->json)
        return;
    if (terminal)
        printf("\rsent %u of %u", run->sent, run->options->count);
    else
        printf("sent %u of %u\n", run->sent, run->options->count);
    fflush(stdout);
}

static dps_status send_one(struct run *run, dps_hub *hub)
{
    char *sample = run->options->body == NULL ? sample_body(run) : NULL;
    struct bytes body = sample != NULL ? (struct bytes){(uint8_t *)sample, strlen(sample)} : run->body;
    const char *type = run->options->content_type;
    char message_id[48];
    struct dps_message message = {
        .body = body.data,
        .size = body.size,
        .message_id = message_id,
        .content_type = type != NULL     ? type
                        : is_json(&body) ? "application/json"
                                         : NULL,
        .properties = run->properties,
        .property_count = run->options->properties.count,
    };
    dps_status status = DPS_NO_MEMORY;

    if (message.content_type != NULL && strstr(message.content_type, "json") != NULL)
        message.content_encoding = "utf-8"; /* what hub queries on the body need */
    snprintf(message_id, sizeof message_id, "%016" PRIx64 "-%u", run->nonce, run->sent + 1);
    if (run->options->body != NULL || sample != NULL)
        status = dps_hub_send(hub, &message);
    free(sample);
    return status;
}

/* Waits for the interval; a signal ends it early. */
static void pause_between(unsigned seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};

    nanosleep(&time, NULL);
}

static enum cli_status send_all(struct run *run, dps_client *client, dps_hub *hub)
{
    bool terminal = isatty(STDOUT_FILENO) != 0;
    dps_status status = DPS_OK;

    while (status == DPS_OK && run->sent < run->options->count) {
        if (run->sent != 0 && run->options->interval != 0)
            pause_between(run->options->interval);
        if (cli_client_interrupted())
            break;
        run->device_id = dps_hub_device_id(hub);
        status = send_one(run, hub);
        if (status != DPS_OK)
            break;
        run->sent++;
        report(run, terminal);
    }
    if (terminal && run->sent != 0 && !run->options->json)
        putchar('\n');
    if (status != DPS_OK)
        return cli_client_failed(client, "message", status);
    if (run->sent < run->options->count)
        return cli_fail(CLI_TIMEOUT,
                        "sending: was interrupted after %u of %u messages; run it again for the rest",
                        run->sent, run->options->count);
    return CLI_OK;
}

static enum cli_status summarize(const struct run *run)
{
    if (run->options->json)
        return cli_show_object(json_pack("{s:i,s:s,s:s}", "sent", (int)run->sent, "hub", run->hub_name,
                                         "device_id", run->device_id),
                               columns, true);
    printf("%u message%s arrived at %s from %s.\n", run->sent, run->sent == 1 ? "" : "s", run->hub_name,
           run->device_id);
    return CLI_OK;
}

static enum cli_status open_and_send(struct run *run)
{
    struct cli_registered device;
    dps_hub *hub = NULL;
    enum cli_status status = cli_registered_open(&run->options->device, &device);

    if (status == CLI_OK)
        status = cli_registered_hub(&device, &hub);
    if (status == CLI_OK) {
        run->device_id = dps_hub_device_id(hub);
        status = send_all(run, device.client, hub);
        run->hub_name = dps_hub_host(hub); /* registering again may have moved the device */
        run->device_id = dps_hub_device_id(hub);
    }
    if (status == CLI_OK)
        status = summarize(run);
    dps_hub_close(hub);
    cli_registered_close(&device);
    return status;
}

static enum cli_status send_messages(const void *values)
{
    struct run run = {.options = values};
    enum cli_status status = CLI_OK;

    if (getrandom(&run.nonce, sizeof run.nonce, 0) != (ssize_t)sizeof run.nonce)
        status = cli_fail(CLI_INTERNAL, "random numbers: the system has none; try again");
    if (status == CLI_OK)
        status = read_properties(&run);
    if (status == CLI_OK)
        status = read_body(&run);
    if (status == CLI_OK)
        status = open_and_send(&run);
    free_run(&run);
    return status;
}

static const struct cli_option options[] = {
    {"count",                          "N", "how many messages (default 1)", CLI_NUMBER, offsetof(struct send, count)},
    {"interval", "SECONDS", "pause between two of them (default 0)", CLI_NUMBER,
     offsetof(struct send, interval)},
    {"body",            "TEXT|@FILE", "what to send (default: a JSON sample with a sequence number)", CLI_TEXT,
     offsetof(struct send, body)},
    {"content-type",                                "TYPE", "media type of the body (default application/json if it is JSON)", CLI_TEXT,
     offsetof(struct send, content_type)},
    {"property",                       "NAME=VALUE", "application property of the messages", CLI_LIST,
     offsetof(struct send, properties)},
    CLI_OPTIONS_REGISTERED(struct send, device),
    CLI_OPTIONS_ASKING(struct send, device),
    CLI_OPTION_JSON(struct send),
    {0                     },
};

static const struct send defaults = {.count = 1};

const struct cli_command cli_send = {
    .name = "send",
    .summary = "send telemetry to the hub that the device was assigned to",
    .details =
        "Reads hub, device and what it proves itself with from the state file. A device that the hub\n"
        "does not know registers again, unless it was provisioned otherwise. Stops at the first message\n"
        "that the hub does not take.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = send_messages,
};
