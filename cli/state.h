/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_STATE_H
#define DEVID_CLI_STATE_H

#include "cli/status.h"

#include <jansson.h>

/*
 * The state file: what a registration came to and what it was made with, so that `devid send` needs no
 * options. One JSON object of text members, never a secret: id_scope registration_id hub device_id status
 * substatus enrollment_group created last_updated certificate key endpoint ca_file module   (paths are
 * absolute; absent where not given)
 */

/* Where it is when --state does not say: /var/lib/devid/registration.json for root, else
 * $XDG_STATE_HOME/devid/registration.json (~/.local/state/...). malloc'ed. */
enum cli_status cli_state_path(const char *given, char **path);

/* Reads and checks it. *state is released with json_decref. */
enum cli_status cli_state_load(const char *path, json_t **state);

/* Replaces it in one step, making its directory. */
enum cli_status cli_state_save(const char *path, const json_t *state);

/* The text of a member; NULL: it is not there. */
const char *cli_state_text(const json_t *state, const char *member);

/* Sets a member, unless text is NULL or "". */
enum cli_status cli_state_set(json_t *state, const char *member, const char *text);

/* The same with a file's absolute path; a URI is kept as it is. */
enum cli_status cli_state_set_path(json_t *state, const char *member, const char *path);

#endif
