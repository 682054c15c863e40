/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_FILES_H
#define DEVID_CLI_FILES_H

#include "cli/status.h"
#include "common/bytes.h"

#include <sys/types.h>

/* Reads a file of at most `maximum` bytes; a failure names `what` it should have held ("certificate file").
 * The content has a NUL behind it that `size` does not count. Freed with bytes_free. */
enum cli_status cli_file_read(const char *what, const char *path, size_t maximum, struct bytes *out);

/* Replaces the file in one step, or prints to standard output when path is NULL or "-". */
enum cli_status cli_file_write(const char *path, const void *data, size_t size, mode_t mode);

#endif
