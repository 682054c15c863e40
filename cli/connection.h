/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_CONNECTION_H
#define DEVID_CLI_CONNECTION_H

#include "cli/status.h"
#include "common/bytes.h"

/*
 * A connection string: HostName=...;DeviceId=...;SharedAccessKey=... of a device, or with SharedAccessKeyName
 * instead of DeviceId that of a service. The key is decoded. Free it with cli_connection_free.
 */
struct cli_connection {
    char *host; /* with its port, if it has one */
    char *device_id;
    char *policy;
    struct bytes key;
    char *key_text; /* as written: base64 */
};

enum cli_connection_kind { CLI_CONNECTION_DEVICE, CLI_CONNECTION_SERVICE };

/* Reads one of that kind; unknown names do not count. White space at its end is no part of it. False: what is
 * wrong, as the end of a sentence and without the key, in message[size]; *out is empty. */
__attribute__((warn_unused_result)) bool cli_connection_read(const char *text, enum cli_connection_kind kind,
                                                             struct cli_connection *out, char *message,
                                                             size_t size);
void cli_connection_free(struct cli_connection *connection);

#endif
