/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/service_api.h"

#include "emulator/check.h"
#include "emulator/enrollment_change.h"
#include "emulator/registration.h"
#include "emulator/service_auth.h"
#include "emulator/text.h"

static void respond_object(json_t *object, struct emu_response *response)
{
    const char *etag = emu_json_text(object, "etag");

    if (etag != NULL)
        emu_response_header(response, "ETag", "%s", etag);
    emu_response_json(response, 200, object);
}

static const char *if_match(const struct emu_request *request)
{
    return emu_field_find(request->headers, "If-Match");
}

static void put(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *body = NULL;

    if (emu_service_authorize(emulator, request, &refusal) && emu_check_object(request, &body, &refusal) &&
        emu_enrollment_put(emulator, kind, id, EMU_SUPPOSE_NOTHING, if_match(request), body, &refusal))
        respond_object(emu_enrollment_show(emulator, kind, body), response);
    else
        emu_response_refuse(response, &refusal);
    json_decref(body);
}

static void get(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *stored = NULL;

    if (emu_service_authorize(emulator, request, &refusal) &&
        emu_enrollment_get(emulator, kind, id, &stored, &refusal))
        respond_object(emu_enrollment_show(emulator, kind, stored), response);
    else
        emu_response_refuse(response, &refusal);
    json_decref(stored);
}

/* The attestation with all that it holds, secrets too, which a plain GET may leave out. */
static void get_attestation(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                            const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *stored = NULL;

    if (emu_service_authorize(emulator, request, &refusal) &&
        emu_enrollment_get(emulator, kind, id, &stored, &refusal))
        emu_response_json(response, 200, json_incref(json_object_get(stored, "attestation")));
    else
        emu_response_refuse(response, &refusal);
    json_decref(stored);
}

static void delete (const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                    const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;

    if (emu_service_authorize(emulator, request, &refusal) &&
        emu_enrollment_remove(emulator, kind, id, if_match(request), &refusal))
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
}

void emu_service_put_enrollment(struct emulator *emulator, const struct emu_request *request,
                                const struct emu_parameters *parameters, struct emu_response *response)
{
    put(emulator, &emu_individual_kind, request, parameters->values[0], response);
}

void emu_service_put_group(struct emulator *emulator, const struct emu_request *request,
                           const struct emu_parameters *parameters, struct emu_response *response)
{
    put(emulator, &emu_group_kind, request, parameters->values[0], response);
}

void emu_service_get_enrollment(struct emulator *emulator, const struct emu_request *request,
                                const struct emu_parameters *parameters, struct emu_response *response)
{
    get(emulator, &emu_individual_kind, request, parameters->values[0], response);
}

void emu_service_get_group(struct emulator *emulator, const struct emu_request *request,
                           const struct emu_parameters *parameters, struct emu_response *response)
{
    get(emulator, &emu_group_kind, request, parameters->values[0], response);
}

void emu_service_delete_enrollment(struct emulator *emulator, const struct emu_request *request,
                                   const struct emu_parameters *parameters, struct emu_response *response)
{
    delete (emulator, &emu_individual_kind, request, parameters->values[0], response);
}

void emu_service_delete_group(struct emulator *emulator, const struct emu_request *request,
                              const struct emu_parameters *parameters, struct emu_response *response)
{
    delete (emulator, &emu_group_kind, request, parameters->values[0], response);
}

void emu_service_get_enrollment_attestation(struct emulator *emulator, const struct emu_request *request,
                                            const struct emu_parameters *parameters,
                                            struct emu_response *response)
{
    get_attestation(emulator, &emu_individual_kind, request, parameters->values[0], response);
}

void emu_service_get_group_attestation(struct emulator *emulator, const struct emu_request *request,
                                       const struct emu_parameters *parameters, struct emu_response *response)
{
    get_attestation(emulator, &emu_group_kind, request, parameters->values[0], response);
}

void emu_service_get_registration(struct emulator *emulator, const struct emu_request *request,
                                  const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *record = NULL;

    if (emu_service_authorize(emulator, request, &refusal) &&
        emu_registration_get(emulator, parameters->values[0], &record, &refusal))
        respond_object(emu_registration_show(emulator, record, EMU_VIEWER_SERVICE), response);
    else
        emu_response_refuse(response, &refusal);
    json_decref(record);
}

void emu_service_delete_registration(struct emulator *emulator, const struct emu_request *request,
                                     const struct emu_parameters *parameters, struct emu_response *response)
{
    const char *id = parameters->values[0];
    struct emu_refusal refusal;
    json_t *record = NULL;
    bool good = emu_service_authorize(emulator, request, &refusal) &&
                emu_registration_get(emulator, id, &record, &refusal) &&
                emu_check_match(if_match(request), json_object_get(record, "state"), &refusal);

    if (good && emu_store_remove(emulator->store, EMU_REGISTRATIONS, id) == EMU_FAILED)
        good = emu_refuse(&refusal, EMU_ERROR_INTERNAL, "The registration cannot be removed.");
    if (good)
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(record);
}
