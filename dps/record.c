/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/record.h"

#include "common/file.h"
#include "dps/source.h"
#include "dps/url.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAXIMUM (256 * 1024)
#define URI_MAXIMUM 4096
#define RECORD_VERSION 1

static const char *const names[DPS_RECORD_COUNT] = {
    [DPS_RECORD_HUB] = "hub",
    [DPS_RECORD_DEVICE_ID] = "device_id",
    [DPS_RECORD_REGISTRATION_ID] = "registration_id",
    [DPS_RECORD_STATUS] = "status",
    [DPS_RECORD_SUBSTATUS] = "substatus",
    [DPS_RECORD_ENROLLMENT_GROUP] = "enrollment_group",
    [DPS_RECORD_CREATED] = "created",
    [DPS_RECORD_LAST_UPDATED] = "last_updated",
    [DPS_RECORD_ETAG] = "etag",
    [DPS_RECORD_PAYLOAD] = "payload",
    [DPS_RECORD_SAVED] = "saved",
    [DPS_RECORD_ID_SCOPE] = "id_scope",
    [DPS_RECORD_ENDPOINT] = "endpoint",
    [DPS_RECORD_ATTESTATION] = "attestation",
    [DPS_RECORD_CERTIFICATE] = "certificate",
    [DPS_RECORD_KEY] = "key",
    [DPS_RECORD_KEY_STORE] = "key_store",
    [DPS_RECORD_TOKEN] = "token",
    [DPS_RECORD_TPM_ID] = "tpm_id",
    [DPS_RECORD_REPROVISION] = "reprovisioning",
    [DPS_RECORD_CA_FILE] = "ca_file",
    [DPS_RECORD_MODULE] = "module",
    [DPS_RECORD_API_VERSION] = "api_version",
};

/* What a file must have to be of use. */
static const enum dps_record_field required[] = {DPS_RECORD_HUB, DPS_RECORD_DEVICE_ID};

/* ---- fields ---- */

bool dps_record_set(struct dps_record *record, enum dps_record_field field, const char *text)
{
    char *copy = text != NULL && text[0] != '\0' ? strdup(text) : NULL;

    if (text != NULL && text[0] != '\0' && copy == NULL)
        return false;
    free(record->field[field]);
    record->field[field] = copy; /* transferred */
    return true;
}

/* Adds the attributes of text[size], which separators of one kind part, but for "pin-value=..."; `mark` goes
 * before the first that is added. */
static void add_attributes(struct buffer *copy, const char *text, size_t size, const char *mark,
                           char separator)
{
    static const char pin[] = "pin-value=";

    for (size_t start = 0, end; start <= size; start = end + 1) {
        const char *found = memchr(text + start, separator, size - start);

        end = found != NULL ? (size_t)(found - text) : size;
        if (end - start >= strlen(pin) && strncasecmp(text + start, pin, strlen(pin)) == 0)
            continue;
        buffer_addf(copy, "%s%.*s", mark, (int)(end - start), text + start);
        mark = separator == ';' ? ";" : "&";
    }
}

/* Copies the URI but for its PIN, which p11-kit reads in the path, too. NULL: no memory, or too long. */
static char *without_pin(const char *uri)
{
    static const char scheme[] = "pkcs11:";
    size_t path = strcspn(uri, "?");
    struct buffer copy;
    char *text = NULL;

    buffer_init(&copy, URI_MAXIMUM);
    add_attributes(&copy, uri + strlen(scheme), path - strlen(scheme), scheme, ';');
    if (copy.size == 0)
        buffer_add_text(&copy, scheme);
    if (uri[path] == '?')
        add_attributes(&copy, uri + path + 1, strlen(uri + path + 1), "?", '&');
    text = buffer_take_text(&copy);
    buffer_free(&copy);
    return text;
}

bool dps_record_set_path(struct dps_record *record, enum dps_record_field field, const char *text)
{
    char *better = NULL;
    bool set;

    if (text != NULL && dps_source_is_uri(text)) {
        better = without_pin(text);
        if (better == NULL)
            return false;
    } else if (text != NULL && strchr(text, ':') == NULL) {
        better = realpath(text, NULL);
    }
    set = dps_record_set(record, field, better != NULL ? better : text);
    free(better);
    return set;
}

void dps_record_free(struct dps_record *record)
{
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++)
        free(record->field[i]);
    *record = (struct dps_record){0};
}

/* ---- reading ---- */

static dps_status fail_broken(const char *path, const char *why, struct dps_report *report)
{
    return dps_report_fail(report, DPS_INVALID, "the state file %s is broken (%s): register again", path,
                           why);
}

static dps_status read_members(const char *path, const json_t *object, struct dps_report *report,
                               struct dps_record *out)
{
    const json_t *version = json_object_get(object, "version");

    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return fail_broken(path, "it has no version", report);
    if (json_integer_value(version) > RECORD_VERSION)
        return dps_report_fail(
            report, DPS_INVALID,
            "the state file %s is of a later version than this program: register again, or "
            "update it",
            path);
    for (size_t i = 0; i < DPS_RECORD_COUNT; i++) {
        const json_t *value = json_object_get(object, names[i]);

        if (value != NULL && !json_is_string(value))
            return fail_broken(path, names[i], report);
        if (!dps_record_set(out, (enum dps_record_field)i, json_string_value(value)))
            return dps_report_no_memory(report);
    }
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (out->field[required[i]] == NULL)
            return dps_report_fail(report, DPS_INVALID, "the state file %s has no \"%s\": register again",
                                   path, names[required[i]]);
    if (!dps_url_is_authority(out->field[DPS_RECORD_HUB]))
        return fail_broken(path, "its hub is no host name", report);
    return DPS_OK;
}

dps_status dps_record_load(const char *path, struct dps_report *report, struct dps_record *out)
{
    struct bytes file = BYTES_EMPTY;
    int error = file_read(AT_FDCWD, path, FILE_MAXIMUM, &file);
    json_t *object = NULL;
    json_error_t reason = {.text = ""};
    dps_status status;

    *out = (struct dps_record){0};
    if (error == ENOENT)
        return dps_report_fail(report, DPS_INVALID,
                               "the state file %s is not there: register the device first", path);
    if (error != 0)
        return dps_report_fail(report, DPS_INVALID, "the state file %s cannot be read: %s", path,
                               strerror(error));
    object = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &reason);
    status = json_is_object(object) ? read_members(path, object, report, out)
                                    : fail_broken(path, object == NULL ? reason.text : "no object", report);
    if (status != DPS_OK)
        dps_record_free(out);
    json_decref(object);
    bytes_free(&file);
    return status;
}

/* ---- writing ---- */

/* The directory of a file that does not exist yet. Failures show when the file is written. */
static void make_directory_of(const char *path)
{
    char *directory = strdup(path);
    char *slash = directory != NULL ? strrchr(directory, '/') : NULL;

    if (slash != NULL && slash != directory) {
        *slash = '\0';
        if (file_make_directories(directory, 0700) != 0)
            errno = 0;
    }
    free(directory);
}

static json_t *make_object(const struct dps_record *record)
{
    json_t *object = json_pack("{s:i}", "version", RECORD_VERSION);
    bool made = object != NULL;

    for (size_t i = 0; made && i < DPS_RECORD_COUNT; i++)
        if (record->field[i] != NULL)
            made = json_object_set_new(object, names[i], json_string(record->field[i])) == 0;
    if (!made) {
        json_decref(object);
        return NULL;
    }
    return object;
}

dps_status dps_record_save(const char *path, const struct dps_record *record, struct dps_report *report)
{
    json_t *object = make_object(record);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    struct buffer line;
    int error = ENOMEM;

    buffer_init(&line, FILE_MAXIMUM);
    if (text != NULL && buffer_add_text(&line, text) && buffer_add_text(&line, "\n")) {
        make_directory_of(path);
        error = file_replace(AT_FDCWD, path, line.data, line.size, 0644);
    }
    buffer_free(&line);
    free(text);
    json_decref(object);
    if (error == 0)
        return DPS_OK;
    return dps_report_fail(report, DPS_INVALID,
                           "the state file %s cannot be written: %s; make room, or name another", path,
                           strerror(error));
}
