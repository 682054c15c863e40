/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"

#include "cli/connection.h"

#include "cli/files.h"
#include "cli/toml.h"
#include "cli/yaml.h"
#include "common/settings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM (1024 * 1024)
#define MESSAGE_SIZE 400
#define SETTING_PREFIX "provisioning-"

enum kind {
    TEXT,
    PLACE, /* a file (as a path or a file: URI) or a pkcs11: URI */
};

/* Where a format says what. A path ends at the first value that is no object; rows of one field stand for
 * different formats or spellings, and the first that is there counts. */
static const struct row {
    const char *path; /* with dots */
    size_t field;
    enum kind kind;
} rows[] = {
    {"provisioning.global_endpoint",                   offsetof(struct cli_config, endpoint),          TEXT },
    {"provisioning.id_scope",                          offsetof(struct cli_config, id_scope),          TEXT },
    {"provisioning.scope_id",                          offsetof(struct cli_config, id_scope),          TEXT },
    {"provisioning.attestation.registration_id",       offsetof(struct cli_config, registration_id),   TEXT },
    {"provisioning.registration_id",                   offsetof(struct cli_config, registration_id),   TEXT },
    {"provisioning.attestation.symmetric_key",         offsetof(struct cli_config, symmetric_key),     TEXT },
    {"provisioning.attestation.symmetric_key.value",   offsetof(struct cli_config, symmetric_key),     TEXT },
    {"provisioning.attestation.symmetric_key.uri",     offsetof(struct cli_config, symmetric_key_uri), PLACE},
    {"provisioning.authentication.device_id_pk.value", offsetof(struct cli_config, symmetric_key),     TEXT },
    {"provisioning.authentication.device_id_pk.uri",   offsetof(struct cli_config, symmetric_key_uri), PLACE},
    {"provisioning.attestation.identity_cert",         offsetof(struct cli_config, certificate),       PLACE},
    {"provisioning.authentication.identity_cert",      offsetof(struct cli_config, certificate),       PLACE},
    {"provisioning.attestation.identity_pk",           offsetof(struct cli_config, private_key),       PLACE},
    {"provisioning.authentication.identity_pk",        offsetof(struct cli_config, private_key),       PLACE},
    {"provisioning.payload.uri",                       offsetof(struct cli_config, payload_file),      PLACE},
    {"provisioning.connection_string",                 offsetof(struct cli_config, connection_string), TEXT },
    {"provisioning.device_connection_string",          offsetof(struct cli_config, connection_string), TEXT },
    {"provisioning.iothub_hostname",                   offsetof(struct cli_config, hub),               TEXT },
    {"provisioning.authentication.iothub_hostname",    offsetof(struct cli_config, hub),               TEXT },
    {"provisioning.device_id",                         offsetof(struct cli_config, device_id),         TEXT },
    {"provisioning.authentication.device_id",          offsetof(struct cli_config, device_id),         TEXT },
    {"provisioning.ca_file",                           offsetof(struct cli_config, ca_file),           PLACE},
    {"tpm.tcti",                                       offsetof(struct cli_config, tcti),              TEXT },
    {"tpm.hierarchy_authorization.owner",              offsetof(struct cli_config, owner_auth),        TEXT },
    {"tpm.hierarchy_authorization.endorsement",        offsetof(struct cli_config, endorsement_auth),  TEXT },
};

/* --- reading ------------------------------------------------------------------------------------------- */

/* devid.conf: `provisioning-a = v` is a.v of the other formats; all other names are the module's. */
struct conf_reading {
    json_t *document;
    char *message;
    size_t size;
};

static const struct {
    const char *name; /* without the prefix */
    const char *path;
} conf_names[] = {
    {"source",             "provisioning.source"                       },
    {"endpoint",           "provisioning.global_endpoint"              },
    {"id-scope",           "provisioning.id_scope"                     },
    {"attestation",        "provisioning.attestation.method"           },
    {"registration-id",    "provisioning.attestation.registration_id"  },
    {"symmetric-key-file", "provisioning.attestation.symmetric_key.uri"},
    {"certificate",        "provisioning.attestation.identity_cert"    },
    {"key",                "provisioning.attestation.identity_pk"      },
    {"payload-file",       "provisioning.payload.uri"                  },
    {"ca-file",            "provisioning.ca_file"                      },
    {"mode",               "auto_reprovisioning_mode"                  },
};

/* Sets a text at a dotted path, making the objects on the way. */
static bool set_path(json_t *object, const char *path, const char *value)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        char *part = strndup(path, (size_t)(dot - path));
        json_t *next = part != NULL ? json_object_get(object, part) : NULL;

        if (part != NULL && next == NULL && json_object_set_new(object, part, json_object()) == 0)
            next = json_object_get(object, part);
        free(part);
        if (next == NULL)
            return false;
        object = next;
        path = dot + 1;
    }
    return json_object_set_new(object, path, json_string(value)) == 0;
}

static bool take_setting(void *data, unsigned line, const char *name, const char *value)
{
    struct conf_reading *reading = data;

    if (strncmp(name, SETTING_PREFIX, strlen(SETTING_PREFIX)) != 0)
        return true;
    name += strlen(SETTING_PREFIX);
    for (size_t i = 0; i < sizeof conf_names / sizeof conf_names[0]; i++)
        if (strcmp(conf_names[i].name, name) == 0 && set_path(reading->document, conf_names[i].path, value))
            return true;
    snprintf(reading->message, reading->size, "line %u: there is no setting " SETTING_PREFIX "%.80s", line,
             name);
    return false;
}

static json_t *read_conf(const char *text, size_t size, char *message, size_t message_size)
{
    struct conf_reading reading = {.document = json_object(), .message = message, .size = message_size};
    unsigned line;

    message[0] = '\0';
    line = settings_read(text, size, take_setting, &reading);
    if (line == 0)
        return reading.document;
    if (message[0] == '\0')
        snprintf(message, message_size, "line %u: this is not name = value", line);
    json_decref(reading.document);
    return NULL;
}

typedef json_t *reader(const char *text, size_t size, char *message, size_t message_size);

/* The first line that says something tells the format: a TOML table or key, else YAML's "key:". devid.conf
 * looks like TOML, but its texts have no quotes and its names a prefix. */
static reader *format_of(const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((line_end != NULL ? line_end : end) - text);
        const char *equals;
        const char *colon;

        while (length != 0 && (*text == ' ' || *text == '\t' || *text == '\r')) {
            text++;
            length--;
        }
        if (length >= strlen(SETTING_PREFIX) && memcmp(text, SETTING_PREFIX, strlen(SETTING_PREFIX)) == 0)
            return read_conf;
        equals = memchr(text, '=', length);
        colon = memchr(text, ':', length);
        if (length != 0 && text[0] != '#' && text[0] != '[' && colon != NULL &&
            (equals == NULL || colon < equals))
            return cli_yaml_read;
        if (length != 0 && text[0] == '[')
            return cli_toml_read;
        text += length + 1;
    }
    return cli_toml_read;
}

/* --- looking ------------------------------------------------------------------------------------------- */

/* The value at a dotted path; NULL: there is none. */
static json_t *find(json_t *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        char part[64];

        snprintf(part, sizeof part, "%.*s", (int)length, path);
        value = json_object_get(value, part);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return value;
}

static const char *find_text(const struct cli_config *config, const char *path)
{
    const char *text = json_string_value(find(config->document, path));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* A local file as a path; other URIs as they are. */
static const char *place_of(const char *text)
{
    if (strncmp(text, "file://", 7) == 0)
        return text + (strncmp(text, "file:///", 8) == 0 ? 7 : 0);
    return text;
}

static enum cli_status read_rows(const char *name, struct cli_config *config)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *value = find(config->document, rows[i].path);
        const char **field = (const char **)(void *)((char *)config + rows[i].field);
        const char *text = json_string_value(value);

        if (value == NULL || json_is_null(value) || json_is_object(value) || *field != NULL)
            continue;
        if (text == NULL)
            return cli_fail(CLI_INPUT, "%s: %s is no text", name, rows[i].path);
        if (text[0] == '\0')
            continue;
        *field = rows[i].kind == PLACE ? place_of(text) : text;
        if (rows[i].kind == PLACE && strncmp(*field, "file:", 5) == 0)
            return cli_fail(CLI_INPUT, "%s: %s is to name a file of this machine: file:///path", name,
                            rows[i].path);
    }
    return CLI_OK;
}

/* A word and what it means. */
struct word {
    const char *word;
    int value;
};

static enum cli_status read_word(const char *name, const char *path, const char *text,
                                 const struct word *words, int *out)
{
    for (const struct word *word = words; word->word != NULL; word++) {
        if (strcmp(word->word, text) == 0) {
            *out = word->value;
            return CLI_OK;
        }
    }
    return cli_fail(CLI_INPUT, "%s: %s is \"%.40s\"; what is known here: %s, %s%s%s", name, path, text,
                    words[0].word, words[1].word, words[2].word != NULL ? ", " : "",
                    words[2].word != NULL ? words[2].word : "");
}

static const struct word sources[] = {
    {"dps",    CLI_SOURCE_DPS   },
    {"manual", CLI_SOURCE_MANUAL},
    {NULL,     0                },
};
static const struct word methods[] = {
    {"tpm",           CLI_METHOD_TPM      },
    {"symmetric_key", CLI_METHOD_SYMMETRIC},
    {"x509",          CLI_METHOD_X509     },
    {"sas",           CLI_METHOD_SYMMETRIC},
    {NULL,            0                   },
};
static const struct word modes[] = {
    {"Dynamic",         CLI_MODE_DYNAMIC },
    {"AlwaysOnStartup", CLI_MODE_ALWAYS  },
    {"OnErrorOnly",     CLI_MODE_ON_ERROR},
    {NULL,              0                },
};

/* config.toml has a word for it; config.yaml two flags. */
static enum cli_status read_mode(const char *name, struct cli_config *config)
{
    const char *word = find_text(config, "auto_reprovisioning_mode");
    bool is_yaml = find(config->document, "provisioning.scope_id") != NULL ||
                   find(config->document, "provisioning.device_connection_string") != NULL;
    int mode = CLI_MODE_DYNAMIC;
    enum cli_status status = CLI_OK;

    if (word != NULL)
        status = read_word(name, "auto_reprovisioning_mode", word, modes, &mode);
    else if (json_is_true(find(config->document, "provisioning.dynamic_reprovisioning")))
        mode = CLI_MODE_DYNAMIC;
    else if (json_is_true(find(config->document, "provisioning.always_reprovision_on_startup")))
        mode = CLI_MODE_ALWAYS;
    else if (is_yaml)
        mode = CLI_MODE_ON_ERROR;
    config->mode = (enum cli_config_mode)mode;
    return status;
}

static enum cli_status read_source(const char *name, struct cli_config *config)
{
    const char *source = find_text(config, "provisioning.source");
    int value = CLI_SOURCE_DPS;
    enum cli_status status;

    if (source == NULL)
        return cli_fail(CLI_INPUT,
                        "%s: has no provisioning.source; is it a configuration of IoT Edge or DevID?", name);
    if (strcmp(source, "none") == 0 || strcmp(source, "external") == 0)
        return cli_fail(CLI_INPUT, "%s: provisioning.source is \"%s\", so there is nothing to provision",
                        name, source);
    status = read_word(name, "provisioning.source", source, sources, &value);
    config->source = (enum cli_config_source)value;
    return status;
}

static enum cli_status read_method(const char *name, struct cli_config *config)
{
    const char *path = config->source == CLI_SOURCE_DPS ? "provisioning.attestation.method"
                                                        : "provisioning.authentication.method";
    const char *method = find_text(config, path);
    int value = CLI_METHOD_TPM;
    enum cli_status status = CLI_OK;

    if (method == NULL && config->source == CLI_SOURCE_MANUAL && config->connection_string != NULL)
        value = CLI_METHOD_SYMMETRIC;
    else if (method == NULL && find(config->document, "provisioning.registration_id") == NULL)
        return cli_fail(CLI_INPUT, "%s: has no %s", name, path);
    else if (method != NULL && find(config->document, "provisioning.registration_id") != NULL)
        return cli_fail(
            CLI_INPUT,
            "%s: has provisioning.registration_id and provisioning.attestation; the first is the old "
            "form, for a TPM, and excludes the other",
            name);
    else if (method != NULL)
        status = read_word(name, path, method, methods, &value);
    config->method = (enum cli_config_method)value;
    return status;
}

/* --- checking ------------------------------------------------------------------------------------------ */

static enum cli_status missing(const char *name, const char *what)
{
    return cli_fail(CLI_INPUT, "%s: has no %s", name, what);
}

static enum cli_status check_dps(const char *name, struct cli_config *config)
{
    if (config->id_scope == NULL)
        return missing(name, "id scope (provisioning.id_scope, in config.yaml provisioning.scope_id)");
    if (config->registration_id == NULL && config->method != CLI_METHOD_X509)
        return missing(name, "provisioning.attestation.registration_id");
    return CLI_OK;
}

/* Its parts become texts of the document, which has them wiped. */
static enum cli_status read_connection(const char *name, struct cli_config *config)
{
    struct cli_connection connection;
    char message[MESSAGE_SIZE];
    enum cli_status status = CLI_OK;
    json_t *parts;

    if (!cli_connection_read(config->connection_string, CLI_CONNECTION_DEVICE, &connection, message,
                             sizeof message))
        return cli_fail(CLI_INPUT, "%s: the connection string %s", name, message);
    parts = json_pack("{s:s, s:s, s:s}", "hub", connection.host, "device_id", connection.device_id, "key",
                      connection.key_text);
    if (parts == NULL || json_object_set_new(config->document, "connection string", parts) != 0)
        status = cli_no_memory();
    if (status == CLI_OK) {
        config->hub = json_string_value(json_object_get(parts, "hub"));
        config->device_id = json_string_value(json_object_get(parts, "device_id"));
        config->symmetric_key = json_string_value(json_object_get(parts, "key"));
    }
    cli_connection_free(&connection);
    return status;
}

static enum cli_status check_manual(const char *name, struct cli_config *config)
{
    if (config->connection_string != NULL)
        return read_connection(name, config);
    if (config->hub == NULL || config->device_id == NULL)
        return missing(name, "connection string, nor iothub_hostname and device_id");
    return CLI_OK;
}

static enum cli_status check_credential(const char *name, const struct cli_config *config)
{
    if (json_is_object(find(config->document, "provisioning.attestation.identity_cert")))
        return cli_fail(
            CLI_INPUT,
            "%s: provisioning.attestation.identity_cert is to be issued (EST or a local CA); devid "
            "takes a certificate that is there: identity_cert = \"file:///path\"",
            name);
    if (config->method == CLI_METHOD_X509 && (config->certificate == NULL || config->private_key == NULL))
        return missing(name, "identity_cert and identity_pk, which x509 needs");
    if (config->method == CLI_METHOD_SYMMETRIC && config->symmetric_key == NULL &&
        config->symmetric_key_uri == NULL && config->connection_string == NULL)
        return missing(name, "symmetric key");
    return CLI_OK;
}

enum cli_status cli_config_parse(const char *name, const char *text, size_t size, struct cli_config *out)
{
    char message[MESSAGE_SIZE];
    enum cli_status status;

    *out = (struct cli_config){0};
    out->document = format_of(text, size)(text, size, message, sizeof message);
    if (out->document == NULL)
        return cli_fail(CLI_INPUT, "%s: %s", name, message);
    status = read_source(name, out);
    if (status == CLI_OK)
        status = read_rows(name, out);
    if (status == CLI_OK)
        status = read_method(name, out);
    if (status == CLI_OK)
        status = read_mode(name, out);
    if (status == CLI_OK)
        status = (out->source == CLI_SOURCE_DPS ? check_dps : check_manual)(name, out);
    return status == CLI_OK ? check_credential(name, out) : status;
}

enum cli_status cli_config_read(const char *path, struct cli_config *out)
{
    struct bytes text = BYTES_EMPTY;
    enum cli_status status = cli_file_read("configuration", path, FILE_MAXIMUM, &text);

    *out = (struct cli_config){0};
    if (status == CLI_OK)
        status = cli_config_parse(path, (const char *)text.data, text.size, out);
    bytes_free(&text);
    return status;
}

/* Overwrites every text below the value. */
static void wipe(json_t *value)
{
    size_t index;
    const char *key;
    json_t *inner;

    if (json_is_string(value))
        bytes_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
    json_array_foreach(value, index, inner)
    {
        wipe(inner);
    }
    json_object_foreach(value, key, inner)
    {
        wipe(inner);
    }
}

void cli_config_free(struct cli_config *config)
{
    wipe(config->document);
    json_decref(config->document);
    *config = (struct cli_config){0};
}
