/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SESSION_H
#define DEVID_CLI_SESSION_H

#include "cli/slot.h"
#include "common/bytes.h"

/* Where a PIN comes from: a file, or (from a URI's pin-value) itself. Both NULL: there is none. */
struct cli_pin {
    const char *file;
    const char *value;
};

struct cli_session {
    struct cli_module *module; /* NULL: not open */
    CK_SESSION_HANDLE handle;
    struct cli_token token;
};

/* Reads a PIN file, less the newline at its end. */
enum cli_status cli_pin_read(const char *path, struct bytes *pin);

/* Opens a session without logging in. Closed with cli_session_close also after a failure. */
enum cli_status cli_session_open(struct cli_module *module, const struct cli_token *token, bool write,
                                 struct cli_session *session);
void cli_session_close(struct cli_session *session);

/* Logs the user in if the token asks for it (CKF_LOGIN_REQUIRED): with the PIN, or without one where the
 * token has a protected authentication path. */
enum cli_status cli_session_login(const struct cli_session *session, const struct cli_pin *pin);

/* Finds the token, opens a session and logs in. */
enum cli_status cli_session_start(struct cli_module *module, const char *token_label, bool write,
                                  const struct cli_pin *pin, struct cli_session *session);

#endif
