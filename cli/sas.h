/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SAS_H
#define DEVID_CLI_SAS_H

#include "cli/status.h"
#include "common/bytes.h"

/* A shared access signature for the resource (not yet percent-encoded), good for so many seconds from now.
 * `policy` may be NULL. *token is malloc'ed; whoever has it may do what the key may, so wipe it. */
enum cli_status cli_sas_make(const struct bytes *key, const char *resource, const char *policy,
                             unsigned seconds, char **token);

#endif
