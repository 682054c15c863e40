/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/service_api.h"

#include "emulator/check.h"
#include "emulator/enrollment_change.h"
#include "emulator/service_auth.h"
#include "emulator/text.h"

#include <string.h>

#define ITEMS_MAXIMUM 10

/* What each mode does with one enrollment. */
static const struct mode {
    const char *name;
    enum emu_supposition supposition;
    bool match; /* the item's own etag has to fit */
    bool remove;
} modes[] = {
    {.name = "create",            .supposition = EMU_SUPPOSE_ABSENT },
    {.name = "update",            .supposition = EMU_SUPPOSE_PRESENT},
    {.name = "updateIfMatchETag", .supposition = EMU_SUPPOSE_PRESENT, .match = true},
    {.name = "delete",                           .remove = true                                             },
};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static bool check_bulk(const struct emu_enrollment_kind *kind, const json_t *body,
                       struct emu_refusal *refusal)
{
    const json_t *items = json_object_get(body, kind->list);

    if (find_mode(emu_json_text(body, "mode")) == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST,
                          "mode must be create, update, updateIfMatchETag or delete.");
    if (!json_is_array(items) || json_array_size(items) == 0 || json_array_size(items) > ITEMS_MAXIMUM)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s must be an array of 1 to %d.", kind->list,
                          ITEMS_MAXIMUM);
    return true;
}

static bool change_item(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                        const struct mode *mode, json_t *item, struct emu_refusal *refusal)
{
    const char *id = emu_json_text(item, kind->id_member);
    const char *etag = emu_json_text(item, "etag");

    if (id == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s is missing, or no string.", kind->id_member);
    if (mode->match && etag == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "etag is missing.");
    if (mode->remove)
        return emu_enrollment_remove(emulator, kind, id, NULL, refusal);
    return emu_enrollment_put(emulator, kind, id, mode->supposition, mode->match ? etag : NULL, item,
                              refusal);
}

/* Each item stands for itself; what goes wrong with one is reported and hinders no other. */
static json_t *change_items(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                            json_t *body)
{
    const struct mode *mode = find_mode(emu_json_text(body, "mode"));
    json_t *errors = json_array();
    struct emu_refusal refusal;
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(body, kind->list), index, item)
    {
        const char *id = emu_json_text(item, kind->id_member);

        if (!change_item(emulator, kind, mode, item, &refusal))
            json_array_append_new(errors, json_pack("{s:s, s:i, s:s}", kind->id_member, id != NULL ? id : "",
                                                    "errorCode", emu_error_code(refusal.error), "errorStatus",
                                                    refusal.message));
    }
    return json_pack("{s:b, s:o}", "isSuccessful", json_array_size(errors) == 0, "errors", errors);
}

static void bulk(const struct emulator *emulator, const struct emu_enrollment_kind *kind,
                 const struct emu_request *request, struct emu_response *response)
{
    struct emu_refusal refusal;
    json_t *body = NULL;

    if (emu_service_authorize(emulator, request, &refusal) && emu_check_object(request, &body, &refusal) &&
        check_bulk(kind, body, &refusal))
        emu_response_json(response, 200, change_items(emulator, kind, body));
    else
        emu_response_refuse(response, &refusal);
    json_decref(body);
}

void emu_service_bulk_enrollments(struct emulator *emulator, const struct emu_request *request,
                                  const struct emu_parameters *parameters, struct emu_response *response)
{
    (void)parameters;
    bulk(emulator, &emu_individual_kind, request, response);
}

void emu_service_bulk_groups(struct emulator *emulator, const struct emu_request *request,
                             const struct emu_parameters *parameters, struct emu_response *response)
{
    (void)parameters;
    bulk(emulator, &emu_group_kind, request, response);
}
