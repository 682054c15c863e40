/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/store.h"

#include "common/buffer.h"
#include "common/file.h"
#include "pkcs11/failure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_FILE ".lock"
#define GENERATION_FILE ".generation"
#define LOCK_MILLISECONDS 10000
#define OBJECT_FILE_MAXIMUM (1024 * 1024)
#define NAME_MAXIMUM 100
/* File times advance with the kernel's tick; a stamp younger than this may hide a change that comes after it.
 */
#define SETTLE_NANOSECONDS (50 * 1000 * 1000LL)

CK_RV store_open(const char *path, struct store *store)
{
    *store = (struct store){.directory = -1, .lock_milliseconds = LOCK_MILLISECONDS, .leftovers = true};
    store->path = strdup(path);
    if (store->path == NULL)
        return CKR_HOST_MEMORY;
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory >= 0)
        return CKR_OK;
    p11_fail(CKR_TOKEN_NOT_PRESENT, "token directory %s cannot be opened: %s", path, strerror(errno));
    store_close(store);
    return CKR_TOKEN_NOT_PRESENT;
}

void store_close(struct store *store)
{
    if (store->directory >= 0)
        close(store->directory);
    free(store->path);
    *store = (struct store){.directory = -1};
}

bool store_is_writable(const struct store *store)
{
    return faccessat(store->directory, ".", W_OK, AT_EACCESS) == 0;
}

static struct store_stamp stamp_now(const struct store *store)
{
    struct stat directory = {0};
    struct stat generation = {0};

    if (fstat(store->directory, &directory) != 0)
        directory.st_mtim.tv_sec = 0;
    if (fstatat(store->directory, GENERATION_FILE, &generation, AT_SYMLINK_NOFOLLOW) != 0)
        generation.st_ino = 0;
    return (struct store_stamp){directory.st_mtim, generation.st_ino};
}

static bool is_settled(const struct store_stamp *stamp)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - stamp->modified.tv_sec) * 1000000000LL + (now.tv_nsec - stamp->modified.tv_nsec) >
           SETTLE_NANOSECONDS;
}

bool store_changed(struct store *store)
{
    struct store_stamp now = stamp_now(store);
    bool same = now.generation == store->seen.generation &&
                now.modified.tv_sec == store->seen.modified.tv_sec &&
                now.modified.tv_nsec == store->seen.modified.tv_nsec;

    if (same && store->settled)
        return false;
    store->seen = now;
    store->settled = is_settled(&now);
    return true;
}

void store_look_again(struct store *store)
{
    store->settled = false;
}

static bool is_object_file(const char *name)
{
    size_t length = strlen(name);

    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".pem") == 0 &&
           strcmp(name, "pin.pem") != 0;
}

/* What file_replace writes before it is renamed. */
static bool is_temporary(const char *name)
{
    size_t length = strlen(name);

    return name[0] == '.' && length > 5 && strcmp(name + length - 4, ".tmp") == 0;
}

static DIR *open_listing(const struct store *store)
{
    int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    int error = errno;

    if (listing == NULL && fd >= 0)
        close(fd);
    errno = error;
    return listing;
}

CK_RV store_each(struct store *store, store_file *each, void *data)
{
    DIR *listing = open_listing(store);
    struct dirent *entry;
    CK_RV rv = CKR_OK;

    if (listing == NULL)
        return p11_fail(CKR_DEVICE_ERROR, "token directory %s cannot be listed: %s", store->path,
                        strerror(errno));
    while (rv == CKR_OK && (entry = readdir(listing)) != NULL) {
        struct stat status;

        store->leftovers |= is_temporary(entry->d_name);
        if (is_object_file(entry->d_name) && fstatat(store->directory, entry->d_name, &status, 0) == 0 &&
            S_ISREG(status.st_mode))
            rv = each(data, entry->d_name, &status);
    }
    closedir(listing);
    return rv;
}

CK_RV store_read(const struct store *store, const char *name, struct bytes *content)
{
    int error = file_read(store->directory, name, OBJECT_FILE_MAXIMUM, content);

    if (error == 0)
        return CKR_OK;
    return p11_fail(CKR_DEVICE_ERROR, "%s/%s cannot be read: %s", store->path, name, strerror(error));
}

CK_RV store_failure(int error)
{
    static const struct {
        int error;
        CK_RV rv;
    } rows[] = {
        {EROFS,  CKR_TOKEN_WRITE_PROTECTED},
        {EACCES, CKR_TOKEN_WRITE_PROTECTED},
        {EPERM,  CKR_TOKEN_WRITE_PROTECTED},
        {ENOSPC, CKR_DEVICE_MEMORY        },
        {EDQUOT, CKR_DEVICE_MEMORY        },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == error)
            return rows[i].rv;
    return CKR_DEVICE_ERROR;
}

static CK_RV write_failed(const struct store *store, const char *name, int error)
{
    CK_RV rv = store_failure(error);

    if (error == ETIMEDOUT)
        return p11_fail(rv, "%s/" LOCK_FILE " is held by another process; try again when it has finished",
                        store->path);
    return p11_fail(rv, "%s/%s cannot be written: %s", store->path, name, strerror(error));
}

/* A new inode under the old name tells readers that something changed, however coarse the clock is. It is
 * made before the change, so that nothing was changed when it fails: who looks in between looks again,
 * because the directory is not settled. */
static int bump_generation(const struct store *store)
{
    return file_replace(store->directory, GENERATION_FILE, "", 0, 0600);
}

/* Under the lock no other writer has a temporary file: those that are there were left by killed ones. */
static void remove_leftovers(struct store *store)
{
    DIR *listing = open_listing(store);
    struct dirent *entry;

    store->leftovers = listing == NULL;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (is_temporary(entry->d_name))
            unlinkat(store->directory, entry->d_name, 0);
    if (listing != NULL)
        closedir(listing);
}

static CK_RV lock_store(struct store *store, int *lock)
{
    int error = file_lock(store->directory, LOCK_FILE, store->lock_milliseconds, lock);

    if (error != 0)
        return write_failed(store, LOCK_FILE, error);
    if (store->leftovers)
        remove_leftovers(store);
    return CKR_OK;
}

CK_RV store_replace(struct store *store, const char *name, const void *data, size_t size)
{
    int lock;
    int error;
    CK_RV rv = lock_store(store, &lock);

    if (rv != CKR_OK)
        return rv;
    error = bump_generation(store);
    if (error == 0)
        error = file_replace(store->directory, name, data, size, 0600);
    file_unlock(lock);
    return error == 0 ? CKR_OK : write_failed(store, name, error);
}

CK_RV store_remove(struct store *store, const char *name)
{
    int lock;
    int error;
    CK_RV rv = lock_store(store, &lock);

    if (rv != CKR_OK)
        return rv;
    error = bump_generation(store);
    if (error == 0)
        error = file_remove(store->directory, name);
    file_unlock(lock);
    return error == 0 || error == ENOENT ? CKR_OK : write_failed(store, name, error);
}

static CK_RV read_and_edit(const struct store *store, const char *name, store_editor *editor, void *data,
                           struct stat *status, struct buffer *new)
{
    struct bytes old = BYTES_EMPTY;
    CK_RV rv;

    if (fstatat(store->directory, name, status, 0) != 0 && errno == ENOENT)
        return CKR_OBJECT_HANDLE_INVALID;
    if (status->st_ino == 0)
        return p11_fail(CKR_DEVICE_ERROR, "%s/%s cannot be read: %s", store->path, name, strerror(errno));
    rv = store_read(store, name, &old);
    if (rv == CKR_OK)
        rv = editor(data, status, &old, new);
    if (rv == CKR_OK && new->failed)
        rv = p11_fail(CKR_DEVICE_MEMORY, "%s/%s would become too large", store->path, name);
    bytes_free(&old);
    return rv;
}

CK_RV store_edit(struct store *store, const char *name, store_editor *editor, void *data, struct buffer *new)
{
    struct stat status = {0};
    int lock;
    int error;
    CK_RV rv = lock_store(store, &lock);

    if (rv != CKR_OK)
        return rv;
    rv = read_and_edit(store, name, editor, data, &status, new);
    error = rv == CKR_OK ? bump_generation(store) : 0;
    if (rv == CKR_OK && error == 0)
        error = new->size != 0
                    ? file_replace(store->directory, name, new->data, new->size, status.st_mode & 0777)
                    : file_remove(store->directory, name);
    file_unlock(lock);
    return error == 0 ? rv : write_failed(store, name, error);
}

char *store_name_of(const char *label, size_t length)
{
    struct buffer name;
    char *text;

    buffer_init(&name, NAME_MAXIMUM + 8);
    for (size_t i = 0; i < length && name.size < NAME_MAXIMUM; i++) {
        char c = label[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c == '.' && i != 0)))
            c = '-';
        buffer_add_u8(&name, (uint8_t)c);
    }
    if (name.size == 0)
        buffer_add_text(&name, "key");
    text = buffer_take_text(&name);
    buffer_free(&name);
    return text;
}

/* "label.pem", "label-2.pem", ...: the first that is free. Under the lock nobody of ours takes it meanwhile.
 */
static char *free_name(const struct store *store, const char *label, const char *suffix)
{
    char *base = store_name_of(label, strlen(label));

    for (unsigned i = 1; base != NULL; i++) {
        struct buffer name;
        struct stat status;
        char *text;

        buffer_init(&name, NAME_MAXIMUM + 64);
        buffer_add_text(&name, base);
        if (i > 1)
            buffer_addf(&name, "-%u", i);
        buffer_add_text(&name, suffix);
        text = buffer_take_text(&name);
        buffer_free(&name);
        if (text == NULL ||
            (is_object_file(text) && fstatat(store->directory, text, &status, AT_SYMLINK_NOFOLLOW) != 0)) {
            free(base);
            return text;
        }
        free(text);
    }
    return NULL;
}

CK_RV store_add(struct store *store, const char *label, const char *suffix, const void *data, size_t size,
                char **name)
{
    int lock;
    int error;
    CK_RV rv = lock_store(store, &lock);

    *name = NULL;
    if (rv != CKR_OK)
        return rv;
    *name = free_name(store, label, suffix);
    error = *name != NULL ? bump_generation(store) : ENOMEM;
    if (error == 0) {
        error = file_replace(store->directory, *name, data, size, 0600);
        if (error != 0)
            unlinkat(store->directory, *name, 0); /* in place, but not made durable */
    }
    file_unlock(lock);
    if (error == 0)
        return CKR_OK;
    rv = write_failed(store, *name != NULL ? *name : label, error);
    free(*name);
    *name = NULL;
    return rv;
}
