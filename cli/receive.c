/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/registered.h"
#include "common/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct receive {
    struct cli_registered_options device;
    const char *settle;
    unsigned count;
    unsigned wait;
    bool json;
};

/* What the hub says of a message, as far as people and programs ask. */
static const struct {
    const char *header; /* as the library names it */
    const char *member;
} system_properties[] = {
    {"messageid",      "message_id"     },
    {"correlationid",  "correlation_id" },
    {"userid",         "user_id"        },
    {"sequencenumber", "sequence_number"},
    {"enqueuedtime",   "enqueued_time"  },
    {"deliverycount",  "delivery_count" },
    {"expiry",         "expiry"         },
    {"contenttype",    "content_type"   },
};

/* --- one message --------------------------------------------------------------------------------------- */

/* The body under the name that tells how to read it: text, or hexadecimal where it is none. */
static bool add_body(json_t *object, const dps_received *received)
{
    size_t size;
    const char *body = dps_received_body(received, &size);
    json_t *text = memchr(body, '\0', size) == NULL ? json_stringn(body, size) : NULL;
    char *hex;
    bool added;

    if (text != NULL)
        return json_object_set_new(object, "body", text) == 0;
    hex = malloc(2 * size + 1);
    if (hex == NULL)
        return false;
    bytes_to_hex(body, size, hex);
    added = json_object_set_new(object, "body_hex", json_string(hex)) == 0;
    free(hex);
    return added;
}

static json_t *describe(const dps_received *received)
{
    json_t *object = json_object();
    json_t *properties = json_object();
    const struct dps_property *property;
    bool described = add_body(object, received);

    for (size_t i = 0; i < sizeof system_properties / sizeof system_properties[0]; i++) {
        const char *text = dps_received_system(received, system_properties[i].header);

        if (text[0] != '\0' &&
            json_object_set_new(object, system_properties[i].member, json_string(text)) != 0)
            described = false;
    }
    for (size_t i = 0; (property = dps_received_property(received, i)) != NULL; i++)
        if (json_object_set_new(properties, property->name, json_string(property->value)) != 0)
            described = false;
    if (json_object_set_new(object, "properties", properties) != 0 || !described) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* For people: the body, and below it what came with it. */
static enum cli_status print(const dps_received *received)
{
    const struct dps_property *property;
    size_t size;
    const char *body = dps_received_body(received, &size);

    if (fwrite(body, 1, size, stdout) != size)
        return cli_fail(CLI_INTERNAL, "standard output: cannot be written; is the disk full?");
    putchar('\n');
    for (size_t i = 0; (property = dps_received_property(received, i)) != NULL; i++) {
        printf("  ");
        cli_print_text(property->name);
        printf(": ");
        cli_print_text(property->value);
        putchar('\n');
    }
    return CLI_OK;
}

/* --- all of them --------------------------------------------------------------------------------------- */

struct run {
    const struct receive *options;
    dps_client *client;
    dps_hub *hub;
    dps_settlement settlement;
    json_t *list;
    unsigned taken;
};

/* Waits for the next one; *out stays NULL when the time is up, or none is there and nobody wants to wait. */
static enum cli_status next(const struct run *run, dps_received **out)
{
    time_t end = time(NULL) + (time_t)run->options->wait;
    const struct timespec second = {.tv_sec = 1};

    for (;;) {
        dps_status status = dps_hub_receive(run->hub, out);

        if (status != DPS_OK)
            return cli_client_failed(run->client, "messages", status);
        if (*out != NULL || time(NULL) >= end)
            return CLI_OK;
        if (cli_client_interrupted())
            return cli_fail(CLI_TIMEOUT, "receiving: was interrupted; run it again");
        nanosleep(&second, NULL);
    }
}

/* Shown first, settled then: a message that could not be shown comes again. */
static enum cli_status take(struct run *run, dps_received *received)
{
    json_t *object;
    dps_status settled;
    enum cli_status status = CLI_OK;

    if (run->options->json) {
        object = describe(received);
        if (object == NULL || json_array_append_new(run->list, object) != 0)
            return cli_no_memory();
    } else {
        status = print(received);
        if (status == CLI_OK && fflush(stdout) != 0)
            status = cli_fail(CLI_INTERNAL, "standard output: cannot be written; is the disk full?");
    }
    if (status != CLI_OK)
        return status;
    settled = dps_hub_settle(run->hub, received, run->settlement);
    run->taken++;
    return settled == DPS_OK ? CLI_OK : cli_client_failed(run->client, "message", settled);
}

static enum cli_status take_all(struct run *run)
{
    enum cli_status status = CLI_OK;

    while (status == CLI_OK && run->taken < run->options->count) {
        dps_received *received = NULL;

        status = next(run, &received);
        if (status != CLI_OK || received == NULL)
            break;
        status = take(run, received);
        dps_received_free(received);
    }
    if (status == CLI_OK && run->options->json) {
        status = cli_show_list(run->list, NULL, "", true);
        run->list = NULL; /* released */
    } else if (status == CLI_OK && run->taken == 0) {
        fputs("There is no message.\n", stderr);
    }
    return status;
}

static enum cli_status read_settlement(const char *word, dps_settlement *out)
{
    static const struct {
        const char *word;
        dps_settlement settlement;
    } words[] = {
        {"complete", DPS_COMPLETE},
        {"reject",   DPS_REJECT  },
        {"abandon",  DPS_ABANDON },
    };

    *out = DPS_COMPLETE;
    if (word == NULL)
        return CLI_OK;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) != 0)
            continue;
        *out = words[i].settlement;
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE, "--settle: is complete, reject or abandon, not %s", word);
}

static enum cli_status open_and_take(struct run *run)
{
    struct cli_registered device;
    enum cli_status status = cli_registered_open(&run->options->device, &device);

    run->client = device.client;
    if (status == CLI_OK)
        status = cli_registered_hub(&device, &run->hub);
    if (status == CLI_OK)
        status = take_all(run);
    dps_hub_close(run->hub);
    cli_registered_close(&device);
    return status;
}

static enum cli_status receive(const void *values)
{
    struct run run = {.options = values, .list = json_array()};
    enum cli_status status = read_settlement(run.options->settle, &run.settlement);

    if (status == CLI_OK)
        status = open_and_take(&run);
    json_decref(run.list);
    return status;
}

#define FIELD(NAME) offsetof(struct receive, NAME)

static const struct cli_option options[] = {
    {"count",                                      "N", "take at most so many messages (default 1)", CLI_NUMBER, FIELD(count)},
    {"wait", "SECONDS", "wait so long for each (default 0)", CLI_NUMBER, FIELD(wait)},
    {"settle",                                "HOW", "complete, reject or abandon them (default complete)", CLI_TEXT, FIELD(settle)},
    CLI_OPTIONS_REGISTERED(struct receive, device),
    CLI_OPTIONS_ASKING(struct receive, device),
    CLI_OPTION_JSON(struct receive),
    {0                                      },
};

static const struct receive defaults = {.count = 1};

const struct cli_command cli_receive = {
    .name = "receive",
    .summary = "take messages that the cloud sent to the device",
    .details =
        "Prints each message with its properties, and then settles it. In production a hub wants to be\n"
        "asked no more often than every 25 minutes.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = receive,
};
