/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/files.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum cli_status cli_file_read(const char *what, const char *path, size_t maximum, struct bytes *out)
{
    struct bytes content = BYTES_EMPTY;
    int error = file_read(AT_FDCWD, path, maximum, &content);
    bool copied;

    *out = BYTES_EMPTY;
    if (error == EFBIG)
        return cli_fail(CLI_INPUT, "%s %s: is larger than %zu bytes; is it the right file?", what, path,
                        maximum);
    if (error != 0)
        return cli_fail(CLI_INPUT, "%s %s: cannot be read (%s); check the path and its permissions", what,
                        path, strerror(error));
    copied = bytes_alloc(out, content.size + 1);
    if (copied) {
        if (content.size != 0)
            memcpy(out->data, content.data, content.size);
        out->size = content.size;
    }
    bytes_free(&content);
    return copied ? CLI_OK : cli_no_memory();
}

enum cli_status cli_file_write(const char *path, const void *data, size_t size, mode_t mode)
{
    int error;

    if (path == NULL || strcmp(path, "-") == 0) {
        if (fwrite(data, 1, size, stdout) != size || fflush(stdout) != 0)
            return cli_fail(CLI_INTERNAL, "standard output: cannot be written; is the disk full?");
        return CLI_OK;
    }
    error = file_replace(AT_FDCWD, path, data, size, mode);
    if (error != 0)
        return cli_fail(CLI_INPUT, "%s: cannot be written (%s); check the directory and its permissions",
                        path, strerror(error));
    return CLI_OK;
}
