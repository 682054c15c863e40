/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/enrollment.h"

#include "cli/command.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

/* devid enrollment ..., devid group ...: one code for both, by their kind. */

static const struct cli_column columns[] = {
    {"id",           "Name"},
    {"attestation",              "Attestation"},
    {"status","Status"},
    {"device",       "Device"},
    {"allocation",              "Allocation"},
    {"edge","Edge"},
    {"hub",   "Assigned hub"},
    {"primary_key",              "Primary key"},
    {"secondary_key",         "Secondary key"},
    {0         },
};

static json_t *text_at(const json_t *object, const char *outer, const char *inner)
{
    return json_object_get(json_object_get(object, outer), inner);
}

/* What people look at, of the service's object. NULL: no memory. */
static json_t *summarize(const struct cli_enrollment_kind *kind, const json_t *enrollment)
{
    const json_t *keys = text_at(enrollment, "attestation", "symmetricKey");

    return json_pack(
        "{s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}", "id",
        json_object_get(enrollment, kind->id_member), "attestation",
        text_at(enrollment, "attestation", "type"), "status",
        json_object_get(enrollment, "provisioningStatus"), "device", json_object_get(enrollment, "deviceId"),
        "allocation", json_object_get(enrollment, "allocationPolicy"), "edge",
        text_at(enrollment, "capabilities", "iotEdge"), "hub",
        text_at(enrollment, "registrationState", "assignedHub"), "primary_key",
        json_object_get(keys, "primaryKey"), "secondary_key", json_object_get(keys, "secondaryKey"));
}

static enum cli_status show(const struct cli_enrollment_kind *kind, const json_t *enrollment, bool json)
{
    return cli_show_object(json ? json_deep_copy(enrollment) : summarize(kind, enrollment), columns, json);
}

/* A request for one enrollment, with `tail` behind its path. */
static enum cli_status call(struct cli_service *service, const struct cli_enrollment_kind *kind,
                            const char *id, const char *tail, struct cli_service_request *request,
                            struct cli_service_reply *reply)
{
    char *path = cli_service_path(kind->collection, id, tail);
    enum cli_status status;

    *reply = (struct cli_service_reply){0};
    if (path == NULL)
        return cli_fail(CLI_USAGE, "%.100s...: is too long for a name", id);
    request->path = path;
    status = cli_service_call(service, request, reply);
    free(path);
    return status;
}

/* --- create -------------------------------------------------------------------------------------------- */

/* The etag of what is there, when it may be replaced; *etag is the caller's. */
static enum cli_status look(struct cli_service *service, const struct cli_enrollment_kind *kind,
                            const struct cli_enrollment_create *options, char **etag)
{
    struct cli_service_request request = {.method = "GET", .may_be_absent = true};
    struct cli_service_reply reply;
    enum cli_status status = call(service, kind, options->id, "", &request, &reply);
    const char *text = json_string_value(json_object_get(reply.body, "etag"));

    *etag = NULL;
    if (status == CLI_OK && reply.status != 404 && !options->replace)
        status = cli_fail(CLI_REFUSED, "%s %s: is there already; --replace writes it anew", kind->what,
                          options->id);
    else if (status == CLI_OK && reply.status != 404)
        *etag = strdup(text != NULL ? text : "*");
    cli_service_reply_free(&reply);
    return status;
}

static enum cli_status create(const struct cli_enrollment_kind *kind,
                              const struct cli_enrollment_create *options)
{
    struct cli_service_request request = {.method = "PUT"};
    struct cli_service_reply reply = {0};
    struct cli_service *service = NULL;
    json_t *body = NULL;
    char *etag = NULL;
    enum cli_status status = cli_enrollment_body(kind, options, &body);

    if (status == CLI_OK)
        status = cli_service_open(&options->service, &service);
    if (status == CLI_OK)
        status = look(service, kind, options, &etag);
    request.body = body;
    request.if_match = etag;
    if (status == CLI_OK)
        status = call(service, kind, options->id, "", &request, &reply);
    if (status == CLI_OK)
        status = show(kind, reply.body, options->json);
    cli_service_reply_free(&reply);
    cli_service_close(service);
    json_decref(body);
    free(etag);
    return status;
}

/* --- show, list, delete -------------------------------------------------------------------------------- */

struct single {
    struct cli_service_options service;
    const char *id;
    bool keys;
    bool json;
};

/* Puts the whole attestation, keys too, into the enrollment. */
static enum cli_status add_keys(struct cli_service *service, const struct cli_enrollment_kind *kind,
                                const char *id, json_t *enrollment)
{
    struct cli_service_request request = {.method = "POST"};
    struct cli_service_reply reply;
    enum cli_status status = call(service, kind, id, "/attestationmechanism", &request, &reply);

    if (status == CLI_OK && json_object_set(enrollment, "attestation", reply.body) != 0)
        status = cli_no_memory();
    cli_service_reply_free(&reply);
    return status;
}

static enum cli_status show_one(const struct cli_enrollment_kind *kind, const struct single *options)
{
    struct cli_service_request request = {.method = "GET"};
    struct cli_service_reply reply = {0};
    struct cli_service *service = NULL;
    enum cli_status status = cli_service_open(&options->service, &service);

    if (status == CLI_OK)
        status = call(service, kind, options->id, "", &request, &reply);
    if (status == CLI_OK && options->keys)
        status = add_keys(service, kind, options->id, reply.body);
    if (status == CLI_OK)
        status = show(kind, reply.body, options->json);
    cli_service_reply_free(&reply);
    cli_service_close(service);
    return status;
}

static enum cli_status delete_one(const struct cli_enrollment_kind *kind, const struct single *options)
{
    struct cli_service_request request = {.method = "DELETE"};
    struct cli_service_reply reply = {0};
    struct cli_service *service = NULL;
    enum cli_status status = cli_service_open(&options->service, &service);

    if (status == CLI_OK)
        status = call(service, kind, options->id, "", &request, &reply);
    cli_service_reply_free(&reply);
    cli_service_close(service);
    return status;
}

struct listing {
    struct cli_service_options service;
    bool json;
};

/* One page; *continuation (owned) goes to the next, NULL behind the last. */
static enum cli_status add_page(struct cli_service *service, const struct cli_enrollment_kind *kind,
                                bool json, json_t *list, char **continuation)
{
    char path[64];
    json_t *query = json_pack("{s:o}", "query", json_sprintf("SELECT * FROM %s", kind->collection));
    struct cli_service_request request = {
        .method = "POST", .path = path, .body = query, .continuation = *continuation};
    struct cli_service_reply reply;
    enum cli_status status;
    size_t index;
    json_t *enrollment;

    snprintf(path, sizeof path, "/%s/query", kind->collection);
    status = cli_service_call(service, &request, &reply);
    if (status == CLI_OK && !json_is_array(reply.body))
        status = cli_fail(CLI_NETWORK, "%s: the answer is no list; is this a DPS service?", path);
    json_array_foreach(reply.body, index, enrollment)
    {
        if (status == CLI_OK &&
            json_array_append_new(list, json ? json_incref(enrollment) : summarize(kind, enrollment)) != 0)
            status = cli_no_memory();
    }
    free(*continuation);
    *continuation = reply.continuation;
    reply.continuation = NULL; /* transferred */
    cli_service_reply_free(&reply);
    json_decref(query);
    return status;
}

static enum cli_status list_all(const struct cli_enrollment_kind *kind, const struct listing *options)
{
    static const struct cli_column short_columns[] = {
        {"id",           "Name"},
        {"attestation",              "Attestation"},
        {"status","Status"},
        {"device",       "Device"},
        {"hub",              "Assigned hub"},
        {0},
    };
    struct cli_service *service = NULL;
    json_t *list = json_array();
    char *continuation = NULL;
    enum cli_status status = cli_service_open(&options->service, &service);

    if (status == CLI_OK)
        do
            status = add_page(service, kind, options->json, list, &continuation);
        while (status == CLI_OK && continuation != NULL);
    cli_service_close(service);
    free(continuation);
    if (status == CLI_OK)
        return cli_show_list(list, short_columns, "There is none.", options->json);
    json_decref(list);
    return status;
}

/* --- the commands -------------------------------------------------------------------------------------- */

#define CREATE struct cli_enrollment_create
#define CREATE_OPTIONS                                                                                       \
    {"cert", "FILE", "certificate in PEM: the device's, for a group that of a CA", CLI_LIST,                 \
     offsetof(CREATE, certificates)},                                                                        \
        {"symmetric", NULL, "symmetric keys; the service makes those not given", CLI_FLAG,                   \
         offsetof(CREATE, symmetric)},                                                                       \
        {"key-file", "FILE", "file with a symmetric key in base64", CLI_LIST, offsetof(CREATE, key_files)},  \
        {"hub", "NAME", "a hub to be assigned to", CLI_LIST, offsetof(CREATE, hubs)},                        \
        {"allocation", "POLICY", "hashed, static or geoLatency", CLI_TEXT, offsetof(CREATE, allocation)},    \
        {"initial-twin", "FILE", "JSON: tags and desired properties to begin with", CLI_TEXT,                \
         offsetof(CREATE, twin_file)},                                                                       \
        {"credential-policy", "NAME", "policy by which certificates are issued", CLI_TEXT,                   \
         offsetof(CREATE, policy)},                                                                          \
        {"edge", NULL, "an IoT Edge device", CLI_FLAG, offsetof(CREATE, edge)},                              \
        {"disabled", NULL, "refuse the device until enabled", CLI_FLAG, offsetof(CREATE, disabled)},         \
        {"keep-hub", NULL, "never assign another hub", CLI_FLAG, offsetof(CREATE, stay)},                    \
        {"reset-twin", NULL, "begin with the initial twin at another hub", CLI_FLAG,                         \
         offsetof(CREATE, reset)},                                                                           \
        {"replace", NULL, "write it anew when it is there", CLI_FLAG, offsetof(CREATE, replace)},            \
        CLI_OPTIONS_SERVICE(CREATE, service), CLI_OPTION_JSON(CREATE)

static const struct cli_option create_options[] = {
    {"endorsement-key",                                         "KEY|FILE", "of the device's TPM, in base64 or as the TPM writes it", CLI_TEXT,
     offsetof(CREATE, endorsement_key)},
    {"device-id", "ID", "name of the device in its hub (default: the enrollment's)", CLI_TEXT,
     offsetof(CREATE, device_id)},
    CREATE_OPTIONS,
    {0                                          },
};
static const struct cli_option group_create_options[] = {CREATE_OPTIONS, {0}};
static const struct cli_option single_options[] = {
    CLI_OPTIONS_SERVICE(struct single, service),
    CLI_OPTION_JSON(struct single),
    {0},
};
static const struct cli_option show_options[] = {
    {"keys",                      NULL, "show symmetric keys, too", CLI_FLAG, offsetof(struct single, keys)},
    CLI_OPTIONS_SERVICE(struct single, service),
    CLI_OPTION_JSON(struct single),
    {0},
};
static const struct cli_option list_options[] = {
    CLI_OPTIONS_SERVICE(struct listing, service),
    CLI_OPTION_JSON(struct listing),
    {0},
};

static const CREATE create_defaults = {0};
static const struct single single_defaults = {0};
static const struct listing list_defaults = {0};

static const char about_connection[] =
    "The service's connection string comes from a file (--connection) or from the environment\n"
    "(" CLI_SERVICE_CONNECTION "); it is a secret. It works with Azure and with devid-emulator. With --json\n"
    "the service's own object is printed.";

#define RUN(NAME, KIND, TYPE, FUNCTION)                                                                      \
    static enum cli_status NAME(const void *values)                                                          \
    {                                                                                                        \
        return FUNCTION(&KIND, (const TYPE *)values);                                                        \
    }
RUN(run_enrollment_create, cli_enrollment_individual, CREATE, create)
RUN(run_enrollment_show, cli_enrollment_individual, struct single, show_one)
RUN(run_enrollment_delete, cli_enrollment_individual, struct single, delete_one)
RUN(run_enrollment_list, cli_enrollment_individual, struct listing, list_all)
RUN(run_group_create, cli_enrollment_group, CREATE, create)
RUN(run_group_show, cli_enrollment_group, struct single, show_one)
RUN(run_group_delete, cli_enrollment_group, struct single, delete_one)
RUN(run_group_list, cli_enrollment_group, struct listing, list_all)

#define COMMAND(VARIABLE, NAME, SUMMARY, OPTIONS, DEFAULTS, RUNNER)                                          \
    const struct cli_command VARIABLE = {.name = NAME,                                                       \
                                         .summary = SUMMARY,                                                 \
                                         .details = about_connection,                                        \
                                         .options = OPTIONS,                                                 \
                                         .defaults = &(DEFAULTS),                                            \
                                         .size = sizeof(DEFAULTS),                                           \
                                         .run = RUNNER};
#define COMMAND_WITH_ID(VARIABLE, NAME, SUMMARY, OPTIONS, DEFAULTS, FIELD, RUNNER)                           \
    const struct cli_command VARIABLE = {.name = NAME,                                                       \
                                         .argument = "ID",                                                   \
                                         .argument_field = FIELD,                                            \
                                         .summary = SUMMARY,                                                 \
                                         .details = about_connection,                                        \
                                         .options = OPTIONS,                                                 \
                                         .defaults = &(DEFAULTS),                                            \
                                         .size = sizeof(DEFAULTS),                                           \
                                         .run = RUNNER};
COMMAND_WITH_ID(cli_enrollment_create_command, "enrollment create", "let one device register", create_options,
                create_defaults, offsetof(CREATE, id), run_enrollment_create)
COMMAND_WITH_ID(cli_enrollment_show, "enrollment show", "show one device's enrollment", show_options,
                single_defaults, offsetof(struct single, id), run_enrollment_show)
COMMAND_WITH_ID(cli_enrollment_delete, "enrollment delete", "remove one device's enrollment", single_options,
                single_defaults, offsetof(struct single, id), run_enrollment_delete)
COMMAND(cli_enrollment_list, "enrollment list", "list the enrollments of single devices", list_options,
        list_defaults, run_enrollment_list)
COMMAND_WITH_ID(cli_group_create, "group create", "let a group of devices register", group_create_options,
                create_defaults, offsetof(CREATE, id), run_group_create)
COMMAND_WITH_ID(cli_group_show, "group show", "show an enrollment group", show_options, single_defaults,
                offsetof(struct single, id), run_group_show)
COMMAND_WITH_ID(cli_group_delete, "group delete", "remove an enrollment group", single_options,
                single_defaults, offsetof(struct single, id), run_group_delete)
COMMAND(cli_group_list, "group list", "list the enrollment groups", list_options, list_defaults,
        run_group_list)
