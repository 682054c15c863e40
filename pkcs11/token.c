/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/token.h"

#include "common/buffer.h"
#include "common/file.h"
#include "common/log.h"
#include "pkcs11/device.h"
#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pinfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SERIAL_BYTES 8
#define HIDDEN ".new-"     /* a directory that is to become a token */
#define STALE_SECONDS 3600 /* no token takes so long to make */

/* What token.conf does not say, the process's configuration does. */
static CK_RV complete_conf(struct token_conf *conf, const struct config *config)
{
    const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"tcti",             config->tcti            },
        {"bus-protection",   config->bus_protection  },
        {"owner-auth",       config->owner_auth      },
        {"endorsement-auth", config->endorsement_auth},
    };
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value != NULL && token_conf_get(conf, rows[i].name) == NULL)
            rv = token_conf_set(conf, rows[i].name, rows[i].value);
    return rv;
}

static CK_RV open_instances(struct token *token, const char *path)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && p11_backends[i] != NULL; i++)
        rv = p11_backends[i]->open(&token->conf, path, &token->instances[i]);
    return rv;
}

static void check_modes(const struct store *store)
{
    struct stat status;

    if (fstat(store->directory, &status) == 0 && (status.st_mode & 077) != 0)
        log_warning("token directory %s is open to others; chmod 700 it", store->path);
}

static CK_RV read_token(struct token *token, const char *path, const struct config *config)
{
    unsigned long slot;
    CK_RV rv = token_conf_read(token->store.directory, path, &token->conf);

    if (rv != CKR_OK)
        return rv;
    token->backend = backend_by_name(token_conf_get(&token->conf, "backend"));
    if (token->backend == NULL || !token_conf_get_number(&token->conf, "slot", INT_MAX, &slot))
        return p11_fail(CKR_TOKEN_NOT_RECOGNIZED,
                        "%s/" TOKEN_CONF_FILE ": 'backend = %s' or 'slot = %s' is not valid", path,
                        token_conf_get(&token->conf, "backend"), token_conf_get(&token->conf, "slot"));
    token->slot = slot;
    check_modes(&token->store);
    token->has_pin = pinfile_exists(&token->store);
    rv = complete_conf(&token->conf, config);
    return rv == CKR_OK ? open_instances(token, path) : rv;
}

CK_RV token_open(const char *path, const struct config *config, struct token **out)
{
    struct token *token = calloc(1, sizeof *token);
    CK_RV rv;

    *out = NULL;
    if (token == NULL)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&token->lock, NULL);
    rv = store_open(path, &token->store);
    if (rv == CKR_OK)
        rv = read_token(token, path, config);
    if (rv != CKR_OK)
        token_close(token);
    else
        *out = token;
    return rv;
}

void token_close(struct token *token)
{
    objects_free(&token->objects);
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL)
            p11_backends[i]->close(token->instances[i]);
    token_conf_free(&token->conf);
    store_close(&token->store);
    pthread_mutex_destroy(&token->lock);
    free(token);
}

void token_abandon(struct token *token)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL)
            p11_backends[i]->abandon(token->instances[i]);
}

void token_idle(struct token *token)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (token->instances[i] != NULL && p11_backends[i]->idle != NULL)
            p11_backends[i]->idle(token->instances[i]);
}

void *token_instance(const struct token *token, const struct backend *backend)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (p11_backends[i] == backend)
            return token->instances[i];
    return NULL;
}

/* Digests are software's, for every token alike. */
static bool is_digest(const struct mechanism *row)
{
    return (row->flags & CKF_DIGEST) != 0;
}

bool token_supports(const struct token *token, const struct mechanism *row)
{
    if (is_digest(row))
        return true;
    return token->backend->supports(token_instance(token, token->backend), row);
}

void token_mechanism_info(const struct token *token, const struct mechanism *row, CK_MECHANISM_INFO *info)
{
    if (is_digest(row))
        return;
    if (token->backend->limits != NULL)
        token->backend->limits(token_instance(token, token->backend), row, info);
    if (token->backend->decrypt == NULL && row->key_type == CKK_RSA && row->scheme != SCHEME_CREDENTIAL)
        info->flags &= ~(CK_FLAGS)(CKF_DECRYPT | CKF_UNWRAP);
    if (token->backend->hardware)
        info->flags |= CKF_HW;
}

void token_lock(struct token *token)
{
    pthread_mutex_lock(&token->lock);
}

void token_unlock(struct token *token)
{
    pthread_mutex_unlock(&token->lock);
}

enum login token_login(const struct token *token)
{
    return __atomic_load_n(&token->login, __ATOMIC_ACQUIRE);
}

void token_set_login(struct token *token, enum login login)
{
    __atomic_store_n(&token->login, login, __ATOMIC_RELEASE);
    if (login == LOGIN_USER)
        objects_login(token);
}

bool token_logout(struct token *token)
{
    bool was;

    token_lock(token);
    was = token->login != LOGIN_NONE;
    token_set_login(token, LOGIN_NONE);
    if (was && token->has_pin)
        objects_logout(token);
    token_unlock(token);
    if (was && token->has_pin && token->backend->logout != NULL)
        token->backend->logout(token_instance(token, token->backend));
    return was;
}

bool token_is_open(const struct token *token)
{
    return !token->has_pin || token_login(token) == LOGIN_USER;
}

struct object *token_find_object(struct token *token, CK_OBJECT_HANDLE handle)
{
    struct object *object;

    token_lock(token);
    object = objects_find(&token->objects, handle);
    if (object == NULL && objects_refresh(token) == CKR_OK)
        object = objects_find(&token->objects, handle);
    if (object != NULL)
        object_take(object);
    token_unlock(token);
    return object;
}

void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length > size)
        for (length = size; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memset(field, ' ', size);
    memcpy(field, text, length);
}

/* --- making one -------------------------------------------------------------------------------------------
 */

static CK_RV random_serial(char serial[2 * SERIAL_BYTES + 1])
{
    uint8_t bytes[SERIAL_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return p11_fail(CKR_GENERAL_ERROR, "the kernel gives no random numbers: %s", strerror(errno));
    bytes_to_hex(bytes, sizeof bytes, serial);
    return CKR_OK;
}

static CK_RV fill_conf(struct token_conf *conf, const struct backend *backend, const char *label,
                       CK_SLOT_ID slot, const struct config *config)
{
    char serial[2 * SERIAL_BYTES + 1];
    struct token_conf process = {0}; /* not written down */
    CK_RV rv = random_serial(serial);

    if (rv == CKR_OK)
        rv = token_conf_set(conf, "label", label);
    if (rv == CKR_OK)
        rv = token_conf_set(conf, "serial", serial);
    if (rv == CKR_OK)
        rv = token_conf_setf(conf, "slot", "%lu", slot);
    if (rv == CKR_OK)
        rv = token_conf_set(conf, "backend", backend->name);
    if (rv == CKR_OK && backend->init != NULL && config->parent != NULL)
        rv = token_conf_set(conf, "parent", config->parent);
    if (rv == CKR_OK)
        rv = complete_conf(&process, config);
    if (rv == CKR_OK && backend->init != NULL)
        rv = backend->init(conf, &process);
    token_conf_free(&process);
    return rv;
}

static CK_RV cannot_make(const char *path, int error)
{
    return p11_fail(store_failure(error), "token directory %s cannot be made: %s", path, strerror(error));
}

/* Only what was made here is in it, and no directory. */
static void remove_directory(int tokens, const char *name)
{
    int fd = openat(tokens, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    if (listing == NULL && fd >= 0)
        close(fd);
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        unlinkat(fd, entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    unlinkat(tokens, name, AT_REMOVEDIR);
}

/* Directories of processes that were killed while they made a token. They hold no key that anybody uses. */
static void remove_stale_directories(int tokens)
{
    DIR *listing = fdopendir(openat(tokens, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    time_t now = time(NULL);
    struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        struct stat status;

        if (strncmp(entry->d_name, HIDDEN, strlen(HIDDEN)) == 0 &&
            fstatat(tokens, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
            now - status.st_mtime > STALE_SECONDS)
            remove_directory(tokens, entry->d_name);
    }
    if (listing != NULL)
        closedir(listing);
}

/* The token's secret and the SO's PIN, and the device's own objects, in a directory that is a token already
 * but for its name. */
static CK_RV write_content(const char *path, const struct config *config, const struct bytes *so_pin)
{
    struct token *token;
    CK_RV rv = token_open(path, config, &token);

    if (rv != CKR_OK)
        return rv;
    if (so_pin->size != 0)
        rv = token->backend->set_pin(token_instance(token, token->backend), CKU_SO, NULL, so_pin);
    if (rv == CKR_OK && config->device_objects)
        rv = device_objects_write(token, false);
    token_idle(token);
    token_close(token);
    return rv;
}

static CK_RV fill_directory(int tokens, const char *name, const struct token_conf *conf,
                            const struct config *config, const struct bytes *so_pin)
{
    int directory = openat(tokens, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[PATH_MAX];
    CK_RV rv = directory >= 0 ? token_conf_write(directory, config->tokens, conf)
                              : cannot_make(config->tokens, errno);

    if (directory >= 0)
        close(directory);
    if (rv != CKR_OK)
        return rv;
    if (snprintf(path, sizeof path, "%s/%s", config->tokens, name) >= (int)sizeof path)
        return cannot_make(config->tokens, ENAMETOOLONG);
    return write_content(path, config, so_pin);
}

/* Gives a directory the first free name made of the label. */
static CK_RV give_name(int tokens, const char *hidden, const char *base, const char *root, char **path)
{
    char name[NAME_MAX];
    CK_RV rv;

    snprintf(name, sizeof name, "%s", base);
    for (unsigned i = 2; renameat2(tokens, hidden, tokens, name, RENAME_NOREPLACE) != 0; i++) {
        if (errno != EEXIST || i == 1000)
            return cannot_make(root, errno);
        snprintf(name, sizeof name, "%s-%u", base, i);
    }
    if (fsync(tokens) != 0 && errno != EINVAL) {
        rv = cannot_make(root, errno);
        renameat(tokens, name, tokens, hidden);
        return rv;
    }
    return asprintf(path, "%s/%s", root, name) >= 0 ? CKR_OK : CKR_HOST_MEMORY;
}

/* All is made under a hidden name, so that a token appears whole or not at all. */
static CK_RV write_directory(int tokens, const char *base, const struct token_conf *conf,
                             const struct config *config, const struct bytes *so_pin, char **path)
{
    char hidden[64];
    CK_RV rv;

    remove_stale_directories(tokens);
    snprintf(hidden, sizeof hidden, HIDDEN "%s", token_conf_get(conf, "serial"));
    if (mkdirat(tokens, hidden, 0700) != 0)
        return cannot_make(config->tokens, errno);
    rv = fill_directory(tokens, hidden, conf, config, so_pin);
    if (rv == CKR_OK)
        rv = give_name(tokens, hidden, base, config->tokens, path);
    if (rv != CKR_OK)
        remove_directory(tokens, hidden);
    return rv;
}

CK_RV token_create(const struct config *config, const struct backend *backend, const char *label,
                   CK_SLOT_ID slot, const struct bytes *so_pin, char **path)
{
    const char *tokens = config->tokens;
    struct token_conf conf = {0};
    char *base = store_name_of(label, strlen(label));
    int error = file_make_directories(tokens, 0700);
    int directory = error == 0 ? open(tokens, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    CK_RV rv = base != NULL ? CKR_OK : CKR_HOST_MEMORY;

    *path = NULL;
    if (rv == CKR_OK && directory < 0)
        rv = cannot_make(tokens, error != 0 ? error : errno);
    if (rv == CKR_OK && faccessat(directory, ".", W_OK, AT_EACCESS) != 0)
        rv = cannot_make(tokens, errno);
    if (rv == CKR_OK)
        rv = fill_conf(&conf, backend, label, slot, config);
    if (rv == CKR_OK)
        rv = write_directory(directory, base, &conf, config, so_pin, path);
    token_conf_free(&conf);
    free(base);
    if (directory >= 0)
        close(directory);
    return rv;
}
