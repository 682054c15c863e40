/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/token.h"

#include "common/buffer.h"
#include "common/file.h"
#include "common/log.h"
#include "pkcs11/device.h"
#include "pkcs11/failure.h"

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

/* Making tokens: a directory appears, or takes another one's place, with one rename. */

#define SERIAL_BYTES 8
#define HIDDEN ".new-"     /* a directory that is to become a token, or was one */
#define STALE_SECONDS 3600 /* no token takes so long to make */

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
        rv = token_complete_conf(&process, config);
    if (rv == CKR_OK && backend->init != NULL)
        rv = backend->init(conf, &process);
    token_conf_free(&process);
    return rv;
}

static CK_RV cannot_make(const char *path, int error)
{
    return p11_fail(store_failure(error), "token directory %s cannot be made: %s", path, strerror(error));
}

/* A token's files lie side by side. What else somebody put there stays, and so does the directory. */
static void remove_directory(int tokens, const char *root, const char *name)
{
    int directory = openat(tokens, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *listing = directory >= 0 ? fdopendir(directory) : NULL;
    struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(directory, entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
    else if (directory >= 0)
        close(directory);
    if (unlinkat(tokens, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        log_warning("%s/%s cannot be removed: %s", root, name, strerror(errno));
}

/* Directories of processes that were killed while they made a token. They hold no key that anybody uses. */
static void remove_stale_directories(int tokens, const char *root)
{
    int directory = openat(tokens, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = directory >= 0 ? fdopendir(directory) : NULL;
    time_t now = time(NULL);
    struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        struct stat status;

        if (strncmp(entry->d_name, HIDDEN, strlen(HIDDEN)) == 0 &&
            fstatat(tokens, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
            now - status.st_mtime > STALE_SECONDS)
            remove_directory(tokens, root, entry->d_name);
    }
    if (listing != NULL)
        closedir(listing);
    else if (directory >= 0)
        close(directory);
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

/* Puts a directory in the place of a token's, which goes. The old files are not removed before the exchange
 * is durable: else a power failure could bring back the old directory without them. */
static CK_RV take_place(int tokens, const char *hidden, const char *name, const char *root)
{
    CK_RV rv = CKR_OK;

    if (renameat2(tokens, hidden, tokens, name, RENAME_EXCHANGE) != 0) {
        rv = cannot_make(root, errno);
    } else if (fsync(tokens) != 0 && errno != EINVAL) {
        rv = cannot_make(root, errno);
        if (renameat2(tokens, hidden, tokens, name, RENAME_EXCHANGE) != 0)
            return rv; /* both stay; who makes a token later removes the hidden one */
    }
    remove_directory(tokens, root, hidden);
    return rv;
}

/* All is made under a hidden name, so that a token appears whole or not at all. `old`: the directory whose
 * place it takes, or NULL. */
static CK_RV write_directory(int tokens, const char *base, const char *old, const struct token_conf *conf,
                             const struct config *config, const struct bytes *so_pin, char **path)
{
    char hidden[64];
    CK_RV rv;

    remove_stale_directories(tokens, config->tokens);
    snprintf(hidden, sizeof hidden, HIDDEN "%s", token_conf_get(conf, "serial"));
    if (old != NULL) /* what a process that was killed left */
        remove_directory(tokens, config->tokens, hidden);
    if (mkdirat(tokens, hidden, 0700) != 0)
        return cannot_make(config->tokens, errno);
    rv = fill_directory(tokens, hidden, conf, config, so_pin);
    if (rv == CKR_OK && old != NULL)
        return take_place(tokens, hidden, old, config->tokens);
    if (rv == CKR_OK)
        rv = give_name(tokens, hidden, base, config->tokens, path);
    if (rv != CKR_OK)
        remove_directory(tokens, config->tokens, hidden);
    return rv;
}

static CK_RV open_tokens(const struct config *config, int *directory)
{
    int error = file_make_directories(config->tokens, 0700);

    *directory = error == 0 ? open(config->tokens, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*directory < 0)
        return cannot_make(config->tokens, error != 0 ? error : errno);
    return faccessat(*directory, ".", W_OK, AT_EACCESS) == 0 ? CKR_OK : cannot_make(config->tokens, errno);
}

CK_RV token_create(const struct config *config, const struct backend *backend, const char *label,
                   CK_SLOT_ID slot, const struct bytes *so_pin, char **path)
{
    struct token_conf conf = {0};
    char *base = store_name_of(label, strlen(label));
    int directory = -1;
    CK_RV rv = base != NULL ? open_tokens(config, &directory) : CKR_HOST_MEMORY;

    *path = NULL;
    if (rv == CKR_OK)
        rv = fill_conf(&conf, backend, label, slot, config);
    if (rv == CKR_OK)
        rv = write_directory(directory, base, NULL, &conf, config, so_pin, path);
    token_conf_free(&conf);
    free(base);
    if (directory >= 0)
        close(directory);
    return rv;
}

/* --- making one anew
 * ------------------------------------------------------------------------------------------ */

/* The parent is chosen again as it was at first: a TPM that was cleared has another one. */
static CK_RV choose_parent_again(struct token_conf *conf, const struct config *config)
{
    static const struct {
        const char *pinned;
        const char *wanted;
    } rows[] = {
        {"0x81000001", "auto" },
        {"0x40000001", "owner"},
    };
    const char *pinned = token_conf_get(conf, "parent");

    if (config->parent != NULL)
        return token_conf_set(conf, "parent", config->parent);
    for (size_t i = 0; pinned != NULL && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].pinned, pinned) == 0)
            return token_conf_set(conf, "parent", rows[i].wanted);
    return CKR_OK;
}

/* Settings of the owner's stay, and so do slot and serial number: it is the same token, empty. */
static CK_RV renew_conf(const struct token *token, const struct config *config, const char *label,
                        struct token_conf *conf)
{
    struct token_conf process = {0};
    CK_RV rv = token_conf_read(token->store.directory, token->store.path, conf);

    if (rv == CKR_OK)
        rv = token_conf_set(conf, "label", label);
    if (rv == CKR_OK && token->backend->init != NULL)
        rv = choose_parent_again(conf, config);
    if (rv == CKR_OK)
        rv = token_complete_conf(&process, config);
    if (rv == CKR_OK && token->backend->init != NULL)
        rv = token->backend->init(conf, &process);
    token_conf_free(&process);
    return rv;
}

CK_RV token_renew(const struct config *config, const struct token *token, const char *label,
                  const struct bytes *so_pin)
{
    const char *slash = strrchr(token->store.path, '/');
    struct token_conf conf = {0};
    int directory = -1;
    CK_RV rv = open_tokens(config, &directory);

    if (rv == CKR_OK)
        rv = renew_conf(token, config, label, &conf);
    if (rv == CKR_OK)
        rv = write_directory(directory, NULL, slash + 1, &conf, config, so_pin, NULL);
    token_conf_free(&conf);
    if (directory >= 0)
        close(directory);
    return rv;
}
