/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/state.h"

#include "common/file.h"
#include "common/log.h"
#include "emulator/service_auth.h"
#include "emulator/store.h"
#include "emulator/text.h"

#include <openssl/rand.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE_KEY_SIZE 64
#define LOCK_MILLISECONDS 200

bool emu_state_path(const char *given, char path[static PATH_MAX], char *message, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length;

    if (given != NULL)
        length = snprintf(path, PATH_MAX, "%s", given);
    else if (state != NULL && state[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/devid-emulator", state);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/.local/state/devid-emulator", home);
    else
        length = 0;
    if (length > 0 && length < PATH_MAX - 32)
        return true;
    snprintf(message, size,
             length == 0 ? "name a state directory with --state: HOME is not set"
                         : "the path of the state directory is too long");
    return false;
}

/* The directory and its lock. */
static bool take_directory(struct emu_state *state, char *message, size_t size)
{
    struct stat status;
    int error = file_make_directories(state->path, 0700);

    if (error == 0)
        state->directory = open(state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state->directory < 0 || fstat(state->directory, &status) != 0) {
        snprintf(message, size, "the state directory %s cannot be used: %s", state->path,
                 strerror(error != 0 ? error : errno));
        return false;
    }
    if ((status.st_mode & 077) != 0 && fchmod(state->directory, 0700) != 0)
        log_warning("%s is open to others and stays so: %s", state->path, strerror(errno));
    error = file_lock(state->directory, ".lock", LOCK_MILLISECONDS, &state->lock);
    if (error == ETIMEDOUT)
        snprintf(message, size,
                 "the state directory %s is in use by another devid-emulator: stop that one, or name "
                 "another directory with --state",
                 state->path);
    else if (error != 0)
        snprintf(message, size, "the state directory %s cannot be locked: %s", state->path, strerror(error));
    return error == 0;
}

static bool random_bytes(void *out, size_t size)
{
    return RAND_bytes(out, (int)size) == 1;
}

/* Like the service's: 0ne00 and six more digits. */
static json_t *make_id_scope(void)
{
    unsigned char random[3];

    if (!random_bytes(random, sizeof random))
        return NULL;
    return json_sprintf("0ne00%02X%02X%02X", random[0], random[1], random[2]);
}

static json_t *make_service_key(void)
{
    unsigned char random[SERVICE_KEY_SIZE];
    char *text = random_bytes(random, sizeof random) ? emu_base64_encode(random, sizeof random) : NULL;
    json_t *key = text != NULL ? json_string(text) : NULL;

    free(text);
    bytes_wipe(random, sizeof random);
    return key;
}

/* A setting as it is stored, else made by `make` and stored. NULL: failed and logged. */
static json_t *keep_setting(struct emu_store *store, const char *name, json_t *(*make)(void))
{
    json_t *value;
    enum emu_found found = emu_store_get(store, EMU_SETTINGS, name, &value);

    if (found != EMU_ABSENT)
        return value;
    value = make();
    if (value != NULL && emu_store_put(store, EMU_SETTINGS, name, value))
        return value;
    json_decref(value);
    return NULL;
}

static bool keep_id_scope(struct emu_state *state, const char *given)
{
    json_t *value =
        given != NULL ? json_string(given) : keep_setting(state->store, "id_scope", make_id_scope);
    const char *text = json_string_value(value);
    bool kept = text != NULL && strlen(text) < sizeof state->id_scope &&
                (given == NULL || emu_store_put(state->store, EMU_SETTINGS, "id_scope", value));

    if (kept)
        snprintf(state->id_scope, sizeof state->id_scope, "%s", text);
    json_decref(value);
    return kept;
}

static bool keep_key(struct emu_state *state, const char *name, struct bytes *key)
{
    json_t *value = keep_setting(state->store, name, make_service_key);
    const char *text = json_string_value(value);
    bool kept = text != NULL && emu_base64_decode(text, key) && key->size != 0;

    json_decref(value);
    return kept;
}

bool emu_state_open(struct emu_state *state, const char *path, const char *id_scope, char *message,
                    size_t size)
{
    char database[PATH_MAX];

    *state = (struct emu_state){.directory = -1, .lock = -1};
    snprintf(state->path, sizeof state->path, "%s", path);
    if (!take_directory(state, message, size))
        return false;
    snprintf(database, sizeof database, "%.*s/%s", (int)sizeof database - 32, path, EMU_STATE_DATABASE);
    state->store = emu_store_open(database, true, message, size);
    if (state->store == NULL)
        return false;
    if (keep_id_scope(state, id_scope) && keep_key(state, "service_key", &state->service_key) &&
        keep_key(state, "hub_key", &state->hub_key))
        return true;
    snprintf(message, size, "the settings in %s cannot be read or written", database);
    return false;
}

static bool publish(const struct emu_state *state, const char *name, const char *text, char *message,
                    size_t size)
{
    int error = file_replace(state->directory, name, text, strlen(text), 0600);

    if (error != 0)
        snprintf(message, size, "%s/%s cannot be written: %s", state->path, name, strerror(error));
    return error == 0;
}

static bool publish_connection(const struct emu_state *state, const char *file, const char *host,
                               unsigned port, const char *policy, const struct bytes *key, char *message,
                               size_t size)
{
    char *base64 = emu_base64_encode(key->data, key->size);
    char text[1024];
    bool published;

    snprintf(text, sizeof text, "HostName=%s:%u;SharedAccessKeyName=%s;SharedAccessKey=%s\n", host, port,
             policy, base64 != NULL ? base64 : "");
    published = base64 != NULL && publish(state, file, text, message, size);
    bytes_wipe(text, sizeof text);
    if (base64 != NULL)
        bytes_wipe(base64, strlen(base64));
    free(base64);
    return published;
}

bool emu_state_publish(const struct emu_state *state, const char *host, unsigned port, char *message,
                       size_t size)
{
    char scope[EMU_ID_SCOPE_SIZE + 1];
    char number[16];

    snprintf(scope, sizeof scope, "%s\n", state->id_scope);
    snprintf(number, sizeof number, "%u\n", port); /* last: who waits for this file finds the others */
    return publish(state, EMU_STATE_ID_SCOPE, scope, message, size) &&
           publish_connection(state, EMU_STATE_CONNECTION, host, port, EMU_SERVICE_POLICY,
                              &state->service_key, message, size) &&
           publish_connection(state, EMU_STATE_HUB_CONNECTION, host, port, EMU_HUB_POLICY, &state->hub_key,
                              message, size) &&
           publish(state, EMU_STATE_PORT, number, message, size);
}

void emu_state_close(struct emu_state *state)
{
    emu_store_close(state->store);
    bytes_free(&state->service_key);
    bytes_free(&state->hub_key);
    file_unlock(state->lock);
    if (state->directory >= 0)
        close(state->directory);
    *state = (struct emu_state){.directory = -1, .lock = -1};
}
