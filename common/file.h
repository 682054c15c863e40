/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_FILE_H
#define DEVID_COMMON_FILE_H

#include "common/bytes.h"

#include <sys/types.h>

/*
 * All of these answer 0 or an errno value. `directory` is an open directory descriptor or AT_FDCWD, and
 * `name` is resolved against it. Descriptors are opened O_CLOEXEC.
 * What root makes in an open directory that belongs to another user is made that user's.
 */

/* Reads a regular file whole into *out (freed with bytes_free). EFBIG: it is larger than `maximum`. */
__attribute__((warn_unused_result)) int file_read(int directory, const char *name, size_t maximum,
                                                  struct bytes *out);

/*
 * Replaces or makes the file in one step: temporary file beside it, write, fsync, rename, fsync of the
 * directory. A reader sees the old content or the new one, whole, also after a crash. `name` must not contain
 * a slash unless `directory` is AT_FDCWD.
 */
__attribute__((warn_unused_result)) int file_replace(int directory, const char *name, const void *data,
                                                     size_t size, mode_t mode);

/* Removes the file and makes the removal durable. ENOENT: it was not there. */
__attribute__((warn_unused_result)) int file_remove(int directory, const char *name);

/* Opens (and makes, mode 0600) a lock file and takes an exclusive flock, waiting at most `milliseconds`.
 * ETIMEDOUT: somebody holds it. The lock ends with file_unlock; the file stays. */
__attribute__((warn_unused_result)) int file_lock(int directory, const char *name, unsigned milliseconds,
                                                  int *fd);
void file_unlock(int fd);

/* mkdir -p. Directories that are made get `mode`; ones that are there are left alone. */
__attribute__((warn_unused_result)) int file_make_directories(const char *path, mode_t mode);

#endif
