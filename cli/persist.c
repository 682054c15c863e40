/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/object.h"
#include "cli/uri.h"

#include "devid/pkcs11.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a handle is looked for when none is named: behind those that other tools use, and so many of them. */
#define FIRST_CHOICE 0x81000200UL
#define CHOICES 64

struct persist {
    const char *key;
    const char *handle;
    const char *pin_file;
    const char *module;
};

static enum cli_status read_handle(const char *text, CK_ULONG *handle)
{
    char *end;

    errno = 0;
    *handle = strtoul(text, &end, 0);
    if (errno != 0 || *end != '\0' || *handle < 0x81000000UL || *handle > 0x817fffffUL)
        return cli_fail(CLI_USAGE, "handle %s: is none of 0x81000000 to 0x817fffff; say such a one", text);
    return CLI_OK;
}

/* Opens a session with the key's token, and finds the one key there. */
static enum cli_status find_key(struct cli_module *module, const struct persist *options,
                                struct cli_session *session, struct cli_objects *keys)
{
    struct cli_pin pin = {.file = options->pin_file};
    struct bytes id = BYTES_EMPTY;
    struct cli_token token;
    P11KitUri *uri = NULL;
    char *label = NULL;
    enum cli_status status = cli_uri_parse(options->key, &uri);

    if (status == CLI_OK)
        status = cli_uri_object(uri, &label, &id);
    if (status == CLI_OK)
        status = cli_uri_token(module, uri, options->key, &token);
    if (status == CLI_OK)
        status = cli_session_open(module, &token, true, session);
    if (uri != NULL && pin.file == NULL)
        pin = cli_uri_pin(uri);
    if (status == CLI_OK)
        status = cli_session_login(session, &pin);
    if (status == CLI_OK)
        status = cli_objects_find(session, CKO_PRIVATE_KEY, label, id.size != 0 ? &id : NULL, keys);
    if (status == CLI_OK && keys->count != 1)
        status = cli_fail(CLI_INPUT, "%s: names %s; 'devid key list' shows the keys and their URIs",
                          options->key, keys->count == 0 ? "no key" : "more than one key");
    free(label);
    bytes_free(&id);
    p11_kit_uri_free(uri);
    return status;
}

static CK_RV set_handle(const struct cli_session *session, CK_OBJECT_HANDLE key, CK_ULONG handle)
{
    CK_ATTRIBUTE item = {CKA_DEVID_PERSISTENT, &handle, sizeof handle};

    return session->module->functions->C_SetAttributeValue(session->handle, key, &item, 1);
}

/* The handle asked for, or the first that is free. */
static CK_RV set_first(const struct cli_session *session, CK_OBJECT_HANDLE key, const char *asked,
                       CK_ULONG *handle)
{
    CK_RV rv = set_handle(session, key, *handle);

    for (unsigned i = 1; asked == NULL && rv == CKR_ATTRIBUTE_VALUE_INVALID && i < CHOICES; i++)
        rv = set_handle(session, key, ++*handle);
    return rv;
}

static enum cli_status persist_in(struct cli_module *module, const struct persist *options, CK_ULONG handle)
{
    struct cli_session session = {0};
    struct cli_objects keys = {0};
    enum cli_status status = find_key(module, options, &session, &keys);

    if (status == CLI_OK) {
        CK_RV rv = handle != 0 ? set_first(&session, keys.items[0].handle, options->handle, &handle)
                               : set_handle(&session, keys.items[0].handle, 0);

        if (rv != CKR_OK)
            status = cli_call_failed(module, "C_SetAttributeValue", options->key, rv);
        else if (handle != 0)
            printf("0x%08lx\n", handle);
    }
    cli_objects_free(&keys);
    cli_session_close(&session);
    return status;
}

static enum cli_status set(const struct persist *options, CK_ULONG handle)
{
    struct cli_module module;
    enum cli_status status = cli_module_open(options->module, &module);

    if (status == CLI_OK)
        status = persist_in(&module, options, handle);
    cli_module_close(&module);
    return status;
}

static enum cli_status persist(const void *values)
{
    const struct persist *options = values;
    CK_ULONG handle = FIRST_CHOICE;
    enum cli_status status = options->handle != NULL ? read_handle(options->handle, &handle) : CLI_OK;

    return status == CLI_OK ? set(options, handle) : status;
}

static enum cli_status unpersist(const void *values)
{
    return set(values, 0);
}

#define KEY_OPTION                                                                                           \
    {                                                                                                        \
        "key", "URI", "pkcs11: URI of the key", CLI_TEXT, offsetof(struct persist, key), true                \
    }

static const struct cli_option persist_options[] = {
    KEY_OPTION,
    {"handle",                                                        "NUMBER", "where it stays (default: the first free one from 0x81000200)", CLI_TEXT,
      offsetof(struct persist, handle)},
    CLI_OPTION_PIN_FILE(struct persist),
    CLI_OPTION_MODULE(struct persist),
    {0},
};

static const struct cli_option unpersist_options[] = {
    KEY_OPTION,
    CLI_OPTION_PIN_FILE(struct persist),
    CLI_OPTION_MODULE(struct persist),
    {0},
};

static const struct persist defaults = {0};

const struct cli_command cli_key_persist = {
    .name = "key persist",
    .summary = "keep a key in the TPM, so that it need not be loaded",
    .details =
        "The key's file stays the key; the TPM's copy spares one command in each process that uses it.\n"
        "TPMs have room for few. Prints the handle.",
    .options = persist_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = persist,
};

const struct cli_command cli_key_unpersist = {
    .name = "key unpersist",
    .summary = "remove a key's copy from the TPM",
    .details = "The key itself stays as it is: it is loaded from its file when it is used.",
    .options = unpersist_options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = unpersist,
};
