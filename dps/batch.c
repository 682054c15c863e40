/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/batch.h"

#include "dps/base64.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAXIMUM (512 * 1024)
#define NAME_MAXIMUM 4096

static bool set(json_t *object, const char *prefix, const char *name, const char *value)
{
    struct buffer text;
    bool made;

    if (value == NULL)
        return true;
    buffer_init(&text, NAME_MAXIMUM);
    made = name != NULL && buffer_addf(&text, "%s%s", prefix, name) &&
           json_object_set_new(object, buffer_text(&text), json_string(value)) == 0;
    buffer_free(&text);
    return made;
}

static bool add_properties(const struct dps_message *message, json_t *properties)
{
    bool made = set(properties, "iothub-", "contenttype", message->content_type) &&
                set(properties, "iothub-", "contentencoding", message->content_encoding) &&
                set(properties, "iothub-", "messageid", message->message_id) &&
                set(properties, "iothub-", "correlationid", message->correlation_id) &&
                set(properties, "iothub-", "userid", message->user_id);

    for (size_t i = 0; made && i < message->property_count; i++)
        made = message->properties[i].value != NULL &&
               set(properties, "iothub-app-", message->properties[i].name, message->properties[i].value);
    return made;
}

static json_t *make_body(const struct dps_message *message)
{
    struct buffer text;
    json_t *body = NULL;

    buffer_init(&text, BODY_MAXIMUM);
    if (dps_base64_add(&text, message->body, message->size))
        body = json_string(buffer_text(&text));
    buffer_free(&text);
    return body;
}

/* One element of the batch; NULL: it cannot be made. */
static json_t *make_element(const struct dps_message *message)
{
    json_t *properties = json_object();
    json_t *element = NULL;

    if (add_properties(message, properties))
        element = json_pack("{s:o, s:O}", "body", make_body(message), "properties", properties);
    json_decref(properties);
    return element;
}

static int add_text(const char *data, size_t size, void *user)
{
    return buffer_add(user, data, size) ? 0 : -1;
}

dps_status dps_batch_write(const struct dps_message *messages, size_t count, struct dps_report *report,
                           struct buffer *out)
{
    json_t *batch = json_array();
    dps_status status = DPS_OK;

    for (size_t i = 0; status == DPS_OK && i < count; i++)
        if (json_array_append_new(batch, make_element(&messages[i])) != 0)
            status =
                dps_report_fail(report, DPS_INVALID,
                                "message %zu of the batch cannot be sent: its texts must be UTF-8", i + 1);
    if (status == DPS_OK && json_dump_callback(batch, add_text, out, JSON_COMPACT) != 0)
        status = dps_report_fail(report, DPS_INVALID,
                                 "the batch of %zu messages is larger than the %zu bytes that the hub takes",
                                 count, out->maximum);
    json_decref(batch);
    return status;
}
