/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/enrollment.h"

#include "cli/files.h"

#include <openssl/evp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAXIMUM (256 * 1024)
#define EK_BEGINS "AToAAQALAAMAsgAg" /* base64 of an RSA 2048 endorsement key by the TCG's template */

const struct cli_enrollment_kind cli_enrollment_individual = {
    .collection = "enrollments",
    .id_member = "registrationId",
    .certificates = "clientCertificates",
    .what = "enrollment",
};
const struct cli_enrollment_kind cli_enrollment_group = {
    .collection = "enrollmentGroups",
    .id_member = "enrollmentGroupId",
    .certificates = "signingCertificates",
    .what = "group",
    .is_group = true,
};

/* --- what a user has ----------------------------------------------------------------------------------- */

static char *encode(const struct bytes *data)
{
    char *text = malloc(4 * ((data->size + 2) / 3) + 1);

    if (text != NULL)
        EVP_EncodeBlock((unsigned char *)text, data->data, (int)data->size);
    return text;
}

/* Text without its white space, in place. */
static void squeeze(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++)
        if (!isspace((unsigned char)*text))
            *to++ = *text;
    *to = '\0';
}

static bool is_base64(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=";

    return text[0] != '\0' && text[strspn(text, letters)] == '\0' && strlen(text) % 4 == 0;
}

static enum cli_status check_endorsement_key(const char *text)
{
    if (is_base64(text) && strncmp(text, "ATo", 3) == 0)
        return CLI_OK;
    return cli_fail(CLI_INPUT,
                    "endorsement key: this is none as the service takes it; it begins like " EK_BEGINS
                    " (the TPM2B_PUBLIC of the key in base64: no certificate, no PEM public key)");
}

enum cli_status cli_enrollment_endorsement_key(const char *given, char **out)
{
    struct bytes file = BYTES_EMPTY;
    enum cli_status status = CLI_OK;

    *out = NULL;
    if (access(given, F_OK) != 0) {
        *out = strdup(given);
    } else {
        status = cli_file_read("endorsement key", given, FILE_MAXIMUM, &file);
        if (status != CLI_OK)
            return status;
        /* As the TPM writes it: two bytes of size, then so much. */
        *out = file.size > 2 && file.size - 2 == (size_t)(file.data[0] << 8 | file.data[1])
                   ? encode(&file)
                   : strdup((const char *)file.data);
        bytes_free(&file);
    }
    if (*out == NULL)
        return cli_no_memory();
    squeeze(*out);
    status = check_endorsement_key(*out);
    if (status != CLI_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/* --- attestations -------------------------------------------------------------------------------------- */

static const char *const slots[] = {"primary", "secondary"};
static const char *const key_slots[] = {"primaryKey", "secondaryKey"};
#define SLOT_COUNT (sizeof slots / sizeof slots[0])

static enum cli_status add_tpm(const struct cli_enrollment_create *options, json_t *attestation)
{
    char *key;
    enum cli_status status = cli_enrollment_endorsement_key(options->endorsement_key, &key);

    if (status == CLI_OK &&
        (json_object_set_new(attestation, "type", json_string("tpm")) != 0 ||
         json_object_set_new(attestation, "tpm", json_pack("{s:s}", "endorsementKey", key)) != 0))
        status = cli_no_memory();
    free(key);
    return status;
}

static enum cli_status add_certificate(const char *path, const char *slot, json_t *certificates)
{
    struct bytes file = BYTES_EMPTY;
    enum cli_status status = cli_file_read("certificate", path, FILE_MAXIMUM, &file);
    json_t *text = NULL;

    if (status != CLI_OK)
        return status;
    if (strstr((const char *)file.data, "-----BEGIN CERTIFICATE-----") == NULL) {
        bytes_free(&file);
        return cli_fail(CLI_INPUT, "certificate %s: holds no certificate in PEM", path);
    }
    text = json_stringn((const char *)file.data, file.size);
    bytes_free(&file);
    return text != NULL &&
                   json_object_set_new(certificates, slot, json_pack("{s:o}", "certificate", text)) == 0
               ? CLI_OK
               : cli_fail(CLI_INPUT, "certificate %s: is no text", path);
}

static enum cli_status add_certificates(const struct cli_enrollment_kind *kind,
                                        const struct cli_enrollment_create *options, json_t *attestation)
{
    json_t *certificates = json_object();
    enum cli_status status = CLI_OK;

    if (options->certificates.count > SLOT_COUNT)
        status =
            cli_fail(CLI_USAGE, "--cert: there are two places, for a primary and a secondary certificate");
    for (size_t i = 0; status == CLI_OK && i < options->certificates.count; i++)
        status = add_certificate(options->certificates.items[i], slots[i], certificates);
    if (status == CLI_OK &&
        (json_object_set_new(attestation, "type", json_string("x509")) != 0 ||
         json_object_set_new(attestation, "x509", json_pack("{s:O}", kind->certificates, certificates)) != 0))
        status = cli_no_memory();
    json_decref(certificates);
    return status;
}

static enum cli_status add_key(const char *path, const char *slot, json_t *keys)
{
    struct bytes file = BYTES_EMPTY;
    enum cli_status status = cli_file_read("key file", path, FILE_MAXIMUM, &file);

    if (status == CLI_OK) {
        squeeze((char *)file.data);
        if (!is_base64((const char *)file.data))
            status = cli_fail(CLI_INPUT, "key file %s: is to hold a key in base64", path);
        else if (json_object_set_new(keys, slot, json_string((const char *)file.data)) != 0)
            status = cli_no_memory();
    }
    bytes_free(&file);
    return status;
}

/* What is not given, the service makes. */
static enum cli_status add_symmetric(const struct cli_enrollment_create *options, json_t *attestation)
{
    json_t *keys = json_pack("{s:s, s:s}", key_slots[0], "", key_slots[1], "");
    enum cli_status status = CLI_OK;

    if (options->key_files.count > SLOT_COUNT)
        status = cli_fail(CLI_USAGE, "--key-file: there are two places, for a primary and a secondary key");
    for (size_t i = 0; status == CLI_OK && i < options->key_files.count; i++)
        status = add_key(options->key_files.items[i], key_slots[i], keys);
    if (status == CLI_OK && (json_object_set_new(attestation, "type", json_string("symmetricKey")) != 0 ||
                             json_object_set(attestation, "symmetricKey", keys) != 0))
        status = cli_no_memory();
    json_decref(keys);
    return status;
}

static enum cli_status add_attestation(const struct cli_enrollment_kind *kind,
                                       const struct cli_enrollment_create *options, json_t *body)
{
    bool tpm = options->endorsement_key != NULL;
    bool x509 = options->certificates.count != 0;
    bool symmetric = options->symmetric || options->key_files.count != 0;
    json_t *attestation;
    enum cli_status status;

    if (tpm + x509 + symmetric != 1)
        return cli_fail(CLI_USAGE,
                        kind->is_group ? "%s create: needs one of --cert and --symmetric"
                                       : "%s create: needs one of --endorsement-key, --cert and --symmetric",
                        kind->what);
    attestation = json_object();
    status = tpm    ? add_tpm(options, attestation)
             : x509 ? add_certificates(kind, options, attestation)
                    : add_symmetric(options, attestation);
    if (status == CLI_OK && json_object_set(body, "attestation", attestation) != 0)
        status = cli_no_memory();
    json_decref(attestation);
    return status;
}

/* --- the rest ------------------------------------------------------------------------------------------ */

static enum cli_status add_twin(const char *path, json_t *body)
{
    struct bytes file = BYTES_EMPTY;
    json_error_t error;
    json_t *twin;
    enum cli_status status = cli_file_read("initial twin", path, FILE_MAXIMUM, &file);

    if (status != CLI_OK)
        return status;
    twin = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    bytes_free(&file);
    if (twin == NULL)
        return cli_fail(CLI_INPUT, "initial twin %s: line %d, column %d: %s", path, error.line, error.column,
                        error.text);
    if (!json_is_object(json_object_get(twin, "tags")) &&
        !json_is_object(json_object_get(twin, "properties"))) {
        json_decref(twin);
        return cli_fail(
            CLI_INPUT,
            "initial twin %s: is to have the form {\"tags\": {...}, \"properties\": {\"desired\": "
            "{...}}}",
            path);
    }
    return json_object_set_new(body, "initialTwin", twin) == 0 ? CLI_OK : cli_no_memory();
}

static bool set_text(json_t *body, const char *name, const char *text)
{
    return text == NULL || json_object_set_new(body, name, json_string(text)) == 0;
}

static bool add_hubs(const struct cli_list *hubs, json_t *body)
{
    json_t *list;

    if (hubs->count == 0)
        return true;
    list = json_array();
    for (size_t i = 0; i < hubs->count; i++)
        json_array_append_new(list, json_string(hubs->items[i]));
    return json_object_set_new(body, "iotHubs", list) == 0;
}

enum cli_status cli_enrollment_body(const struct cli_enrollment_kind *kind,
                                    const struct cli_enrollment_create *options, json_t **out)
{
    json_t *body = json_object();
    enum cli_status status = add_attestation(kind, options, body);

    *out = body;
    if (status == CLI_OK && options->twin_file != NULL)
        status = add_twin(options->twin_file, body);
    if (status != CLI_OK)
        return status;
    return set_text(body, kind->id_member, options->id) && set_text(body, "deviceId", options->device_id) &&
                   set_text(body, "provisioningStatus", options->disabled ? "disabled" : "enabled") &&
                   set_text(body, "allocationPolicy", options->allocation) &&
                   set_text(body, "credentialPolicyName", options->policy) &&
                   add_hubs(&options->hubs, body) &&
                   json_object_set_new(body, "capabilities", json_pack("{s:b}", "iotEdge", options->edge)) ==
                       0 &&
                   json_object_set_new(body, "reprovisionPolicy",
                                       json_pack("{s:b, s:b}", "updateHubAssignment", !options->stay,
                                                 "migrateDeviceData", !options->reset && !options->stay)) == 0
               ? CLI_OK
               : cli_no_memory();
}
