/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/service_api.h"

#include "emulator/check.h"
#include "emulator/enrollment.h"
#include "emulator/registration.h"
#include "emulator/sas.h"
#include "emulator/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- who asks ------------------------------------------------------------------------------------------ */

/* The token is for this service, under the name that the client used for it or the one we publish. */
static bool covers_us(const struct emulator *emulator, const struct emu_request *request,
                      const struct emu_sas *sas)
{
    const char *host = emu_field_find(request->headers, "Host");
    const char *const names[] = {host != NULL ? host : emulator->host, emulator->host};
    bool covered = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *bare = strndup(names[i], strcspn(names[i], ":"));
        char *full = NULL;

        if (asprintf(&full, "%s:%u", bare != NULL ? bare : "", emulator->port) < 0)
            full = NULL;
        covered |= emu_sas_covers(sas, names[i]) || (bare != NULL && emu_sas_covers(sas, bare)) ||
                   (full != NULL && emu_sas_covers(sas, full));
        free(bare);
        free(full);
    }
    return covered;
}

static bool check_token(const struct emulator *emulator, const struct emu_request *request,
                        const struct emu_sas *sas, struct emu_refusal *refusal)
{
    if (sas->policy == NULL || strcmp(sas->policy, EMU_SERVICE_POLICY) != 0)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token's policy (skn) must be %s.", EMU_SERVICE_POLICY);
    switch (emu_sas_verify(sas, &emulator->service_key, 1, emu_now(emulator).tv_sec)) {
    case EMU_SAS_WRONG_KEY:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The token is not signed with the key of the "
                          "policy.");
    case EMU_SAS_EXPIRED:
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED, "Unauthorized. The token has expired.");
    case EMU_SAS_VALID:
        break;
    }
    return covers_us(emulator, request, sas) ||
           emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                      "Unauthorized. The token is for %.200s, not for this service.", sas->resource);
}

static bool authorize(const struct emulator *emulator, const struct emu_request *request,
                      struct emu_refusal *refusal)
{
    const char *authorization = emu_field_find(request->headers, "Authorization");
    struct emu_sas sas;
    bool good;

    if (!emu_check_version(request, refusal))
        return false;
    if (authorization == NULL)
        return emu_refuse(refusal, EMU_ERROR_UNAUTHORIZED,
                          "Unauthorized. The Authorization header is missing.");
    if (!emu_sas_parse(authorization, &sas))
        return emu_refuse(
            refusal, EMU_ERROR_UNAUTHORIZED,
            "Unauthorized. The Authorization header is no SharedAccessSignature with sr, sig and se.");
    good = check_token(emulator, request, &sas, refusal);
    emu_sas_free(&sas);
    return good;
}

/* --- single objects ------------------------------------------------------------------------------------ */

/* If-Match against what is there (NULL: nothing). Quotes around either do not count. */
static bool check_match(const struct emu_request *request, const json_t *present, struct emu_refusal *refusal)
{
    const char *wanted = emu_field_find(request->headers, "If-Match");
    const char *etag = emu_json_text(present, "etag");
    size_t length;

    if (wanted == NULL || (present != NULL && strcmp(wanted, "*") == 0))
        return true;
    if (etag != NULL) {
        wanted += wanted[0] == '"' ? 1 : 0;
        etag += etag[0] == '"' ? 1 : 0;
        length = strcspn(etag, "\"");
        if (strncmp(wanted, etag, length) == 0 &&
            (wanted[length] == '\0' || strcmp(wanted + length, "\"") == 0))
            return true;
    }
    return emu_refuse(refusal, EMU_ERROR_PRECONDITION,
                      "Precondition failed. If-Match is not the etag of what is stored.");
}

/* *out is NULL when there is none; that is no refusal. */
static bool read_stored(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                        const char *id, json_t **out, struct emu_refusal *refusal)
{
    return emu_store_get(emulator->store, kind->collection, id, out) != EMU_FAILED ||
           emu_refuse(refusal, EMU_ERROR_INTERNAL, "The %s cannot be read.", kind->what);
}

static bool need_stored(const struct emu_enrollment_kind *kind, const char *id, const json_t *stored,
                        struct emu_refusal *refusal)
{
    return stored != NULL || emu_refuse(refusal, EMU_ERROR_NO_ENROLLMENT,
                                        "Enrollment not found: there is no %s %.130s.", kind->what, id);
}

static void respond_object(json_t *object, struct emu_response *response)
{
    const char *etag = emu_json_text(object, "etag");

    if (etag != NULL)
        emu_response_header(response, "ETag", "%s", etag);
    emu_response_json(response, 200, object);
}

static void put(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *body = NULL;
    json_t *old = NULL;
    bool good;

    good = authorize(emulator, request, &refusal) && emu_check_object(request, &body, &refusal) &&
           emu_enrollment_check(kind, id, body, &refusal) &&
           read_stored(emulator, kind, id, &old, &refusal) && check_match(request, old, &refusal);
    if (good && !(emu_enrollment_complete(emulator, kind, id, old, body) &&
                  emu_store_put(emulator->store, kind->collection, id, body)))
        good = emu_refuse(&refusal, EMU_ERROR_INTERNAL, "The %s cannot be stored.", kind->what);
    if (good)
        respond_object(emu_enrollment_show(emulator, kind, body), response);
    else
        emu_response_refuse(response, &refusal);
    json_decref(old);
    json_decref(body);
}

static void get(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *stored = NULL;

    if (authorize(emulator, request, &refusal) && read_stored(emulator, kind, id, &stored, &refusal) &&
        need_stored(kind, id, stored, &refusal))
        respond_object(emu_enrollment_show(emulator, kind, stored), response);
    else
        emu_response_refuse(response, &refusal);
    json_decref(stored);
}

static void delete (const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                    const struct emu_request *request, const char *id, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *stored = NULL;
    bool good = authorize(emulator, request, &refusal) &&
                read_stored(emulator, kind, id, &stored, &refusal) &&
                need_stored(kind, id, stored, &refusal) && check_match(request, stored, &refusal);

    if (good && emu_store_remove(emulator->store, kind->collection, id) == EMU_FAILED)
        good = emu_refuse(&refusal, EMU_ERROR_INTERNAL, "The %s cannot be removed.", kind->what);
    if (good)
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(stored);
}

/* --- lists --------------------------------------------------------------------------------------------- */

struct listing {
    const struct emulator *emulator;
    const struct emu_enrollment_kind *kind; /* NULL: registrations */
    const char *group;                      /* of the registrations wanted */
    const char *after;                      /* the id that the page before ended with, or NULL */
    size_t maximum;
    json_t *items;
    char *last;
    bool more;
};

static bool is_wanted(const struct listing *listing, const char *id, const json_t *document)
{
    const char *group = emu_json_text(document, "group");

    if (listing->after != NULL && strcasecmp(id, listing->after) <= 0)
        return false;
    return listing->group == NULL || (group != NULL && strcasecmp(group, listing->group) == 0);
}

static bool list_document(void *data, const char *id, json_t *document)
{
    struct listing *listing = data;
    bool wanted = is_wanted(listing, id, document);

    listing->more = wanted && json_array_size(listing->items) == listing->maximum;
    if (wanted && !listing->more) {
        json_array_append_new(listing->items,
                              listing->kind != NULL
                                  ? emu_enrollment_show(listing->emulator, listing->kind, document)
                                  : emu_registration_show(listing->emulator, document));
        free(listing->last);
        listing->last = strdup(id);
    }
    json_decref(document);
    return !listing->more;
}

#define PAGE_MAXIMUM 1000

/* Every document of a collection in order; the only query there is, is for all. */
static void list(struct listing *listing, enum emu_collection collection, const char *item_type,
                 const struct emu_request *request, struct emu_response *response)
{
    const char *maximum = emu_field_find(request->headers, "x-ms-max-item-count");
    struct emu_refusal refusal;

    listing->after = emu_field_find(request->headers, "x-ms-continuation");
    listing->maximum = maximum != NULL ? strtoul(maximum, NULL, 10) : PAGE_MAXIMUM;
    if (listing->maximum == 0 || listing->maximum > PAGE_MAXIMUM)
        listing->maximum = PAGE_MAXIMUM;
    listing->items = json_array();
    if (!authorize(listing->emulator, request, &refusal)) {
        emu_response_refuse(response, &refusal);
    } else if (!emu_store_each(listing->emulator->store, collection, list_document, listing)) {
        emu_response_fail(response, EMU_ERROR_INTERNAL, "The list cannot be read.");
    } else {
        emu_response_json(response, 200, json_incref(listing->items));
        emu_response_header(response, "x-ms-item-type", "%s", item_type);
        if (listing->more && listing->last != NULL)
            emu_response_header(response, "x-ms-continuation", "%s", listing->last);
    }
    json_decref(listing->items);
    free(listing->last);
}

/* --- handlers ------------------------------------------------------------------------------------------ */

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

void emu_service_query_enrollments(struct emulator *emulator, const struct emu_request *request,
                                   const struct emu_parameters *parameters, struct emu_response *response)
{
    struct listing listing = {.emulator = emulator, .kind = &emu_individual_kind};

    (void)parameters;
    list(&listing, EMU_ENROLLMENTS, emu_individual_kind.item_type, request, response);
}

void emu_service_query_groups(struct emulator *emulator, const struct emu_request *request,
                              const struct emu_parameters *parameters, struct emu_response *response)
{
    struct listing listing = {.emulator = emulator, .kind = &emu_group_kind};

    (void)parameters;
    list(&listing, EMU_GROUPS, emu_group_kind.item_type, request, response);
}

void emu_service_query_registrations(struct emulator *emulator, const struct emu_request *request,
                                     const struct emu_parameters *parameters, struct emu_response *response)
{
    struct listing listing = {.emulator = emulator, .group = parameters->values[0]};

    list(&listing, EMU_REGISTRATIONS, "deviceRegistration", request, response);
}

void emu_service_get_registration(struct emulator *emulator, const struct emu_request *request,
                                  const struct emu_parameters *parameters, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *record = NULL;

    if (authorize(emulator, request, &refusal) &&
        emu_registration_get(emulator, parameters->values[0], &record, &refusal))
        respond_object(emu_registration_show(emulator, record), response);
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
    bool good = authorize(emulator, request, &refusal) &&
                emu_registration_get(emulator, id, &record, &refusal) &&
                check_match(request, json_object_get(record, "state"), &refusal);

    if (good && emu_store_remove(emulator->store, EMU_REGISTRATIONS, id) == EMU_FAILED)
        good = emu_refuse(&refusal, EMU_ERROR_INTERNAL, "The registration cannot be removed.");
    if (good)
        response->status = 204;
    else
        emu_response_refuse(response, &refusal);
    json_decref(record);
}
