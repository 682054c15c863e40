/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/object.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

static const char devid_slots[] = "DevID "; /* "DevID TPM slot", "DevID file slot" */

static const struct cli_column columns[] = {
    {"label",         "LABEL"},
    {"serial",               "SERIAL"},
    {"slot","SLOT"},
    {"manufacturer",          "MANUFACTURER"},
    {"model",               "MODEL"},
    {"keys","KEYS"},
    {"certificates",         "CERTIFICATES"},
    {"flags",               "FLAGS"},
    {0                 },
};

/* ---- token init */

struct init {
    const char *label;
    const char *backend;
    const char *so_pin_file;
    const char *pin_file;
    const char *module;
    bool json;
};

/* What a backend's free slot is called. */
static const struct backend_row {
    const char *name;
    const char *slot;
} backends[] = {
    {"tpm",  "DevID TPM slot" },
    {"file", "DevID file slot"},
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const char *slot_of_backend(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
        if (strcmp(backends[i].name, name) == 0)
            return backends[i].slot;
    return NULL;
}

/* The free slot to make a token in. Another vendor's module has no backends to choose from. */
static const struct cli_token *free_slot(const struct cli_tokens *tokens, const char *description)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const struct cli_token *token = &tokens->items[i];
        bool ours = starts_with(token->slot_description, devid_slots);

        if ((token->flags & CKF_TOKEN_INITIALIZED) != 0)
            continue;
        if (!ours || starts_with(token->slot_description, description))
            return token;
    }
    return NULL;
}

static bool label_taken(const struct cli_tokens *tokens, const char *label)
{
    for (size_t i = 0; i < tokens->count; i++)
        if ((tokens->items[i].flags & CKF_TOKEN_INITIALIZED) != 0 &&
            strcmp(tokens->items[i].label, label) == 0)
            return true;
    return false;
}

/* What C_InitToken leaves open on a module with PINs: the user's. */
static enum cli_status set_user_pin(struct cli_module *module, const struct cli_token *token,
                                    const struct bytes *so_pin, const char *pin_file)
{
    struct cli_session session = {0};
    struct bytes pin = BYTES_EMPTY;
    enum cli_status status = cli_pin_read(pin_file, &pin);
    char thing[CLI_THING_SIZE];
    CK_RV rv;

    cli_token_thing(token->label, thing);
    if (status == CLI_OK)
        status = cli_session_open(module, token, true, &session);
    if (status != CLI_OK)
        goto out;
    rv = module->functions->C_Login(session.handle, CKU_SO, so_pin->data, so_pin->size);
    if (rv != CKR_OK) {
        status = cli_call_failed(module, "C_Login", thing, rv);
        goto out;
    }
    rv = module->functions->C_InitPIN(session.handle, pin.data, pin.size);
    if (rv != CKR_OK)
        status = cli_call_failed(module, "C_InitPIN", thing, rv);
out:
    cli_session_close(&session);
    bytes_free(&pin);
    return status;
}

/* Without a security officer's PIN C_InitToken gets none: DevID's module then makes a token without PINs. */
static enum cli_status make_token(struct cli_module *module, const struct cli_token *slot,
                                  const struct init *options)
{
    struct bytes so_pin = BYTES_EMPTY;
    enum cli_status status =
        options->so_pin_file != NULL ? cli_pin_read(options->so_pin_file, &so_pin) : CLI_OK;
    struct cli_token token;
    CK_UTF8CHAR padded[32];
    char thing[CLI_THING_SIZE];
    CK_RV rv;

    if (status != CLI_OK)
        goto out;
    memset(padded, ' ', sizeof padded);
    memcpy(padded, options->label, strlen(options->label));
    cli_token_thing(options->label, thing);
    rv = module->functions->C_InitToken(slot->slot, so_pin.data, so_pin.size, padded);
    if (rv != CKR_OK)
        status = cli_call_failed(module, "C_InitToken", thing, rv);
    if (status == CLI_OK && options->pin_file != NULL)
        status = cli_token_find(module, options->label, &token); /* its slot may have another number now */
    if (status == CLI_OK && options->pin_file != NULL)
        status = set_user_pin(module, &token, &so_pin, options->pin_file);
out:
    bytes_free(&so_pin);
    return status;
}

static enum cli_status choose_and_make(struct cli_module *module, const struct init *options,
                                       const char *description)
{
    struct cli_tokens tokens;
    enum cli_status status = cli_tokens_list(module, &tokens);
    const struct cli_token *slot = free_slot(&tokens, description);

    if (label_taken(&tokens, options->label))
        status = cli_fail(CLI_INPUT, "token '%s': is there already; choose another label", options->label);
    else if (slot != NULL)
        status = make_token(module, slot, options);
    else if (status == CLI_OK)
        status = cli_fail(
            CLI_TOKEN, "token '%s': the module has no free slot for it; switch its slots for new tokens on",
            options->label);
    cli_tokens_free(&tokens);
    return status;
}

static json_t *token_json(const struct cli_token *token);

static enum cli_status init(const void *values)
{
    const struct init *options = values;
    const char *description = slot_of_backend(options->backend);
    struct cli_module module;
    struct cli_token token;
    enum cli_status status;

    if (description == NULL)
        return cli_fail(CLI_USAGE, "backend %s: is not known; say tpm or file", options->backend);
    if (strlen(options->label) > 32)
        return cli_fail(CLI_USAGE, "label %s: is longer than 32 bytes; choose a shorter one", options->label);
    if (options->pin_file != NULL && options->so_pin_file == NULL)
        return cli_fail(CLI_USAGE, "--pin-file: needs --so-pin-file with it; a token with PINs has both");
    status = cli_module_open(options->module, &module);
    if (status == CLI_OK)
        status = choose_and_make(&module, options, description);
    if (status == CLI_OK)
        status = cli_token_find(&module, options->label, &token);
    if (status == CLI_OK && options->json)
        status = cli_show_object(token_json(&token), columns, true);
    else if (status == CLI_OK)
        printf("Token '%s' is ready (serial %s, %s).\n", token.label, token.serial, token.model);
    cli_module_close(&module);
    return status;
}

static const struct cli_option init_options[] = {
    {"label",                                    "LABEL", "name of the new token, at most 32 bytes", CLI_TEXT, offsetof(struct init, label),
     true},
    {"backend", "tpm|file", "where its keys live (default tpm)", CLI_TEXT, offsetof(struct init, backend)},
    {"so-pin-file",                      "FILE", "security officer's PIN, where the module insists", CLI_TEXT,
     offsetof(struct init, so_pin_file)},
    {"pin-file",                                       "FILE", "user's PIN to set, together with --so-pin-file", CLI_TEXT,
     offsetof(struct init, pin_file)},
    CLI_OPTION_MODULE(struct init),
    CLI_OPTION_JSON(struct init),
    {0                                 },
};

static const struct init init_defaults = {.backend = "tpm"};

const struct cli_command cli_token_init = {
    .name = "token init",
    .summary = "make a token, the place where keys and certificates live",
    .details =
        "Without PIN options the token has no PIN: whoever may read its directory and use the TPM may use\n"
        "its keys, which is what unattended devices want. A label that is taken is refused.",
    .options = init_options,
    .defaults = &init_defaults,
    .size = sizeof init_defaults,
    .run = init,
};

/* ---- token list */

struct list {
    const char *module;
    bool json;
};

static const struct flag_row {
    CK_FLAGS flag;
    const char *name;
} flags[] = {
    {CKF_LOGIN_REQUIRED,                "pin"       },
    {CKF_SO_PIN_COUNT_LOW,              "so-pin-failed"},
    {CKF_SO_PIN_LOCKED,                 "so-pin-locked"},
    {CKF_PROTECTED_AUTHENTICATION_PATH, "pin-source"},
    {CKF_WRITE_PROTECTED,               "read-only" },
    {CKF_USER_PIN_COUNT_LOW,            "pin-failed"},
    {CKF_USER_PIN_FINAL_TRY,            "final-try" },
    {CKF_USER_PIN_LOCKED,               "pin-locked"},
};

static void name_flags(CK_FLAGS set, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    if ((set & CKF_LOGIN_REQUIRED) != 0 && (set & CKF_USER_PIN_INITIALIZED) == 0)
        length = (size_t)snprintf(out, size, "no-user-pin");
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && length < size; i++)
        if ((set & flags[i].flag) != 0)
            length +=
                (size_t)snprintf(out + length, size - length, "%s%s", length != 0 ? "," : "", flags[i].name);
}

static json_t *token_json(const struct cli_token *token)
{
    char names[128];

    name_flags(token->flags, names, sizeof names);
    return json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s}", "label", token->label, "serial", token->serial, "slot",
                     (json_int_t)token->slot, "manufacturer", token->manufacturer, "model", token->model,
                     "slot_description", token->slot_description, "flags", names);
}

/* Sets the number of objects of a class. */
static enum cli_status count_objects(const struct cli_session *session, CK_OBJECT_CLASS class,
                                     const char *member, json_t *object)
{
    struct cli_objects objects;
    enum cli_status status = cli_objects_find(session, class, NULL, NULL, &objects);

    if (status == CLI_OK && json_object_set_new(object, member, json_integer((json_int_t)objects.count)) != 0)
        status = cli_no_memory();
    cli_objects_free(&objects);
    return status;
}

static enum cli_status describe_token(struct cli_module *module, const struct cli_token *token, json_t *list)
{
    struct cli_session session = {0};
    json_t *object = token_json(token);
    enum cli_status status;

    if (object == NULL || json_array_append_new(list, object) != 0)
        return cli_no_memory();
    status = cli_session_open(module, token, false, &session);
    if (status == CLI_OK)
        status = count_objects(&session,
                               (token->flags & CKF_LOGIN_REQUIRED) != 0 ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY,
                               "keys", object);
    if (status == CLI_OK)
        status = count_objects(&session, CKO_CERTIFICATE, "certificates", object);
    cli_session_close(&session);
    return status;
}

/* One token that cannot be opened does not hide the others, but the exit code tells. */
static enum cli_status list(const void *values)
{
    const struct list *options = values;
    struct cli_tokens tokens = {0};
    struct cli_module module;
    json_t *array = json_array();
    enum cli_status status = cli_module_open(options->module, &module);
    enum cli_status shown;

    if (status != CLI_OK) {
        json_decref(array);
        goto out;
    }
    status = cli_tokens_list(&module, &tokens);
    for (size_t i = 0; array != NULL && i < tokens.count; i++) {
        enum cli_status described = CLI_OK;

        if ((tokens.items[i].flags & CKF_TOKEN_INITIALIZED) != 0)
            described = describe_token(&module, &tokens.items[i], array);
        status = status != CLI_OK ? status : described;
    }
    shown = cli_show_list(
        array, columns, "There is no token yet; 'devid token init --label LABEL' makes one.", options->json);
    status = status != CLI_OK ? status : shown;
out:
    cli_tokens_free(&tokens);
    cli_module_close(&module);
    return status;
}

static const struct cli_option list_options[] = {
    CLI_OPTION_MODULE(struct list),
    CLI_OPTION_JSON(struct list),
    {0},
};

static const struct list list_defaults = {0};

const struct cli_command cli_token_list = {
    .name = "token list",
    .summary = "show the tokens",
    .details = "Of a token with a PIN the public keys are counted, for that needs no PIN.",
    .options = list_options,
    .defaults = &list_defaults,
    .size = sizeof list_defaults,
    .run = list,
};
