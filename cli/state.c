/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_NAME "registration.json"

enum cli_status cli_state_path(const char *given, char **path)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length;

    if (given != NULL)
        length = asprintf(path, "%s", given);
    else if (geteuid() == 0)
        length = asprintf(path, "%s", DEVID_STATEDIR "/" FILE_NAME);
    else if (base != NULL && base[0] == '/')
        length = asprintf(path, "%s/devid/" FILE_NAME, base);
    else if (home != NULL && home[0] == '/')
        length = asprintf(path, "%s/.local/state/devid/" FILE_NAME, home);
    else
        return cli_fail(CLI_INPUT,
                        "state file: there is no home directory to keep it in; name one with --state");
    if (length >= 0)
        return CLI_OK;
    *path = NULL;
    return cli_no_memory();
}
