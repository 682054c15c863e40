/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_REQUEST_H
#define DEVID_EMULATOR_REQUEST_H

#include "common/bytes.h"

#include <jansson.h>

struct emulator;

/* A header or a query parameter. Lists of them end with a NULL name. */
struct emu_field {
    const char *name;
    const char *value; /* "" when there was none */
};

#define EMU_PARAMETERS_MAXIMUM 3
#define EMU_HEADERS_MAXIMUM 64

/* A request as the handlers see it, free of any HTTP library. Everything is owned by whoever made it. */
struct emu_request {
    const char *method;
    const char *path; /* as sent, without the query, still percent-encoded */
    const struct emu_field *query;
    const struct emu_field *headers;
    struct bytes body;
    const struct bytes *peer; /* the TLS client's certificates in DER, leaf first */
    size_t peer_count;
    bool local; /* from this machine */
};

/* Where an injected fault cuts the connection. */
enum emu_cut {
    EMU_CUT_NONE,
    EMU_CUT_SILENT, /* no answer at all */
    EMU_CUT_BODY,   /* in the middle of the answer's body */
};

/* The variable path segments, decoded, in the order of the route's pattern. */
struct emu_parameters {
    char *values[EMU_PARAMETERS_MAXIMUM];
    size_t count;
};

/* An answer. All of it is owned by the response and freed by emu_response_free. */
struct emu_response {
    unsigned status;
    struct {
        char *name;
        char *value;
    } headers[EMU_HEADERS_MAXIMUM];
    size_t header_count;
    struct bytes body;
    enum emu_cut cut;
    unsigned delay; /* milliseconds, before anything is answered */
};

/* Fills a response (which comes empty). Runs on the server's one thread; never blocks on the network. */
typedef void emu_handler(struct emulator *emulator, const struct emu_request *request,
                         const struct emu_parameters *parameters, struct emu_response *response);

/* The value of the first field of that name, in any case; NULL when there is none. A NULL list is empty. */
const char *emu_field_find(const struct emu_field *fields, const char *name);

/* True when the request's Content-Type is `type`, whatever its parameters. */
bool emu_request_has_type(const struct emu_request *request, const char *type);

/* Adds a header. Without memory, or beyond EMU_HEADERS_MAXIMUM, the response becomes an empty 500. */
void emu_response_header(struct emu_response *response, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Status and JSON body; `body` is taken. NULL stands for lack of memory and makes an empty 500. */
void emu_response_json(struct emu_response *response, unsigned status, json_t *body);

void emu_response_free(struct emu_response *response);
void emu_parameters_free(struct emu_parameters *parameters);

#endif
