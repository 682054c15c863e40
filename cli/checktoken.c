/* SPDX-License-Identifier: Apache-2.0 */
/* The module, and each token: its directory, its files, its TPM. */
#include "cli/check.h"
#include "cli/client.h"
#include "cli/object.h"
#include "cli/uri.h"
#include "common/file.h"
#include "common/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WHAT "token"
#define CONF_MAXIMUM 65536

/* DevID names a slot by the directory of its token; longer names are cut there, and not looked at. */
static void check_directory(struct cli_checks *checks, const struct cli_token *token)
{
    const char *path = token->slot_description;
    struct stat info;

    if (path[0] != '/' || stat(path, &info) != 0)
        return;
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        cli_check_fail(checks, CLI_INPUT, WHAT,
                       "'%s': others may write to %s (mode %03o); chmod go-w,o-rx %s", token->label, path,
                       (unsigned)(info.st_mode & 0777), path);
    else
        cli_check_ok(checks, WHAT, "'%s': %s, mode %03o", token->label, path,
                     (unsigned)(info.st_mode & 0777));
}

struct named_tcti {
    struct cli_checks *checks;
    const char *label;
};

static bool take_setting(void *data, unsigned line, const char *name, const char *value)
{
    const struct named_tcti *named = data;
    char who[64];

    (void)line;
    if (strcmp(name, "tcti") == 0) {
        snprintf(who, sizeof who, "token '%s'", named->label);
        cli_check_tcti(named->checks, who, value);
        named->checks->names_tpm = true;
    }
    return true;
}

/* The way to the TPM that the token's own configuration names; what is wrong with the file, the module tells.
 */
static void check_tcti(struct cli_checks *checks, const struct cli_token *token)
{
    struct named_tcti named = {checks, token->label};
    struct bytes content = BYTES_EMPTY;
    char *path = NULL;

    if (token->slot_description[0] != '/' || asprintf(&path, "%s/token.conf", token->slot_description) < 0)
        return;
    if (file_read(AT_FDCWD, path, CONF_MAXIMUM, &content) == 0 &&
        settings_read((const char *)content.data, content.size, take_setting, &named) != 0) {
        /* cut short there */
    }
    bytes_free(&content);
    free(path);
}

static void check_pin(struct cli_checks *checks, const struct cli_token *token)
{
    if ((token->flags & CKF_USER_PIN_LOCKED) != 0)
        cli_check_fail(checks, CLI_TOKEN, WHAT,
                       "'%s': is locked after wrong PINs; of a TPM, wait, or run tpm2_dictionarylockout "
                       "--clear-lockout",
                       token->label);
    else if ((token->flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)) != 0)
        cli_check_warn(checks, WHAT, "'%s': a wrong PIN was given%s; find out by whom", token->label,
                       (token->flags & CKF_USER_PIN_FINAL_TRY) != 0 ? ", and the next one locks it" : "");
}

/* Reads all objects, which tells of broken files, and asks the TPM for something. */
static void check_objects(struct cli_checks *checks, struct cli_module *module, const struct cli_token *token)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_PRIVATE_KEY};
    struct cli_session session = {0};
    char text[CLI_CHECK_TEXT / 2];
    CK_BYTE random[8];
    enum cli_status status;
    CK_RV rv;

    cli_capture(text, sizeof text);
    status = cli_session_open(module, token, false, &session);
    for (size_t i = 0; status == CLI_OK && text[0] == '\0' && i < sizeof classes / sizeof classes[0]; i++) {
        struct cli_objects objects = {0};

        status = cli_objects_find(&session, classes[i], NULL, NULL, &objects);
        cli_objects_free(&objects);
    }
    if (status == CLI_OK && text[0] != '\0') {
        cli_check_warn(checks, WHAT, "'%s': %s", token->label, text);
        text[0] = '\0';
    }
    if (status == CLI_OK && (token->flags & CKF_RNG) != 0) {
        rv = module->functions->C_GenerateRandom(session.handle, random, sizeof random);
        if (rv != CKR_OK)
            status = cli_call_failed(module, "C_GenerateRandom", "random numbers", rv);
    }
    if (status != CLI_OK)
        cli_check_fail(checks, status, WHAT, "'%s': %s", token->label, text);
    else if ((token->flags & CKF_RNG) != 0)
        cli_check_ok(checks, WHAT, "'%s': its %s answers", token->label,
                     strstr(token->model, "TPM") != NULL ? "TPM" : "module");
    cli_capture(NULL, 0);
    cli_session_close(&session);
}

/* Endorsement and storage root key, which registration by TPM needs. */
static void check_identity(struct cli_checks *checks, const struct cli_check_options *options,
                           const struct cli_token *token)
{
    char *uri = cli_uri_token_format(token->label);
    const struct cli_client_settings settings = {.tpm = uri, .module = options->module};
    struct dps_tpm_identity identity;
    dps_client *client = NULL;
    char text[CLI_CHECK_TEXT / 2];
    dps_status status;

    cli_capture(text, sizeof text);
    if (uri != NULL && cli_client_open(&settings, &client) == CLI_OK) {
        status = dps_client_tpm_identity(client, &identity);
        if (status == DPS_OK)
            cli_check_ok(checks, WHAT, "'%s': has endorsement key and storage root key", token->label);
        else
            cli_check_warn(
                checks, WHAT,
                "'%s': cannot register by TPM (%s); 'devid tpm setup --token %s' reads the TPM's keys",
                token->label, dps_client_error(client), token->label);
    }
    cli_capture(NULL, 0);
    cli_client_close(client);
    free(uri);
}

static void check_token(struct cli_checks *checks, const struct cli_check_options *options,
                        struct cli_module *module, const struct cli_token *token)
{
    check_directory(checks, token);
    check_tcti(checks, token);
    check_pin(checks, token);
    check_objects(checks, module, token);
    if (module->devid != NULL && strstr(token->model, "TPM") != NULL)
        check_identity(checks, options, token);
}

static void check_all(struct cli_checks *checks, const struct cli_check_options *options,
                      struct cli_module *module)
{
    struct cli_tokens tokens;
    char text[CLI_CHECK_TEXT / 2];
    enum cli_status status;
    size_t count = 0;

    cli_capture(text, sizeof text);
    status = cli_tokens_list(module, &tokens);
    cli_capture(NULL, 0);
    if (status != CLI_OK)
        cli_check_fail(checks, status, "tokens", "%s", text);
    else if (text[0] != '\0')
        cli_check_warn(checks, "tokens", "%s", text);
    for (size_t i = 0; i < tokens.count; i++)
        if ((tokens.items[i].flags & CKF_TOKEN_INITIALIZED) != 0) {
            check_token(checks, options, module, &tokens.items[i]);
            count++;
        }
    if (count == 0)
        cli_check_warn(checks, "tokens", "there is none yet; 'devid token init --label device' makes one");
    cli_tokens_free(&tokens);
}

void cli_check_tokens(struct cli_checks *checks, const struct cli_check_options *options)
{
    struct cli_module module;
    char text[CLI_CHECK_TEXT / 2];
    enum cli_status status;

    cli_capture(text, sizeof text);
    status = cli_module_open(options->module, &module);
    cli_capture(NULL, 0);
    if (status != CLI_OK) {
        cli_check_fail(checks, status, "module", "%s", text);
    } else {
        cli_check_ok(checks, "module", "%s is loaded",
                     options->module != NULL ? options->module : DEVID_PKCS11_MODULE);
        check_all(checks, options, &module);
    }
    cli_module_close(&module);
}
