/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning over time: the assignment that is kept, and when a device registers again. */
#include "dps/provision.h"

#include "dps/exchange.h"
#include "dps/record.h"
#include "dps/register.h"
#include "dps/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* The members of an assignment that are kept. */
static const struct {
    enum dps_record_field record;
    enum dps_registration_field registration;
} kept_fields[] = {
    {DPS_RECORD_HUB,              DPS_FIELD_HUB             },
    {DPS_RECORD_DEVICE_ID,        DPS_FIELD_DEVICE_ID       },
    {DPS_RECORD_REGISTRATION_ID,  DPS_FIELD_REGISTRATION_ID },
    {DPS_RECORD_STATUS,           DPS_FIELD_STATUS          },
    {DPS_RECORD_SUBSTATUS,        DPS_FIELD_SUBSTATUS       },
    {DPS_RECORD_ENROLLMENT_GROUP, DPS_FIELD_ENROLLMENT_GROUP},
    {DPS_RECORD_CREATED,          DPS_FIELD_CREATED         },
    {DPS_RECORD_LAST_UPDATED,     DPS_FIELD_LAST_UPDATED    },
    {DPS_RECORD_ETAG,             DPS_FIELD_ETAG            },
    {DPS_RECORD_PAYLOAD,          DPS_FIELD_PAYLOAD         },
};

static const char *const tpm_ids[] = {[DPS_TPM_ID_BASE32] = "base32", [DPS_TPM_ID_HEX] = "hex"};
static const char *const modes[] = {[DPS_REPROVISION_DYNAMIC] = "Dynamic",
                                    [DPS_REPROVISION_ALWAYS_ON_STARTUP] = "AlwaysOnStartup",
                                    [DPS_REPROVISION_ON_ERROR_ONLY] = "OnErrorOnly"};

/* ---- settings ---- */

dps_status dps_client_set_state(dps_client *client, const char *path)
{
    if (path != NULL && path[0] == '\0')
        return dps_report_fail(&client->report, DPS_INVALID, "a state file has a name");
    return dps_client_set_text(client, &client->state, path);
}

dps_status dps_client_set_reprovision(dps_client *client, dps_reprovision mode)
{
    if ((size_t)mode >= sizeof modes / sizeof modes[0])
        return dps_report_fail(&client->report, DPS_INVALID, "there is no mode %d of reprovisioning",
                               (int)mode);
    client->reprovision = mode;
    return DPS_OK;
}

bool dps_provision_is_dynamic(const struct dps_client *client)
{
    return client->state != NULL && client->id_scope != NULL &&
           client->reprovision == DPS_REPROVISION_DYNAMIC;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* ---- what is kept ---- */

static const char *attestation_of(const struct dps_client *client)
{
    if (client->attest == &dps_attest_tpm)
        return "tpm";
    if (client->attest == &dps_attest_symmetric)
        return client->group ? "group" : "symmetric";
    return client->attest != NULL ? "x509" : NULL;
}

/* What the client was told: where the service is, and how the device proves itself. */
static bool describe_client(const struct dps_client *client, struct dps_record *record)
{
    bool tpm = client->attest == &dps_attest_tpm;
    /* a client that came from such a file names the key store as its key */
    const char *key = same(client->key, client->key_store) ? NULL : client->key;

    return dps_record_set(record, DPS_RECORD_ID_SCOPE, client->id_scope) &&
           dps_record_set(record, DPS_RECORD_ENDPOINT, client->origin) &&
           dps_record_set(record, DPS_RECORD_ATTESTATION, attestation_of(client)) &&
           dps_record_set_path(record, DPS_RECORD_CERTIFICATE, client->certificate) &&
           dps_record_set_path(record, DPS_RECORD_KEY, key) &&
           dps_record_set_path(record, DPS_RECORD_KEY_STORE, client->key_store) &&
           dps_record_set_path(record, DPS_RECORD_TOKEN, client->token) &&
           dps_record_set(record, DPS_RECORD_TPM_ID, tpm ? tpm_ids[client->tpm_id] : NULL) &&
           dps_record_set(record, DPS_RECORD_REPROVISION, modes[client->reprovision]) &&
           dps_record_set_path(record, DPS_RECORD_CA_FILE, client->trust) &&
           dps_record_set_path(record, DPS_RECORD_MODULE, client->module) &&
           dps_record_set(record, DPS_RECORD_API_VERSION, client->api_version);
}

static bool describe_time(const struct dps_client *client, struct dps_record *record)
{
    time_t now = (time_t)client->clock.date(client->clock.data);
    char text[32] = "";
    struct tm parts;

    if (gmtime_r(&now, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        text[0] = '\0';
    return dps_record_set(record, DPS_RECORD_SAVED, text);
}

static dps_status save(dps_client *client, const dps_registration *registration, const char *path)
{
    struct dps_record record = {0};
    bool made = describe_client(client, &record) && describe_time(client, &record);
    dps_status status;

    for (size_t i = 0; made && i < sizeof kept_fields / sizeof kept_fields[0]; i++)
        made =
            dps_record_set(&record, kept_fields[i].record, registration->field[kept_fields[i].registration]);
    status = made ? dps_record_save(path, &record, &client->report) : dps_report_no_memory(&client->report);
    dps_record_free(&record);
    return status;
}

dps_status dps_client_save(dps_client *client, const dps_registration *registration, const char *path)
{
    return dps_client_finish(client, save(client, registration, path));
}

static dps_status adopt(dps_client *client, const char *hub, const char *device_id, dps_registration **out)
{
    dps_registration *registration;
    dps_status status;

    if (hub == NULL || !dps_url_is_authority(hub))
        return dps_report_fail(&client->report, DPS_INVALID, "\"%.200s\" is no host name of a hub",
                               hub != NULL ? hub : "");
    if (device_id == NULL || !dps_url_is_segment(device_id))
        return dps_report_fail(&client->report, DPS_INVALID, "there is no device id for the hub %.200s", hub);
    status = dps_client_prepare(client);
    if (status != DPS_OK)
        return status;
    registration = calloc(1, sizeof *registration);
    if (registration == NULL)
        return dps_report_no_memory(&client->report);
    registration->field[DPS_FIELD_HUB] = strdup(hub);
    registration->field[DPS_FIELD_DEVICE_ID] = strdup(device_id);
    registration->field[DPS_FIELD_STATUS] = strdup("assigned");
    for (size_t i = 0; i < DPS_FIELD_COUNT; i++)
        if ((i == DPS_FIELD_HUB || i == DPS_FIELD_DEVICE_ID || i == DPS_FIELD_STATUS) &&
            registration->field[i] == NULL) {
            dps_registration_free(registration);
            return dps_report_no_memory(&client->report);
        }
    *out = registration;
    return DPS_OK;
}

dps_status dps_client_adopt(dps_client *client, const char *hub, const char *device_id,
                            dps_registration **out)
{
    *out = NULL;
    return dps_client_finish(client, adopt(client, hub, device_id, out));
}

/* The assignment of a record. NULL: no memory. */
static dps_registration *to_registration(const struct dps_record *record)
{
    dps_registration *registration = calloc(1, sizeof *registration);

    if (registration == NULL)
        return NULL;
    registration->from_backup = true;
    for (size_t i = 0; i < sizeof kept_fields / sizeof kept_fields[0]; i++) {
        const char *text = record->field[kept_fields[i].record];
        char **field = &registration->field[kept_fields[i].registration];

        *field = text != NULL ? strdup(text) : NULL;
        if (text != NULL && *field == NULL) {
            dps_registration_free(registration);
            return NULL;
        }
    }
    return registration;
}

/* ---- whether it still counts ---- */

/* A record is for this client when nothing differs that decides who registers where. */
static bool is_for(const struct dps_client *client, const struct dps_record *record)
{
    static const enum dps_record_field deciding[] = {
        DPS_RECORD_ID_SCOPE, DPS_RECORD_ENDPOINT,  DPS_RECORD_ATTESTATION, DPS_RECORD_CERTIFICATE,
        DPS_RECORD_KEY,      DPS_RECORD_KEY_STORE, DPS_RECORD_TOKEN,       DPS_RECORD_TPM_ID};
    const char *id = record->field[DPS_RECORD_REGISTRATION_ID];
    struct dps_record own = {0};
    bool is = describe_client(client, &own);

    for (size_t i = 0; is && i < sizeof deciding / sizeof deciding[0]; i++)
        is = same(own.field[deciding[i]], record->field[deciding[i]]);
    if (is && client->registration_id != NULL)
        is = id != NULL && strcasecmp(client->registration_id, id) == 0;
    dps_record_free(&own);
    return is;
}

/* The assignment that was kept and still counts; NULL: there is none, and the log knows why. */
static dps_registration *find_kept(dps_client *client)
{
    dps_registration *registration = NULL;
    struct dps_record record;

    if (access(client->state, F_OK) != 0 && errno == ENOENT)
        return NULL;
    if (dps_record_load(client->state, &client->report, &record) != DPS_OK) {
        dps_report_log(&client->report, DPS_LOG_WARNING, "%s", client->report.text);
        return NULL;
    }
    if (is_for(client, &record))
        registration = to_registration(&record);
    else
        dps_report_log(&client->report, DPS_LOG_INFO,
                       "the assignment in %s is another device's or service's and does not count",
                       client->state);
    dps_record_free(&record);
    return registration;
}

/* Whether the service was away, in contrast to one that said no or a setting that is wrong. */
static bool is_away(dps_status status)
{
    return status == DPS_TRANSPORT || status == DPS_TLS || status == DPS_PROTOCOL || status == DPS_TIMEOUT;
}

/* ---- provisioning ---- */

dps_status dps_provision_anew(struct dps_client *client, dps_registration **out)
{
    dps_status status = dps_register_run(client, out);

    if (status == DPS_OK)
        status = save(client, *out, client->state);
    if (status != DPS_OK) {
        dps_registration_free(*out);
        *out = NULL;
    }
    return status;
}

static dps_status provision(dps_client *client, dps_registration **out)
{
    dps_registration *kept;
    dps_status status;

    *out = NULL;
    if (client->state == NULL)
        return dps_report_fail(&client->report, DPS_INVALID,
                               "there is no state file: name one in which the assignment is kept");
    kept = find_kept(client);
    if (kept != NULL && client->reprovision != DPS_REPROVISION_ALWAYS_ON_STARTUP) {
        *out = kept; /* transferred */
        return DPS_OK;
    }
    status = dps_provision_anew(client, out);
    if (kept != NULL && is_away(status)) {
        dps_report_log(&client->report, DPS_LOG_WARNING, "%s; the assignment in %s serves",
                       client->report.text, client->state);
        *out = kept; /* transferred */
        return DPS_OK;
    }
    dps_registration_free(kept);
    return status;
}

dps_status dps_client_provision(dps_client *client, dps_registration **out)
{
    dps_exchange_begin(client);
    return dps_client_finish(client, provision(client, out));
}

/* ---- a client from a state file ---- */

static size_t find_name(const char *const *list, size_t count, const char *name)
{
    size_t i = 0;

    while (i < count && (name == NULL || strcmp(list[i], name) != 0))
        i++;
    return i < count ? i : 0;
}

/* A key that was given by value is not in the file; then the client has no credentials yet. */
static dps_status apply_credentials(dps_client *client, char *const *field)
{
    const char *kind = field[DPS_RECORD_ATTESTATION] != NULL ? field[DPS_RECORD_ATTESTATION] : "x509";
    const char *key = field[DPS_RECORD_KEY] != NULL ? field[DPS_RECORD_KEY] : field[DPS_RECORD_KEY_STORE];
    dps_status status = dps_client_set_key_store(client, field[DPS_RECORD_KEY_STORE]);

    if (status != DPS_OK)
        return status;
    if (strcmp(kind, "tpm") == 0)
        return dps_client_use_tpm(client, field[DPS_RECORD_TOKEN]);
    if (strcmp(kind, "symmetric") == 0)
        return key != NULL ? dps_client_use_symmetric(client, key) : DPS_OK;
    if (strcmp(kind, "group") == 0)
        return key != NULL ? dps_client_use_group(client, key) : DPS_OK;
    return dps_client_use_x509(client, field[DPS_RECORD_CERTIFICATE], field[DPS_RECORD_KEY]);
}

static dps_status apply(dps_client *client, char *const *field)
{
    size_t mode = find_name(modes, sizeof modes / sizeof modes[0], field[DPS_RECORD_REPROVISION]);
    size_t tpm_id = find_name(tpm_ids, sizeof tpm_ids / sizeof tpm_ids[0], field[DPS_RECORD_TPM_ID]);
    dps_status status = dps_client_set_text(client, &client->id_scope, field[DPS_RECORD_ID_SCOPE]);

    if (status == DPS_OK)
        status = dps_client_set_text(client, &client->registration_id, field[DPS_RECORD_REGISTRATION_ID]);
    if (status == DPS_OK)
        status = dps_client_set_endpoint(client, field[DPS_RECORD_ENDPOINT]);
    if (status == DPS_OK)
        status = dps_client_set_trust(client, field[DPS_RECORD_CA_FILE]);
    if (status == DPS_OK)
        status = dps_client_set_module(client, field[DPS_RECORD_MODULE]);
    if (status == DPS_OK)
        status = dps_client_set_api_version(client, field[DPS_RECORD_API_VERSION]);
    if (status == DPS_OK)
        status = dps_client_set_reprovision(client, (dps_reprovision)mode);
    if (status == DPS_OK)
        status = dps_client_set_tpm_id(client, (dps_tpm_id)tpm_id);
    return status == DPS_OK ? apply_credentials(client, field) : status;
}

dps_status dps_client_load(const char *path, dps_client **client, dps_registration **out)
{
    struct dps_record record;
    dps_status status;

    *out = NULL;
    *client = dps_client_new(NULL, NULL);
    if (*client == NULL)
        return DPS_NO_MEMORY;
    status = dps_client_set_state(*client, path);
    if (status == DPS_OK)
        status = dps_record_load(path, &(*client)->report, &record);
    if (status != DPS_OK)
        return status;
    status = apply(*client, record.field);
    if (status == DPS_OK) {
        *out = to_registration(&record);
        status = *out != NULL ? DPS_OK : dps_report_no_memory(&(*client)->report);
    }
    dps_record_free(&record);
    return status;
}
