/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state.h"
#include "cli/files.h"

#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_MAXIMUM (64 * 1024)
#define FILE_NAME "registration.json"

/* What a state file must have to be of use. */
static const char *const required[] = {"hub", "device_id", "certificate", "key"};

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

static enum cli_status check(const char *path, const json_t *state)
{
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (cli_state_text(state, required[i]) == NULL)
            return cli_fail(CLI_INPUT, "state file %s: has no \"%s\"; register again with 'devid provision'",
                            path, required[i]);
    return CLI_OK;
}

enum cli_status cli_state_load(const char *path, json_t **state)
{
    struct bytes file = BYTES_EMPTY;
    json_error_t error;
    enum cli_status status;

    *state = NULL;
    if (access(path, F_OK) != 0)
        return cli_fail(
            CLI_INPUT, "state file %s: is not there; register the device first with 'devid provision'", path);
    status = cli_file_read("state file", path, STATE_MAXIMUM, &file);
    if (status != CLI_OK)
        return status;
    *state = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    bytes_free(&file);
    if (*state == NULL)
        return cli_fail(CLI_INPUT,
                        "state file %s: is broken (line %d: %s); register again with 'devid provision'", path,
                        error.line, error.text);
    status = check(path, *state);
    if (status != CLI_OK) {
        json_decref(*state);
        *state = NULL;
    }
    return status;
}

/* The directory of a file that does not exist yet, made when need be. Failures show when the file is written.
 */
static void make_directory_of(const char *path)
{
    char *directory = strdup(path);
    char *slash = directory != NULL ? strrchr(directory, '/') : NULL;

    if (slash != NULL && slash != directory) {
        *slash = '\0';
        if (file_make_directories(directory, 0700) != 0)
            errno = 0;
    }
    free(directory);
}

enum cli_status cli_state_save(const char *path, const json_t *state)
{
    char *text = json_dumps(state, JSON_INDENT(2));
    struct bytes line;
    enum cli_status status;

    if (text == NULL || !bytes_alloc(&line, strlen(text) + 1)) {
        free(text);
        return cli_no_memory();
    }
    memcpy(line.data, text, line.size - 1);
    line.data[line.size - 1] = '\n';
    make_directory_of(path);
    status = cli_file_write(path, line.data, line.size, 0644);
    bytes_free(&line);
    free(text);
    return status;
}

const char *cli_state_text(const json_t *state, const char *member)
{
    const char *text = json_string_value(json_object_get(state, member));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

enum cli_status cli_state_set(json_t *state, const char *member, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return CLI_OK;
    return json_object_set_new(state, member, json_string(text)) == 0 ? CLI_OK : cli_no_memory();
}

enum cli_status cli_state_set_path(json_t *state, const char *member, const char *path)
{
    char *absolute = path != NULL && strchr(path, ':') == NULL ? realpath(path, NULL) : NULL;
    enum cli_status status = cli_state_set(state, member, absolute != NULL ? absolute : path);

    free(absolute);
    return status;
}
