/* SPDX-License-Identifier: Apache-2.0 */
/* A connection string: what is read is whole, what is refused is empty and its key is not told. */
#include "cli/connection.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_seeds[] = "connection";

static void read_as(const char *text, enum cli_connection_kind kind)
{
    struct cli_connection connection;
    char message[100] = "";

    if (cli_connection_read(text, kind, &connection, message, sizeof message)) {
        if (connection.host == NULL || connection.key.size == 0 ||
            (kind == CLI_CONNECTION_DEVICE ? connection.device_id : connection.policy) == NULL)
            abort();
    } else if (connection.host != NULL || connection.key.size != 0 || message[0] == '\0') {
        abort();
    }
    cli_connection_free(&connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    read_as(text, CLI_CONNECTION_DEVICE);
    read_as(text, CLI_CONNECTION_SERVICE);
    free(text);
    return 0;
}
