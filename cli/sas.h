/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SAS_H
#define DEVID_CLI_SAS_H

#include "cli/status.h"
#include "common/bytes.h"

#include <stdbool.h>

/* A key as services show it: standard base64 with its padding, nothing else. False: it is not, or there is no
 * memory. Freed with bytes_free. */
bool cli_sas_key(const char *base64, struct bytes *key);

/* The key of a device, of the key of its enrollment group. False: no memory. */
bool cli_sas_derive(const struct bytes *group_key, const char *registration_id, struct bytes *key);

/* Whether the token was signed by the key. */
bool cli_sas_is_by(const char *token, const struct bytes *key);

/* A shared access signature for the resource (not yet percent-encoded), good for so many seconds from now.
 * `policy` may be NULL. *token is malloc'ed; whoever has it may do what the key may, so wipe it. */
enum cli_status cli_sas_make(const struct bytes *key, const char *resource, const char *policy,
                             unsigned seconds, char **token);

#endif
