/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/fault.h"

#include "emulator/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MAXIMUM 120000

struct emu_faults {
    json_t *list;     /* of objects as they came, with "left" and "used" added */
    json_t *requests; /* by route */
};

struct emu_faults *emu_faults_new(void)
{
    struct emu_faults *faults = calloc(1, sizeof *faults);

    if (faults == NULL)
        return NULL;
    faults->list = json_array();
    faults->requests = json_object();
    if (faults->list != NULL && faults->requests != NULL)
        return faults;
    emu_faults_free(faults);
    return NULL;
}

void emu_faults_free(struct emu_faults *faults)
{
    if (faults == NULL)
        return;
    json_decref(faults->list);
    json_decref(faults->requests);
    free(faults);
}

void emu_faults_clear(struct emu_faults *faults)
{
    json_array_clear(faults->list);
    json_object_clear(faults->requests);
}

/* --- what a fault may say ------------------------------------------------------------------------------ */

static bool is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= INT32_MAX;
}

static bool is_delay(const json_t *value)
{
    return is_count(value) && json_integer_value(value) <= DELAY_MAXIMUM;
}

static bool is_status(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 200 && json_integer_value(value) <= 599;
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_cut(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL &&
           (strcmp(text, "request") == 0 || strcmp(text, "answer") == 0 || strcmp(text, "body") == 0);
}

/* A header's value: nothing that would end the line. */
static bool is_retry_after(const json_t *value)
{
    const char *text = json_string_value(value);

    if (text != NULL)
        return strpbrk(text, "\r\n") == NULL;
    return json_is_null(value) || json_is_integer(value);
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_credential(const json_t *value)
{
    const json_t *flip = json_object_get(value, "flip");
    const json_t *size = json_object_get(value, "size");

    return json_object_size(value) == 1 && (is_count(flip) || is_count(size));
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static const struct {
    const char *name;
    bool (*good)(const json_t *value);
    const char *what;
} members[] = {
    {"route",      is_text,        "the name of a route"                  },
    {"skip",       is_count,       "a number of requests"                 },
    {"count",      is_count,       "a number of requests"                 },
    {"delay",      is_delay,       "milliseconds, 120000 at most"         },
    {"cut",        is_cut,         "request, answer or body"              },
    {"status",     is_status,      "a status from 200 to 599"             },
    {"retryAfter", is_retry_after, "a number, a text or null"             },
    {"body",       is_text,        "a text"                               },
    {"merge",      is_object,      "an object"                            },
    {"credential", is_credential,  "{\"flip\": byte} or {\"size\": bytes}"},
    {"assigning",  is_flag,        "true or false"                        },
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static bool check_member(const char *name, const json_t *value, char *message, size_t size)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (strcmp(members[i].name, name) != 0)
            continue;
        if (!members[i].good(value))
            snprintf(message, size, "%s of a fault must be %s.", name, members[i].what);
        return members[i].good(value);
    }
    snprintf(message, size, "A fault has no %.40s.", name);
    return false;
}

static bool check_fault(const json_t *fault, bool (*known)(const char *route), char *message, size_t size)
{
    const char *route = emu_json_text(fault, "route");
    const char *name;
    json_t *value;

    if (!json_is_object(fault)) {
        snprintf(message, size, "A fault is a JSON object.");
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)fault, name, value)
    {
        if (!check_member(name, value, message, size))
            return false;
    }
    if (route != NULL &&
        (strcmp(route, "*") == 0 || strcmp(route, EMU_ROUTE_CONNECTION) == 0 || known(route)))
        return true;
    snprintf(message, size, "There is no route %.40s.", route != NULL ? route : "(none)");
    return false;
}

bool emu_faults_add(struct emu_faults *faults, const json_t *fault, bool (*known)(const char *route),
                    char *message, size_t size)
{
    json_t *count;
    json_t *copy;

    if (!check_fault(fault, known, message, size))
        return false;
    copy = json_deep_copy(fault);
    count = json_object_get(fault, "count");
    if (json_object_set_new(copy, "left", count != NULL ? json_deep_copy(count) : json_integer(1)) == 0 &&
        json_object_set_new(copy, "used", json_integer(0)) == 0 &&
        json_array_append(faults->list, copy) == 0) {
        json_decref(copy);
        return true;
    }
    json_decref(copy);
    snprintf(message, size, "Out of memory.");
    return false;
}

json_t *emu_faults_show(const struct emu_faults *faults)
{
    return json_pack("{s:O, s:O}", "faults", faults->list, "requests", faults->requests);
}

/* --- taking -------------------------------------------------------------------------------------------- */

static json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void set_number(json_t *object, const char *name, json_int_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

/* count 0 has no end; else `left` goes down. */
static bool is_used_up(const json_t *fault)
{
    return number(fault, "left") == 0 && number(fault, "used") != 0 &&
           (json_object_get(fault, "count") == NULL || number(fault, "count") != 0);
}

static bool fits(const json_t *fault, const char *route)
{
    const char *wanted = emu_json_text(fault, "route");

    return !is_used_up(fault) && (strcmp(wanted, route) == 0 ||
                                  (strcmp(wanted, "*") == 0 && strcmp(route, EMU_ROUTE_CONNECTION) != 0));
}

const json_t *emu_faults_take(struct emu_faults *faults, const char *route)
{
    size_t index;
    json_t *fault;

    set_number(faults->requests, route, number(faults->requests, route) + 1);
    json_array_foreach(faults->list, index, fault)
    {
        if (!fits(fault, route))
            continue;
        if (number(fault, "skip") > 0) {
            set_number(fault, "skip", number(fault, "skip") - 1);
            return NULL;
        }
        set_number(fault, "used", number(fault, "used") + 1);
        if (number(fault, "left") > 0)
            set_number(fault, "left", number(fault, "left") - 1);
        return fault;
    }
    return NULL;
}

/* --- applying ------------------------------------------------------------------------------------------ */

static bool cut_is(const json_t *fault, const char *what)
{
    const char *cut = emu_json_text(fault, "cut");

    return cut != NULL && strcmp(cut, what) == 0;
}

bool emu_fault_handles(const json_t *fault)
{
    return json_object_get(fault, "status") == NULL && !cut_is(fault, "request") &&
           !json_is_true(json_object_get(fault, "assigning"));
}

/* An answer of the kind that the service gives with such a status. */
static void make_error(json_int_t status, struct emu_response *response)
{
    char guid[EMU_GUID_SIZE];

    emu_guid(guid);
    emu_response_json(response, (unsigned)status,
                      json_pack("{s:I, s:s, s:s}", "errorCode", status * 1000 + 1, "trackingId", guid,
                                "message", "An injected fault."));
    emu_response_header(response, "x-ms-request-id", "%s", guid);
}

static void make_assigning(const char *operation, struct emu_response *response)
{
    emu_response_json(response, 202,
                      json_pack("{s:s, s:s}", "operationId", operation != NULL ? operation : "4.0.0",
                                "status", "assigning"));
    emu_response_header(response, "Retry-After", "%d", 1);
}

static void set_retry_after(const json_t *value, struct emu_response *response)
{
    size_t kept = 0;

    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "Retry-After") == 0) {
            free(response->headers[i].name);
            free(response->headers[i].value);
        } else {
            response->headers[kept++] = response->headers[i];
        }
    }
    response->header_count = kept;
    if (json_is_string(value))
        emu_response_header(response, "Retry-After", "%s", json_string_value(value));
    else if (json_is_integer(value))
        emu_response_header(response, "Retry-After", "%lld", (long long)json_integer_value(value));
}

/* The blob, damaged; NULL: it is none, or no memory. */
static json_t *damage(const char *text, const json_t *how)
{
    json_t *flip = json_object_get(how, "flip");
    json_t *size = json_object_get(how, "size");
    struct bytes blob;
    char *base64;
    json_t *made;

    if (!emu_base64_decode(text, &blob))
        return NULL;
    if (flip != NULL && (size_t)json_integer_value(flip) < blob.size)
        blob.data[json_integer_value(flip)] ^= 1;
    if (size != NULL && (size_t)json_integer_value(size) < blob.size)
        blob.size = (size_t)json_integer_value(size);
    base64 = emu_base64_encode(blob.data, blob.size);
    made = base64 != NULL ? json_string(base64) : NULL;
    free(base64);
    bytes_free(&blob);
    return made;
}

/* Wherever it stands in the answer. */
static void damage_credential(json_t *value, const json_t *how)
{
    static const char member[] = "authenticationKey";
    const char *text = emu_json_text(value, member);
    const char *name;
    json_t *inner;

    if (text != NULL)
        json_object_set_new(value, member, damage(text, how));
    json_object_foreach(value, name, inner)
    {
        if (json_is_object(inner))
            damage_credential(inner, how);
    }
}

/* What is changed in the JSON of the answer, if it is JSON. */
static void edit(const json_t *fault, struct emu_response *response)
{
    json_t *merge = json_object_get(fault, "merge");
    const json_t *credential = json_object_get(fault, "credential");
    json_t *body;
    char *text;

    if ((merge == NULL && credential == NULL) || response->body.size == 0)
        return;
    body = json_loadb((const char *)response->body.data, response->body.size, 0, NULL);
    if (body == NULL)
        return;
    if (merge != NULL)
        json_object_update_recursive(body, merge);
    if (credential != NULL)
        damage_credential(body, credential);
    text = json_dumps(body, JSON_COMPACT);
    bytes_free(&response->body);
    if (text == NULL || !bytes_copy(&response->body, text, strlen(text)))
        response->status = 500;
    free(text);
    json_decref(body);
}

void emu_fault_apply(const json_t *fault, const char *operation, struct emu_response *response)
{
    const json_t *status = json_object_get(fault, "status");
    const json_t *retry_after = json_object_get(fault, "retryAfter");
    const char *body = emu_json_text(fault, "body");

    if (status != NULL)
        make_error(json_integer_value(status), response);
    else if (json_is_true(json_object_get(fault, "assigning")))
        make_assigning(operation, response);
    edit(fault, response);
    if (body != NULL) {
        bytes_free(&response->body);
        if (!bytes_copy(&response->body, body, strlen(body)))
            response->status = 500;
    }
    if (retry_after != NULL)
        set_retry_after(retry_after, response);
    response->delay = (unsigned)number(fault, "delay");
    if (cut_is(fault, "request") || cut_is(fault, "answer"))
        response->cut = EMU_CUT_SILENT;
    else if (cut_is(fault, "body"))
        response->cut = EMU_CUT_BODY;
}
