/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_STATE_H
#define DEVID_CLI_STATE_H

#include "cli/status.h"

/* Where the state file is when no option says: /var/lib/devid/registration.json for root, else
 * $XDG_STATE_HOME/devid/registration.json (~/.local/state/...). malloc'ed. What is in it is libdevid-dps's
 * matter, see <devid/dps.h>. */
enum cli_status cli_state_path(const char *given, char **path);

#endif
