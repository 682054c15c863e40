/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/service_api.h"

#include "emulator/enrollment.h"
#include "emulator/registration.h"
#include "emulator/service_auth.h"
#include "emulator/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
                                  : emu_registration_show(listing->emulator, document, EMU_VIEWER_SERVICE));
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
    if (!emu_service_authorize(listing->emulator, request, &refusal)) {
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
