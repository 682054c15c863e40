/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_HTTP_H
#define DPS_HTTP_H

#include "common/buffer.h"
#include "dps/report.h"
#include "dps/tls.h"

#include <stdbool.h>

/* One request, one response, over connections that are kept for the next one. */
struct dps_http;

struct dps_http_settings {
    struct dps_tls *tls; /* outlives the struct dps_http */
    const char *trust;   /* CA file, NULL: the system's */
    const char *proxy;   /* NULL: as the environment says, "": none */
    int wake;            /* descriptor: readable means "stop" */
    struct dps_report *report;
};

/* Makes one without a connection; copies the texts. *out is freed with dps_http_free. */
__attribute__((warn_unused_result)) dps_status dps_http_new(const struct dps_http_settings *settings,
                                                            struct dps_http **out);
/* Closes the connections. NULL is accepted. */
void dps_http_free(struct dps_http *http);

struct dps_http_request {
    const char *method;
    const char *url;
    const void *body; /* NULL: none */
    size_t body_size;
    const char *const *headers; /* "Name: value" each, ends with NULL; NULL: none */
};

#define DPS_HTTP_BODY_MAXIMUM (256 * 1024)

/* A header of an answer. */
struct dps_http_header {
    char *name;
    char *value;
};

struct dps_http_response {
    unsigned status;
    struct buffer body;              /* at most DPS_HTTP_BODY_MAXIMUM */
    char retry_after[32];            /* the header's text, "": none */
    int64_t date;                    /* the Date header in seconds since 1970, -1: none */
    struct dps_http_header *headers; /* ETag, and those a hub describes a message with */
    size_t header_count;
};

/*
 * Sends the request and reads the response, in at most `milliseconds`. DPS_OK: there is one, whatever its
 * status; it is freed with dps_http_response_free, as in every other case. DPS_TRANSPORT: trying again may
 * help. DPS_TLS, DPS_KEY, DPS_PROTOCOL (not HTTP, or too large): it will not. DPS_TIMEOUT, DPS_CANCELLED,
 * DPS_INVALID, DPS_NO_MEMORY: as they say.
 */
__attribute__((warn_unused_result)) dps_status dps_http_send(struct dps_http *http,
                                                             const struct dps_http_request *request,
                                                             int64_t milliseconds,
                                                             struct dps_http_response *out);
void dps_http_response_free(struct dps_http_response *response);

/* The value of one of response->headers, by its name without regard to case; NULL: it is not there. */
const char *dps_http_find_header(const struct dps_http_response *response, const char *name);

#endif
