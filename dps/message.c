/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/message.h"

#include "common/buffer.h"
#include "dps/certificate.h"
#include "dps/url.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Members may come twice in no JSON that is worth believing; the depth is bounded by the library itself. */
#define READ_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
#define SHOWN_MAXIMUM 200
#define CHAIN_MAXIMUM (128 * 1024)

static const struct {
    const char *name;
    enum dps_operation_status status;
} status_names[] = {
    {"unassigned", DPS_OPERATION_UNASSIGNED},
    {"assigning",  DPS_OPERATION_ASSIGNING },
    {"assigned",   DPS_OPERATION_ASSIGNED  },
    {"failed",     DPS_OPERATION_FAILED    },
    {"disabled",   DPS_OPERATION_DISABLED  },
};

/* The text members of registrationState that an assignment takes over. */
static const struct {
    const char *name;
    enum dps_registration_field field;
    bool required;
} state_members[] = {
    {"assignedHub",            DPS_FIELD_HUB,             true },
    {"deviceId",               DPS_FIELD_DEVICE_ID,       true },
    {"registrationId",         DPS_FIELD_REGISTRATION_ID, false},
    {"substatus",              DPS_FIELD_SUBSTATUS,       false},
    {"createdDateTimeUtc",     DPS_FIELD_CREATED,         false},
    {"lastUpdatedDateTimeUtc", DPS_FIELD_LAST_UPDATED,    false},
    {"etag",                   DPS_FIELD_ETAG,            false},
};

/* The hub names some errors by word where the provisioning service gives a number. */
static const struct {
    const char *name;
    long code;
} hub_errors[] = {
    {"ErrorCode:ArgumentInvalid",                 400004},
    {"ErrorCode:IotHubUnauthorizedAccess",        401002},
    {"ErrorCode:IotHubUnauthorized",              401002},
    {"ErrorCode:IotHubFormatError",               400006},
    {"ErrorCode:IotHubQuotaExceeded",             403002},
    {"ErrorCode:DeviceMaximumQueueDepthExceeded", 403004},
    {"ErrorCode:DeviceNotFound",                  404001},
    {"ErrorCode:MessageTooLarge",                 413001},
    {"ErrorCode:ThrottlingException",             429001},
};

bool dps_message_is_json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    bool is = value != NULL;

    json_decref(value);
    return is;
}

/* Adds a member that may be absent; the value's reference is taken. */
static bool add(json_t *object, const char *name, json_t *value)
{
    return value != NULL && json_object_set_new(object, name, value) == 0;
}

static bool add_request_members(json_t *body, const struct dps_register_request *request)
{
    json_t *tpm;

    if (!add(body, "registrationId", json_string(request->registration_id)))
        return false;
    if (request->endorsement_key != NULL) {
        tpm = json_pack("{s:s, s:s*}", "endorsementKey", request->endorsement_key, "storageRootKey",
                        request->storage_root_key);
        if (!add(body, "tpm", tpm))
            return false;
    }
    if (request->csr != NULL && !add(body, "csr", json_string(request->csr)))
        return false;
    return request->payload == NULL ||
           add(body, "payload", json_loads(request->payload, JSON_DECODE_ANY, NULL));
}

char *dps_message_write_register(const struct dps_register_request *request)
{
    json_t *body = json_object();
    char *text = NULL;

    if (body != NULL && add_request_members(body, request))
        text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/*
 * Reads a text member. An absent or null one leaves *out NULL and is DPS_OK unless it is required; so is an
 * empty one that is. `path` is for the report.
 */
static dps_status read_text(const json_t *object, const char *name, const char *path, bool required,
                            struct dps_report *report, char **out)
{
    const json_t *value = json_object_get(object, name);

    *out = NULL;
    if (value != NULL && !json_is_null(value) && !json_is_string(value))
        return dps_report_fail(report, DPS_PROTOCOL, "the service's answer has a \"%s%s\" that is not text",
                               path, name);
    if (required && (value == NULL || json_is_null(value) || json_string_length(value) == 0))
        return dps_report_fail(report, DPS_PROTOCOL, "the service's answer lacks \"%s%s\"", path, name);
    if (value == NULL || json_is_null(value))
        return DPS_OK;
    *out = strdup(json_string_value(value));
    return *out != NULL ? DPS_OK : dps_report_no_memory(report);
}

static dps_status read_status(const json_t *body, struct dps_report *report, struct dps_operation *out)
{
    const json_t *value = json_object_get(body, "status");
    const char *name = json_string_value(value);

    if (name == NULL)
        return dps_report_fail(report, DPS_PROTOCOL, "the service's answer %s",
                               value == NULL ? "lacks \"status\"" : "has a \"status\" that is not text");
    for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++) {
        if (strcmp(name, status_names[i].name) == 0) {
            out->status = status_names[i].status;
            return DPS_OK;
        }
    }
    return dps_report_fail(report, DPS_PROTOCOL, "the service answered with the unknown status \"%.*s\"",
                           SHOWN_MAXIMUM, name);
}

/* The parts of an assignment that are not plain members of registrationState. */
static dps_status read_nested_members(const json_t *state, struct dps_report *report,
                                      struct dps_operation *out)
{
    char **field = out->registration->field;
    const json_t *payload = json_object_get(state, "payload");
    const json_t *x509 = json_object_get(state, "x509");
    dps_status status;

    if (payload != NULL && !json_is_null(payload)) {
        field[DPS_FIELD_PAYLOAD] = json_dumps(payload, JSON_COMPACT | JSON_ENCODE_ANY);
        if (field[DPS_FIELD_PAYLOAD] == NULL)
            return dps_report_no_memory(report);
    }
    status = read_text(x509, "enrollmentGroupId", "registrationState.x509.", false, report,
                       &field[DPS_FIELD_ENROLLMENT_GROUP]);
    if (status == DPS_OK && field[DPS_FIELD_ENROLLMENT_GROUP] == NULL)
        status =
            read_text(json_object_get(state, "symmetricKey"), "enrollmentGroupId",
                      "registrationState.symmetricKey.", false, report, &field[DPS_FIELD_ENROLLMENT_GROUP]);
    if (status == DPS_OK)
        status = read_text(json_object_get(state, "tpm"), "authenticationKey", "registrationState.tpm.",
                           false, report, &out->authentication_key);
    return status;
}

/* The chain that was issued for a request: leaf, intermediates, root. */
static dps_status read_chain(const json_t *state, struct dps_report *report, char **out)
{
    const json_t *chain = json_object_get(state, "issuedCertificateChain");
    struct buffer pem;
    bool read = chain == NULL || json_is_null(chain) || json_is_array(chain);

    buffer_init(&pem, CHAIN_MAXIMUM);
    for (size_t i = 0; read && i < json_array_size(chain); i++) {
        const char *text = json_string_value(json_array_get(chain, i));

        read = text != NULL && dps_certificate_add_pem(&pem, text);
    }
    if (read && pem.size > 0)
        *out = buffer_take_text(&pem);
    buffer_free(&pem);
    return read ? DPS_OK
                : dps_report_fail(report, DPS_PROTOCOL,
                                  "the service's answer has a \"registrationState.issuedCertificateChain\" "
                                  "that is no list of certificates");
}

static dps_status read_registration(const json_t *state, bool assigned, struct dps_report *report,
                                    struct dps_operation *out)
{
    dps_status status = DPS_OK;
    char **field;

    out->registration = calloc(1, sizeof *out->registration);
    if (out->registration == NULL)
        return dps_report_no_memory(report);
    field = out->registration->field;
    for (size_t i = 0; status == DPS_OK && i < sizeof state_members / sizeof state_members[0]; i++)
        status = read_text(state, state_members[i].name, "registrationState.",
                           assigned && state_members[i].required, report, &field[state_members[i].field]);
    if (status == DPS_OK && assigned && !dps_url_is_authority(field[DPS_FIELD_HUB]))
        status = dps_report_fail(report, DPS_PROTOCOL,
                                 "the service assigned the hub \"%.*s\", which is no host name",
                                 SHOWN_MAXIMUM, field[DPS_FIELD_HUB]);
    if (status == DPS_OK)
        status = read_nested_members(state, report, out);
    if (status == DPS_OK)
        status = read_chain(state, report, &field[DPS_FIELD_CERTIFICATES]);
    return status;
}

/* A hub's failure arrives as JSON inside the message; its own message is the useful part. NULL: no memory. */
static char *unwrap_message(const char *message)
{
    json_t *inner = json_loads(message, 0, NULL);
    const char *text = json_string_value(json_object_get(inner, "Message"));
    char *copy = strdup(text != NULL ? text : message);

    json_decref(inner);
    return copy;
}

/* Why a registration failed. What is missing or of another type is left out: that it failed is certain. */
static void read_failure(const json_t *state, struct dps_operation *out)
{
    const char *message = json_string_value(json_object_get(state, "errorMessage"));

    out->error_code = (long)json_integer_value(json_object_get(state, "errorCode"));
    if (message != NULL)
        out->error_message = unwrap_message(message);
}

static dps_status read_members(const json_t *body, struct dps_report *report, struct dps_operation *out)
{
    const json_t *state = json_object_get(body, "registrationState");
    dps_status status = read_status(body, report, out);

    if (status == DPS_OK)
        status = read_text(body, "operationId", "", out->status == DPS_OPERATION_ASSIGNING, report,
                           &out->operation_id);
    if (status != DPS_OK)
        return status;
    if (state != NULL && !json_is_null(state) && !json_is_object(state))
        return dps_report_fail(report, DPS_PROTOCOL,
                               "the service's answer has a \"registrationState\" that is not an object");
    if (out->status == DPS_OPERATION_ASSIGNED)
        return read_registration(state, true, report, out);
    read_failure(state, out);
    return DPS_OK;
}

static dps_status read_lookup_members(const json_t *body, struct dps_report *report,
                                      struct dps_operation *out)
{
    dps_status status = read_status(body, report, out);

    if (status == DPS_OK)
        status = read_registration(body, out->status == DPS_OPERATION_ASSIGNED, report, out);
    if (status == DPS_OK)
        status = read_text(body, "status", "", true, report, &out->registration->field[DPS_FIELD_STATUS]);
    read_failure(body, out);
    return status;
}

static dps_status read_object(const char *text, size_t size, struct dps_report *report,
                              dps_status (*read)(const json_t *, struct dps_report *, struct dps_operation *),
                              struct dps_operation *out)
{
    json_t *body = json_loadb(text, size, READ_FLAGS, NULL);
    dps_status status;

    *out = (struct dps_operation){0};
    if (json_is_object(body))
        status = read(body, report, out);
    else
        status = dps_report_fail(
            report, DPS_PROTOCOL,
            "the service's answer (%zu bytes) is not %s: is the endpoint a provisioning service?", size,
            body == NULL ? "JSON" : "a JSON object");
    if (status != DPS_OK)
        dps_operation_free(out);
    json_decref(body);
    return status;
}

dps_status dps_message_read_operation(const char *text, size_t size, struct dps_report *report,
                                      struct dps_operation *out)
{
    return read_object(text, size, report, read_members, out);
}

dps_status dps_message_read_lookup(const char *text, size_t size, struct dps_report *report,
                                   struct dps_operation *out)
{
    return read_object(text, size, report, read_lookup_members, out);
}

void dps_operation_free(struct dps_operation *operation)
{
    free(operation->operation_id);
    free(operation->authentication_key);
    free(operation->error_message);
    dps_registration_free(operation->registration);
    *operation = (struct dps_operation){0};
}

static char *copy_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? strdup(text) : NULL;
}

/* The hub puts code and tracking id into its texts: "ErrorCode:DeviceNotFound;...", "Tracking
 * ID:ID-TimeStamp:...". */
static void read_hub_error(const json_t *body, struct dps_error_body *out)
{
    static const char mark[] = "Tracking ID:";
    const char *exception = json_string_value(json_object_get(body, "ExceptionMessage"));
    const char *tracking = exception != NULL ? strstr(exception, mark) : NULL;
    const char *end;

    for (size_t i = 0; out->error_code == 0 && i < sizeof hub_errors / sizeof hub_errors[0]; i++)
        if (strncmp(out->message, hub_errors[i].name, strlen(hub_errors[i].name)) == 0)
            out->error_code = hub_errors[i].code;
    if (tracking == NULL)
        return;
    tracking += strlen(mark);
    end = strstr(tracking, "-TimeStamp:");
    out->tracking_id = end != NULL ? strndup(tracking, (size_t)(end - tracking)) : strdup(tracking);
}

void dps_message_read_error(const char *text, size_t size, struct dps_error_body *out)
{
    json_t *body = json_loadb(text, size, READ_FLAGS, NULL);

    *out = (struct dps_error_body){0};
    if (json_is_object(body)) {
        out->error_code = (long)json_integer_value(json_object_get(body, "errorCode"));
        out->tracking_id = copy_text(body, "trackingId");
        out->message = copy_text(body, "message");
        if (out->message == NULL) {
            out->message = copy_text(body, "Message");
            if (out->message != NULL)
                read_hub_error(body, out);
        }
    }
    json_decref(body);
}

void dps_error_body_free(struct dps_error_body *body)
{
    free(body->message);
    free(body->tracking_id);
    *body = (struct dps_error_body){0};
}

char *dps_message_read_challenge(const char *text, size_t size)
{
    json_t *body = json_loadb(text, size, READ_FLAGS, NULL);
    char *key = json_object_get(body, "errorCode") == NULL ? copy_text(body, "authenticationKey") : NULL;

    json_decref(body);
    return key;
}
