/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/check.h"

#include "emulator/text.h"

#include <string.h>

#define ID_MAXIMUM 128

static const char letters_digits_dash[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/* What real clients send, and the published versions. */
static const char *const versions[] = {
    "2017-08-31-preview", "2018-04-01",         "2018-09-01-preview", "2018-11-01",
    "2019-03-31",         "2021-06-01",         "2021-10-01",         "2025-07-01-preview",
    "2026-11-01",         "2026-11-02-preview", "2026-11-15-preview",
};

bool emu_check_version(const struct emu_request *request, struct emu_refusal *refusal)
{
    const char *version = emu_field_find(request->query, "api-version");

    if (version == NULL || version[0] == '\0')
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "The query parameter api-version is missing.");
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (strcmp(versions[i], version) == 0)
            return true;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "The api-version %.40s is not known.", version);
}

bool emu_check_hub_version(const struct emu_request *request, struct emu_refusal *refusal)
{
    const char *version = emu_field_find(request->query, "api-version");

    return (version != NULL && strspn(version, "0123456789") == 4 && version[4] == '-') ||
           emu_refuse(refusal, EMU_ERROR_HUB_ARGUMENT, "The query parameter api-version is missing.");
}

bool emu_check_id(const char *what, const char *id, struct emu_refusal *refusal)
{
    size_t length = strlen(id);
    size_t plain = 0;

    while (id[plain] != '\0' &&
           (strchr(letters_digits_dash, id[plain]) != NULL || strchr("._:", id[plain]) != NULL))
        plain++;
    if (length == 0 || length > ID_MAXIMUM)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "The %s must have 1 to %d characters.", what,
                          ID_MAXIMUM);
    if (plain != length || strchr(letters_digits_dash, id[length - 1]) == NULL)
        return emu_refuse(
            refusal, EMU_ERROR_BAD_REQUEST,
            "The %s %s may have letters, digits, '-', '.', '_' and ':', the last a letter, digit or '-'.",
            what, id);
    return true;
}

bool emu_check_object(const struct emu_request *request, json_t **out, struct emu_refusal *refusal)
{
    char message[EMU_MESSAGE_SIZE];

    *out = NULL;
    if (request->body.size == 0)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "The body is missing: a JSON object is expected.");
    if (!emu_request_has_type(request, "application/json"))
        return emu_refuse(refusal, EMU_ERROR_CONTENT_TYPE, "The Content-Type must be application/json.");
    *out = emu_json_read(&request->body, message, sizeof message);
    if (*out == NULL)
        return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "%s", message);
    if (json_is_object(*out))
        return true;
    json_decref(*out);
    *out = NULL;
    return emu_refuse(refusal, EMU_ERROR_BAD_REQUEST, "The body must be a JSON object.");
}

bool emu_check_match(const char *wanted, const json_t *present, struct emu_refusal *refusal)
{
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
