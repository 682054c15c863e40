/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/session.h"

#include <stdio.h>

/* ---- token pin: PINs are in files, where neither the list of processes nor a shell's history shows them */

struct pin {
    const char *token;
    const char *pin_file;
    const char *new_pin_file;
    const char *so_pin_file;
    const char *new_so_pin_file;
    const char *module;
};

/* One row a way to change a PIN: which files it takes. */
static const struct way {
    bool pin, new_pin, so_pin, new_so_pin;
    bool so; /* the SO logs in */
    bool init;
    const char *done;
} ways[] = {
    {.pin = true,      .new_pin = true,    .done = "the user's PIN is changed"},
    {                                 .so_pin = true, .new_pin = true,         .so = true,                        .init = true, .done = "the user has a new PIN"},
    { .so_pin = true,   .new_so_pin = true, .so = true,                          .done = "the security officer's PIN is changed"},
};

static const struct way *way_of(const struct pin *options)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (ways[i].pin == (options->pin_file != NULL) &&
            ways[i].new_pin == (options->new_pin_file != NULL) &&
            ways[i].so_pin == (options->so_pin_file != NULL) &&
            ways[i].new_so_pin == (options->new_so_pin_file != NULL))
            return &ways[i];
    return NULL;
}

static enum cli_status change(const struct cli_session *session, const struct way *way,
                              const struct bytes *old, const struct bytes *new)
{
    CK_FUNCTION_LIST *functions = session->module->functions;
    char thing[CLI_THING_SIZE];
    CK_RV rv = CKR_OK;

    cli_token_thing(session->token.label, thing);
    if (way->so)
        rv = functions->C_Login(session->handle, CKU_SO, old->data, old->size);
    if (rv != CKR_OK)
        return cli_call_failed(session->module, "C_Login", thing, rv);
    rv = way->init ? functions->C_InitPIN(session->handle, new->data, new->size)
                   : functions->C_SetPIN(session->handle, old->data, old->size, new->data, new->size);
    if (rv != CKR_OK)
        return cli_call_failed(session->module, way->init ? "C_InitPIN" : "C_SetPIN", thing, rv);
    printf("Token '%s': %s.\n", session->token.label, way->done);
    return CLI_OK;
}

static enum cli_status with_pins(const struct cli_session *session, const struct way *way,
                                 const struct pin *options)
{
    struct bytes old = BYTES_EMPTY;
    struct bytes new = BYTES_EMPTY;
    enum cli_status status = cli_pin_read(way->so ? options->so_pin_file : options->pin_file, &old);

    if (status == CLI_OK)
        status = cli_pin_read(way->new_pin ? options->new_pin_file : options->new_so_pin_file, &new);
    if (status == CLI_OK)
        status = change(session, way, &old, &new);
    bytes_free(&old);
    bytes_free(&new);
    return status;
}

static enum cli_status pin(const void *values)
{
    const struct pin *options = values;
    const struct way *way = way_of(options);
    struct cli_session session = {0};
    struct cli_module module;
    struct cli_token token;
    enum cli_status status;

    if (way == NULL)
        return cli_fail(CLI_USAGE, "token pin: takes --pin-file and --new-pin-file, or --so-pin-file and "
                                   "--new-pin-file, or --so-pin-file and --new-so-pin-file");
    status = cli_module_open(options->module, &module);
    if (status == CLI_OK)
        status = cli_token_find(&module, options->token, &token);
    if (status == CLI_OK)
        status = cli_session_open(&module, &token, true, &session);
    if (status == CLI_OK)
        status = with_pins(&session, way, options);
    cli_session_close(&session);
    cli_module_close(&module);
    return status;
}

static const struct cli_option options[] = {
    {"token",                    "LABEL", "the token", CLI_TEXT, offsetof(struct pin, token), true},
    {"pin-file",               "FILE", "the user's PIN as it is", CLI_TEXT, offsetof(struct pin, pin_file)},
    {"new-pin-file",       "FILE", "the user's PIN as it is to be", CLI_TEXT, offsetof(struct pin, new_pin_file)},
    {"so-pin-file",                      "FILE", "the security officer's PIN as it is", CLI_TEXT,
     offsetof(struct pin, so_pin_file)},
    {"new-so-pin-file",                 "FILE", "the security officer's PIN as it is to be", CLI_TEXT,
     offsetof(struct pin, new_so_pin_file)},
    CLI_OPTION_MODULE(struct pin),
    {0},
};

static const struct pin defaults = {0};

const struct cli_command cli_token_pin = {
    .name = "token pin",
    .summary = "change a PIN, or give the user a new one",
    .details = "With --pin-file and --new-pin-file the user changes the own PIN. With --so-pin-file and\n"
               "--new-pin-file the security officer gives the user one, the first or a new one. With\n"
               "--so-pin-file and --new-so-pin-file the security officer changes the own PIN. Keys stay.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = pin,
};
