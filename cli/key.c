/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/keypair.h"
#include "cli/output.h"
#include "cli/uri.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAXIMUM 64

static const struct cli_column columns[] = {
    {"token",       "TOKEN"},
    {"label",             "LABEL"},
    {"type","TYPE"},
    {"bits",        "BITS"},
    {"certificate",             "CERTIFICATE"},
    {"uri","URI"},
    {0},
};

/* What is shown of a private key. `unique`: its label alone finds it on its token. */
static enum cli_status describe_key(const struct cli_session *session, const struct cli_object *key,
                                    bool unique, json_t **out)
{
    const char *token = session->token.label;
    struct cli_objects certificates = {0};
    const struct cli_key_type *type;
    char id[2 * ID_MAXIMUM + 1] = "";
    char *uri = NULL;
    unsigned bits;
    enum cli_status status = cli_key_type_of(session, key, &type, &bits);

    if (status == CLI_OK && key->id.size != 0)
        status = cli_objects_find(session, CKO_CERTIFICATE, NULL, &key->id, &certificates);
    if (status != CLI_OK)
        goto out;
    if (key->id.size <= ID_MAXIMUM)
        bytes_to_hex(key->id.data, key->id.size, id);
    uri = cli_uri_format(token, CKO_PRIVATE_KEY, key->label, unique ? NULL : &key->id);
    *out = uri == NULL
               ? NULL
               : json_pack("{s:s,s:s,s:s,s:s,s:I,s:b,s:s}", "token", token, "label", key->label, "id", id,
                           "type",
                           type != NULL               ? type->name
                           : key->key_type == CKK_RSA ? "rsa"
                           : key->key_type == CKK_EC  ? "ec"
                                                      : "other",
                           "bits", (json_int_t)bits, "certificate", certificates.count != 0, "uri", uri);
    if (*out == NULL)
        status = cli_no_memory();
out:
    free(uri);
    cli_objects_free(&certificates);
    return status;
}

/* ---- key generate */

struct generate {
    const char *token;
    const char *label;
    const char *type;
    const char *usage;
    const char *id;
    const char *pcrs;
    const char *pin_file;
    const char *module;
    bool force_duplicate;
    bool json;
};

static enum cli_status refuse_duplicate(const struct cli_session *session, const char *label)
{
    struct cli_objects keys;
    enum cli_status status = cli_objects_find(session, CKO_PRIVATE_KEY, label, NULL, &keys);

    if (status == CLI_OK && keys.count != 0)
        status = cli_fail(
            CLI_INPUT, "key '%s': is on token '%s' already; choose another label, or say --force-duplicate",
            label, session->token.label);
    cli_objects_free(&keys);
    return status;
}

static enum cli_status show_new_key(const struct cli_session *session, const struct cli_object *key,
                                    const struct generate *options)
{
    json_t *object = NULL;
    enum cli_status status = describe_key(session, key, !options->force_duplicate, &object);

    if (status != CLI_OK)
        return status;
    if (options->json)
        return cli_show_object(object, columns, true);
    printf("%s\n", json_string_value(json_object_get(object, "uri")));
    json_decref(object);
    return CLI_OK;
}

static enum cli_status generate_in(struct cli_module *module, const struct generate *options,
                                   const struct cli_keypair *pair)
{
    const struct cli_pin pin = {.file = options->pin_file};
    struct cli_session session = {0};
    struct cli_objects key = {0};
    enum cli_status status = cli_session_start(module, options->token, true, &pin, &session);

    if (status == CLI_OK && !options->force_duplicate)
        status = refuse_duplicate(&session, options->label);
    if (status == CLI_OK)
        status = cli_keypair_generate(&session, pair, &key);
    if (status == CLI_OK)
        status = show_new_key(&session, &key.items[0], options);
    cli_objects_free(&key);
    cli_session_close(&session);
    return status;
}

static enum cli_status generate(const void *values)
{
    const struct generate *options = values;
    struct bytes id = BYTES_EMPTY;
    struct cli_keypair pair = {
        .type = cli_key_type_find(options->type), .label = options->label, .id = &id, .pcrs = options->pcrs};
    struct cli_module module;
    enum cli_status status;

    if (pair.type == NULL)
        return cli_fail(CLI_USAGE, "key type %s: is not known; say %s", options->type, cli_key_type_names());
    if (!cli_key_usage_read(options->usage, &pair.usage))
        return cli_fail(CLI_USAGE,
                        "usage %s: is not understood; say sign, decrypt, derive, or several with commas",
                        options->usage);
    if (options->id != NULL && (strlen(options->id) > 2 * ID_MAXIMUM || options->id[0] == '\0' ||
                                !bytes_from_hex(options->id, strlen(options->id), &id)))
        return cli_fail(CLI_USAGE,
                        "id %s: is no hexadecimal text of 1 to %d bytes; correct it or leave --id out",
                        options->id, ID_MAXIMUM);
    status = cli_module_open(options->module, &module);
    if (status == CLI_OK)
        status = generate_in(&module, options, &pair);
    cli_module_close(&module);
    bytes_free(&id);
    return status;
}

static const struct cli_option generate_options[] = {
    {"token",                   "LABEL", "token to make it in", CLI_TEXT, offsetof(struct generate, token), true},
    {"label",    "LABEL", "name of the new key", CLI_TEXT, offsetof(struct generate, label), true},
    {"type", "TYPE", "ec-p256 (default), ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096 or ed25519", CLI_TEXT,
     offsetof(struct generate, type)},
    {"usage",                     "WORDS", "sign (default), decrypt, derive, or several with commas", CLI_TEXT,
     offsetof(struct generate, usage)},
    {"id",                   "HEX", "CKA_ID (default: SHA-1 of the public key)", CLI_TEXT, offsetof(struct generate, id)},
    {"pcr",    "PCRS", "bind it to what these PCRs hold now, such as sha256:0,7", CLI_TEXT,
     offsetof(struct generate, pcrs)},
    {"force-duplicate", NULL, "make it even when the label is taken", CLI_FLAG,
     offsetof(struct generate, force_duplicate)},
    CLI_OPTION_PIN_FILE(struct generate),
    CLI_OPTION_MODULE(struct generate),
    CLI_OPTION_JSON(struct generate),
    {0                    },
};

static const struct generate generate_defaults = {.type = "ec-p256", .usage = "sign"};

const struct cli_command cli_key_generate = {
    .name = "key generate",
    .summary = "make a key pair inside a token",
    .details = "The private key never leaves the token. Prints the key's pkcs11: URI, which the other "
               "commands, and\n"
               "any program that speaks PKCS#11 or uses the OpenSSL provider, take for it.",
    .options = generate_options,
    .defaults = &generate_defaults,
    .size = sizeof generate_defaults,
    .run = generate,
};

/* ---- key list */

struct list {
    const char *token;
    const char *pin_file;
    const char *module;
    bool json;
};

static bool label_unique(const struct cli_objects *keys, const char *label)
{
    size_t same = 0;

    for (size_t i = 0; i < keys->count; i++)
        same += strcmp(keys->items[i].label, label) == 0;
    return same == 1;
}

static enum cli_status list_keys(const struct cli_session *session, json_t *array)
{
    struct cli_objects keys;
    enum cli_status status = cli_objects_find(session, CKO_PRIVATE_KEY, NULL, NULL, &keys);

    for (size_t i = 0; status == CLI_OK && i < keys.count; i++) {
        json_t *object = NULL;

        status = describe_key(session, &keys.items[i], label_unique(&keys, keys.items[i].label), &object);
        if (status == CLI_OK && json_array_append_new(array, object) != 0)
            status = cli_no_memory();
    }
    cli_objects_free(&keys);
    return status;
}

static enum cli_status list_token(struct cli_module *module, const struct cli_token *token,
                                  const char *pin_file, json_t *array)
{
    const struct cli_pin pin = {.file = pin_file};
    struct cli_session session = {0};
    enum cli_status status = cli_session_open(module, token, false, &session);

    if (status == CLI_OK)
        status = cli_session_login(&session, &pin);
    if (status == CLI_OK)
        status = list_keys(&session, array);
    cli_session_close(&session);
    return status;
}

static bool wanted(const struct cli_token *token, const char *label)
{
    return (token->flags & CKF_TOKEN_INITIALIZED) != 0 && (label == NULL || strcmp(token->label, label) == 0);
}

static enum cli_status list_tokens(struct cli_module *module, const struct list *options, json_t *array)
{
    struct cli_tokens tokens;
    enum cli_status status = cli_tokens_list(module, &tokens);

    for (size_t i = 0; i < tokens.count; i++) {
        enum cli_status listed = CLI_OK;

        if (wanted(&tokens.items[i], options->token))
            listed = list_token(module, &tokens.items[i], options->pin_file, array);
        status = status != CLI_OK ? status : listed;
    }
    cli_tokens_free(&tokens);
    return status;
}

static enum cli_status list(const void *values)
{
    const struct list *options = values;
    struct cli_module module;
    struct cli_token token;
    json_t *array = NULL;
    enum cli_status status = cli_module_open(options->module, &module);
    enum cli_status shown;

    if (status == CLI_OK && options->token != NULL)
        status = cli_token_find(&module, options->token, &token);
    if (status != CLI_OK)
        goto out;
    array = json_array();
    status = array != NULL ? list_tokens(&module, options, array) : cli_no_memory();
    shown =
        cli_show_list(array, columns, "There is no key yet; 'devid key generate' makes one.", options->json);
    status = status != CLI_OK ? status : shown;
out:
    cli_module_close(&module);
    return status;
}

static const struct cli_option list_options[] = {
    {"token",                        "LABEL", "only the keys of this token", CLI_TEXT, offsetof(struct list, token)},
    CLI_OPTION_PIN_FILE(struct list),
    CLI_OPTION_MODULE(struct list),
    CLI_OPTION_JSON(struct list),
    {0},
};

static const struct list list_defaults = {0};

const struct cli_command cli_key_list = {
    .name = "key list",
    .summary = "show the keys, their URIs, and which have a certificate",
    .options = list_options,
    .defaults = &list_defaults,
    .size = sizeof list_defaults,
    .run = list,
};
