/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_SERVICE_H
#define DEVID_CLI_SERVICE_H

#include "cli/connection.h"
#include "cli/options.h"

#include <jansson.h>

/* The service API of DPS, for a back end that has its connection string: Azure's or the emulator's. */

/* The options that every command of it has. */
struct cli_service_options {
    const char *connection_file; /* NULL: the string itself is in the environment */
    const char *ca_file;
    unsigned timeout;
};

#define CLI_SERVICE_CONNECTION "PROVISIONING_CONNECTION_STRING"

/* Rows for these options; FIELD is the struct cli_service_options in the values struct TYPE. */
#define CLI_OPTIONS_SERVICE(TYPE, FIELD)                                                                     \
    {"connection", "FILE", "file with the service's connection string", CLI_TEXT,                            \
     offsetof(TYPE, FIELD.connection_file)},                                                                 \
        {"ca-file", "FILE", "CAs to trust instead of the system's", CLI_TEXT,                                \
         offsetof(TYPE, FIELD.ca_file)},                                                                     \
    {                                                                                                        \
        "timeout", "SECONDS", "give up after so long (default 60)", CLI_NUMBER,                              \
            offsetof(TYPE, FIELD.timeout)                                                                    \
    }

/* What is left of a request once it is answered. */
struct cli_service_reply {
    long status;        /* of HTTP */
    json_t *body;       /* NULL: it had none */
    char *continuation; /* where a list goes on, or NULL */
};

/* One request. `path` is percent-encoded, without the query. */
struct cli_service_request {
    const char *method;
    const char *path;
    const json_t *body;       /* or NULL */
    const char *if_match;     /* or NULL */
    const char *continuation; /* or NULL */
    bool may_be_absent;       /* 404 is no failure */
};

struct cli_service;

/* Reads the connection string. Close it in any case. */
enum cli_status cli_service_open(const struct cli_service_options *options, struct cli_service **service);
void cli_service_close(struct cli_service *service);

/* Sends it. A refusal of the service has been told; *reply is freed in any case. */
enum cli_status cli_service_call(struct cli_service *service, const struct cli_service_request *request,
                                 struct cli_service_reply *reply);
void cli_service_reply_free(struct cli_service_reply *reply);

/* "/enrollments/ID", with the id percent-encoded; malloc'ed. NULL: no memory. */
char *cli_service_path(const char *collection, const char *id, const char *tail);

#endif
