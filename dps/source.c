/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/source.h"

#include "common/file.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#define FILE_MAXIMUM (1024 * 1024)

/* Blocks of PEM that OpenSSL does not read by itself. */
static const char *const foreign_blocks[] = {
    "-----BEGIN TSS2 PRIVATE KEY-----",
    "-----BEGIN PKCS#11 PROVIDER URI-----",
};

/* The path in "file:x", "file:///x" or "file://localhost/x", as OpenSSL reads them; another text is a path
 * itself. */
const char *dps_source_path(const char *source)
{
    static const char *const prefixes[] = {"file://localhost/", "file:///", "file:"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t length = strlen(prefixes[i]);

        if (strncasecmp(source, prefixes[i], length) == 0)
            return source + length - (prefixes[i][length - 1] == '/' ? 1 : 0);
    }
    return source;
}

bool dps_source_is_uri(const char *source)
{
    return strncasecmp(source, "pkcs11:", strlen("pkcs11:")) == 0;
}

int dps_source_inspect(const char *source, bool *needs_provider)
{
    struct bytes content = BYTES_EMPTY;
    int error;

    *needs_provider = dps_source_is_uri(source);
    if (*needs_provider)
        return 0;
    error = file_read(AT_FDCWD, dps_source_path(source), FILE_MAXIMUM, &content);
    for (size_t i = 0; content.size > 0 && i < sizeof foreign_blocks / sizeof foreign_blocks[0]; i++)
        if (memmem(content.data, content.size, foreign_blocks[i], strlen(foreign_blocks[i])) != NULL)
            *needs_provider = true;
    bytes_free(&content);
    return error;
}
