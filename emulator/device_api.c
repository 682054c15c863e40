/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/device_api.h"

#include "emulator/attest.h"
#include "emulator/check.h"
#include "emulator/issue.h"
#include "emulator/registration.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What every request of this API has to have: version, id scope, a registration id. */
static bool check_request(const struct emulator *emulator, const struct emu_request *request,
                          const struct emu_parameters *parameters, struct emu_refusal *refusal)
{
    if (!emu_check_version(request, refusal))
        return false;
    if (strcasecmp(parameters->values[0], emulator->id_scope) != 0)
        return emu_refuse(refusal, EMU_ERROR_NO_ENROLLMENT,
                          "Service not found. This service's id scope is not %.64s.", parameters->values[0]);
    return emu_check_id("registration id", parameters->values[1], refusal);
}

/* The body of register and status lookup: a DeviceRegistration; *out is the caller's in any case. */
static bool read_body(const struct emu_request *request, const char *registration_id, json_t **out,
                      struct emu_refusal *refusal)
{
    const json_t *id;
    const json_t *payload;

    if (!emu_check_object(request, out, refusal))
        return false;
    id = json_object_get(*out, "registrationId");
    payload = json_object_get(*out, "payload");
    if (id != NULL && !json_is_string(id))
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "registrationId must be a string.");
    if (id != NULL && strcasecmp(json_string_value(id), registration_id) != 0)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "The registrationId %.130s of the body is not %s, that of the path.",
                          json_string_value(id), registration_id);
    if (payload != NULL && !json_is_null(payload) && !json_is_object(payload))
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "payload must be a JSON object.");
    return true;
}

static bool refuse_csr(const json_t *body, struct emu_refusal *refusal)
{
    return json_object_get(body, "csr") == NULL ||
           emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "csr: a status lookup issues no certificate.");
}

/* The first answer to a TPM looks like no other refusal: it has no errorCode. */
static void respond_challenge(const struct emu_verdict *verdict, struct emu_response *response)
{
    emu_response_json(response, 401,
                      json_pack("{s:s, s:s, s:s}", "message",
                                "Authorization required, resend request using supplied key", "keyName",
                                "registration", "authenticationKey", verdict->challenge));
}

static void respond_refusal(const struct emulator *emulator, const char *registration_id,
                            const struct emu_verdict *verdict, const struct emu_refusal *refusal,
                            struct emu_response *response)
{
    if (refusal->error == EMU_ERROR_CHALLENGE)
        respond_challenge(verdict, response);
    else if (refusal->error == EMU_ERROR_DISABLED && emulator->disabled_is_status)
        emu_response_json(response, 200,
                          json_pack("{s:s, s:s, s:{s:s, s:s}}", "operationId", "4.0.disabled", "status",
                                    "disabled", "registrationState", "registrationId", registration_id,
                                    "status", "disabled"));
    else
        emu_response_refuse(response, refusal);
}

/* 202: come again. The operation's address is told as the client itself spelled the service's. */
static void respond_assigning(const struct emulator *emulator, const struct emu_request *request,
                              const struct emu_parameters *parameters, const char *operation, json_t *body,
                              struct emu_response *response)
{
    const char *host = emu_field_find(request->headers, "Host");
    char own[300];

    snprintf(own, sizeof own, "%s:%u", emulator->host, emulator->port);
    emu_response_json(response, 202, body);
    emu_response_header(response, "Retry-After", "%u", emulator->retry_after);
    emu_response_header(response, "Location", "https://%s/%s/registrations/%s/operations/%s?api-version=%s",
                        host != NULL && host[0] != '\0' ? host : own, parameters->values[0],
                        parameters->values[1], operation, emu_field_find(request->query, "api-version"));
}

void emu_device_register(struct emulator *emulator, const struct emu_request *request,
                         const struct emu_parameters *parameters, struct emu_response *response)
{
    const char *id = parameters->values[1];
    struct emu_verdict verdict = {0};
    struct emu_registering registering = {
        .verdict = &verdict,
        .registration_id = id,
        .version = emu_field_find(request->query, "api-version"),
    };
    struct emu_refusal refusal;
    json_t *body = NULL;
    json_t *record = NULL;
    const char *operation;

    if (!check_request(emulator, request, parameters, &refusal) || !read_body(request, id, &body, &refusal) ||
        !emu_attest(emulator, request, id, &verdict, &refusal) ||
        !emu_issue(emulator, &registering, json_object_get(body, "csr"), &registering.chain, &refusal) ||
        !emu_registration_make(emulator, &registering, &record, &refusal)) {
        respond_refusal(emulator, id, &verdict, &refusal, response);
    } else {
        operation = emu_json_text(json_object_get(record, "operation"), "id");
        respond_assigning(emulator, request, parameters, operation,
                          json_pack("{s:s, s:s}", "operationId", operation, "status", "assigning"), response);
    }
    json_decref(registering.chain);
    json_decref(body);
    json_decref(record);
    emu_verdict_free(&verdict);
}

/* Counts one poll down. False: none was left, the operation is over. */
static bool spend_poll(const struct emulator *emulator, const char *registration_id, json_t *record)
{
    json_t *operation = json_object_get(record, "operation");
    json_int_t polls = json_integer_value(json_object_get(operation, "polls"));

    if (polls <= 0)
        return false;
    json_object_set_new(operation, "polls", json_integer(polls - 1));
    /* A count that cannot be written is spent all the same; the store has logged why. */
    return emu_store_put(emulator->store, EMU_REGISTRATIONS, registration_id, record);
}

static bool find_operation(const struct emulator *emulator, const struct emu_parameters *parameters,
                           json_t **record, struct emu_refusal *refusal)
{
    const char *id;

    if (!emu_registration_get(emulator, parameters->values[1], record, refusal))
        return false;
    id = emu_json_text(json_object_get(*record, "operation"), "id");
    if (id != NULL && strcasecmp(id, parameters->values[2]) == 0)
        return true;
    return emu_refuse(refusal, EMU_ERROR_NO_REGISTRATION, "Operation not found: %s has no operation %.80s.",
                      parameters->values[1], parameters->values[2]);
}

static json_t *assigning_body(const json_t *record, const char *operation)
{
    const json_t *state = json_object_get(record, "state");

    return json_pack("{s:s, s:s, s:{s:O, s:O, s:O, s:s}}", "operationId", operation, "status", "assigning",
                     "registrationState", "registrationId", json_object_get(state, "registrationId"),
                     "createdDateTimeUtc", json_object_get(state, "createdDateTimeUtc"),
                     "lastUpdatedDateTimeUtc", json_object_get(state, "lastUpdatedDateTimeUtc"), "status",
                     "assigning");
}

void emu_device_operation(struct emulator *emulator, const struct emu_request *request,
                          const struct emu_parameters *parameters, struct emu_response *response)
{
    const char *id = parameters->values[1];
    struct emu_verdict verdict = {0};
    struct emu_refusal refusal;
    json_t *record = NULL;
    const char *operation;

    if (!check_request(emulator, request, parameters, &refusal) ||
        !emu_attest(emulator, request, id, &verdict, &refusal) ||
        !find_operation(emulator, parameters, &record, &refusal)) {
        respond_refusal(emulator, id, &verdict, &refusal, response);
        goto out;
    }
    operation = emu_json_text(json_object_get(record, "operation"), "id");
    if (spend_poll(emulator, id, record))
        respond_assigning(emulator, request, parameters, operation, assigning_body(record, operation),
                          response);
    else
        emu_response_json(response, 200,
                          json_pack("{s:s, s:O, s:o}", "operationId", operation, "status",
                                    json_object_get(json_object_get(record, "state"), "status"),
                                    "registrationState",
                                    emu_registration_show(emulator, record, EMU_VIEWER_OPERATION)));
out:
    json_decref(record);
    emu_verdict_free(&verdict);
}

void emu_device_status(struct emulator *emulator, const struct emu_request *request,
                       const struct emu_parameters *parameters, struct emu_response *response)
{
    const char *id = parameters->values[1];
    struct emu_verdict verdict = {0};
    struct emu_refusal refusal;
    json_t *body = NULL;
    json_t *record = NULL;

    if (!check_request(emulator, request, parameters, &refusal) || !read_body(request, id, &body, &refusal) ||
        !refuse_csr(body, &refusal) || !emu_attest(emulator, request, id, &verdict, &refusal) ||
        !emu_registration_get(emulator, id, &record, &refusal))
        respond_refusal(emulator, id, &verdict, &refusal, response);
    else
        emu_response_json(response, 200, emu_registration_show(emulator, record, EMU_VIEWER_LOOKUP));
    json_decref(body);
    json_decref(record);
    emu_verdict_free(&verdict);
}
