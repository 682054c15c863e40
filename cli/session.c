/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PIN_MAXIMUM 1024

enum cli_status cli_pin_read(const char *path, struct bytes *pin)
{
    int error = file_read(AT_FDCWD, path, PIN_MAXIMUM, pin);

    if (error != 0)
        return cli_fail(CLI_INPUT, "PIN file %s: cannot be read (%s); name a file with the PIN alone in it",
                        path, strerror(error));
    while (pin->size != 0 && (pin->data[pin->size - 1] == '\n' || pin->data[pin->size - 1] == '\r'))
        pin->data[--pin->size] = '\0';
    return CLI_OK;
}

enum cli_status cli_session_open(struct cli_module *module, const struct cli_token *token, bool write,
                                 struct cli_session *session)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (write ? CKF_RW_SESSION : 0);
    char thing[CLI_THING_SIZE];
    CK_RV rv;

    *session = (struct cli_session){.token = *token};
    rv = module->functions->C_OpenSession(token->slot, flags, NULL, NULL, &session->handle);
    if (rv == CKR_OK) {
        session->module = module;
        return CLI_OK;
    }
    cli_token_thing(token->label, thing);
    return cli_call_failed(module, "C_OpenSession", thing, rv);
}

void cli_session_close(struct cli_session *session)
{
    if (session->module != NULL)
        session->module->functions->C_CloseSession(session->handle);
    session->module = NULL;
}

static enum cli_status take_pin(const struct cli_session *session, const struct cli_pin *pin,
                                struct bytes *value)
{
    if (pin->file != NULL)
        return cli_pin_read(pin->file, value);
    if (pin->value != NULL)
        return bytes_copy(value, pin->value, strlen(pin->value)) ? CLI_OK : cli_no_memory();
    if ((session->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
        return CLI_OK;
    return cli_fail(CLI_INPUT, "token '%s': has a PIN; give it with --pin-file", session->token.label);
}

enum cli_status cli_session_login(const struct cli_session *session, const struct cli_pin *pin)
{
    struct bytes value = BYTES_EMPTY;
    enum cli_status status = CLI_OK;
    char thing[CLI_THING_SIZE];
    CK_RV rv;

    if ((session->token.flags & CKF_LOGIN_REQUIRED) == 0)
        return CLI_OK;
    status = take_pin(session, pin, &value);
    if (status == CLI_OK) {
        rv = session->module->functions->C_Login(session->handle, CKU_USER, value.data, value.size);
        cli_token_thing(session->token.label, thing);
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
            status = cli_call_failed(session->module, "C_Login", thing, rv);
    }
    bytes_free(&value);
    return status;
}

enum cli_status cli_session_start(struct cli_module *module, const char *token_label, bool write,
                                  const struct cli_pin *pin, struct cli_session *session)
{
    struct cli_token token;
    enum cli_status status = cli_token_find(module, token_label, &token);

    if (status == CLI_OK)
        status = cli_session_open(module, &token, write, session);
    if (status == CLI_OK)
        status = cli_session_login(session, pin);
    return status;
}
