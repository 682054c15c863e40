/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_POLL_MILLISECONDS 5

int file_read(int directory, const char *name, size_t maximum, struct bytes *out)
{
    struct stat status;
    size_t done = 0;
    int fd;
    int error = 0;

    *out = BYTES_EMPTY;
    fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno;
    if (fstat(fd, &status) != 0)
        error = errno;
    else if (!S_ISREG(status.st_mode))
        error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    else if (status.st_size < 0 || (uintmax_t)status.st_size > maximum)
        error = EFBIG;
    else if (!bytes_alloc(out, (size_t)status.st_size))
        error = ENOMEM;
    while (error == 0 && done < out->size) {
        ssize_t got = read(fd, out->data + done, out->size - done);

        if (got > 0)
            done += (size_t)got;
        else if (got == 0)
            out->size = done; /* it shrank; what is there now is what it is */
        else if (errno != EINTR)
            error = errno;
    }
    close(fd);
    if (error != 0)
        bytes_free(out);
    return error;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t put = write(fd, data + done, size - done);

        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            return errno;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

/* Makes the directory entry durable. File systems that cannot fsync a directory say EINVAL. */
static int sync_directory_of(int directory, const char *name)
{
    char path[PATH_MAX] = ".";
    const char *slash = strrchr(name, '/');
    int error = 0;
    int fd;

    if (slash != NULL && (size_t)(slash - name) + 1 < sizeof path)
        snprintf(path, sizeof path, "%.*s", slash == name ? 1 : (int)(slash - name), name);
    fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL)
        error = errno;
    close(fd);
    return error;
}

/* What root makes in an open directory of somebody else, the token of a service, is theirs: they could not
 * read it otherwise. `fd` is a file that was just made. Where root may not give it away it stays root's. */
static void give_to_owner(int directory, int fd)
{
    struct stat status;

    if (directory == AT_FDCWD || geteuid() != 0 || fstat(directory, &status) != 0 || status.st_uid == 0)
        return;
    if (fchown(fd, status.st_uid, status.st_gid) != 0)
        errno = 0;
}

int file_replace(int directory, const char *name, const void *data, size_t size, mode_t mode)
{
    char temporary[PATH_MAX];
    const char *slash = strrchr(name, '/');
    size_t folder = slash != NULL ? (size_t)(slash - name) + 1 : 0;
    uint64_t nonce;
    int length;
    int error;
    int fd;

    if (getrandom(&nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
        return EIO;
    length = snprintf(temporary, sizeof temporary, "%.*s.%s.%016llx.tmp", (int)folder, name, name + folder,
                      (unsigned long long)nonce);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return ENAMETOOLONG;
    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return errno;
    give_to_owner(directory, fd);
    error = fchmod(fd, mode) == 0 ? write_all(fd, data, size) : errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && renameat(directory, temporary, directory, name) != 0)
        error = errno;
    if (error != 0) {
        unlinkat(directory, temporary, 0);
        return error;
    }
    return sync_directory_of(directory, name);
}

int file_remove(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) != 0)
        return errno;
    return sync_directory_of(directory, name);
}

static int64_t now_milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Only a file that is new is given away: one that is there may be a link to another. */
static int open_lock(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        give_to_owner(directory, fd);
    else if (errno == EEXIST)
        fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd;
}

int file_lock(int directory, const char *name, unsigned milliseconds, int *out)
{
    const struct timespec pause = {.tv_nsec = LOCK_POLL_MILLISECONDS * 1000000L};
    int64_t deadline = now_milliseconds() + (int64_t)milliseconds;
    int fd = open_lock(directory, name);

    *out = -1;
    if (fd < 0)
        return errno;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;

        if (error == EINTR)
            continue;
        if (error == EWOULDBLOCK && now_milliseconds() < deadline) {
            nanosleep(&pause, NULL);
            continue;
        }
        close(fd);
        return error == EWOULDBLOCK ? ETIMEDOUT : error;
    }
    *out = fd;
    return 0;
}

/* A child that was forked meanwhile has the descriptor too, and with it the lock, until somebody says that it
 * is over. */
void file_unlock(int fd)
{
    if (fd < 0)
        return;
    flock(fd, LOCK_UN);
    close(fd);
}

int file_make_directories(const char *path, mode_t mode)
{
    char partial[PATH_MAX];
    size_t length = strlen(path);

    if (length == 0)
        return ENOENT;
    if (length >= sizeof partial)
        return ENAMETOOLONG;
    memcpy(partial, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        if (mkdir(partial, mode) != 0 && errno != EEXIST)
            return errno;
        partial[i] = i < length ? '/' : '\0';
    }
    return 0;
}
