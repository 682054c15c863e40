/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_DPS_SERVER_H
#define DEVID_TESTS_SUPPORT_DPS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A scripted HTTPS server on a free port of 127.0.0.1, in a thread of its own. It goes through its rows: each
 * says what the next request must be and what it is answered. A request that is not the expected one, or one
 * too many, is answered 418, and dps_server_finish fails the test.
 */
enum dps_server_conduct {
    SERVER_ANSWERS,
    SERVER_CLOSES,           /* reads the request and closes the connection */
    SERVER_STALLS,           /* reads the request and says nothing until the client goes away */
    SERVER_BABBLES,          /* sends `answer` as it is, without a status line */
    SERVER_OVERDOES,         /* sends a body of 300 KiB */
    SERVER_OVERDOES_CHUNKED, /* the same without telling the length */
    SERVER_OVERDOES_HEADERS, /* sends 100 KiB of headers */
};

struct dps_server_row {
    /* expectations; NULL: anything */
    const char *method;
    const char *path;   /* how the request's target begins */
    const char *body;   /* what the body contains */
    const char *header; /* what the header lines contain, e.g. "\r\nAccept: application/json\r\n" */
    /* the answer */
    unsigned status;
    const char *headers; /* "Name: value\r\n" each; NULL: none */
    const char *answer;  /* the body; NULL: none */
    enum dps_server_conduct conduct;
    unsigned times; /* the row serves so many requests; 0 means 1 */
};

enum dps_server_client_certificate { CERTIFICATE_ASKED, CERTIFICATE_REFUSED, CERTIFICATE_REQUIRED };

struct dps_server_options {
    const char *certificate; /* PEM files of the server's own */
    const char *key;
    enum dps_server_client_certificate client; /* any one is good enough, or none is */
    int tls_version;                           /* TLS1_2_VERSION to speak no other; 0: all */
};

/* What arrived. */
struct dps_server_request {
    char *head; /* request line and headers */
    char *body;
    size_t body_size;
    char peer[256];      /* common name of the client's certificate, "" if it sent none */
    unsigned peer_chain; /* how many certificates it sent */
    unsigned connection; /* 1 the first */
    bool resumed;        /* the TLS session was, so that no certificate was shown */
    char tls[16];        /* "TLSv1.3" */
};

struct dps_server;

/* The rows must live as long as the server. */
struct dps_server *dps_server_start(const struct dps_server_options *options,
                                    const struct dps_server_row *rows, size_t count);
uint16_t dps_server_port(const struct dps_server *server);
/* "localhost:PORT" */
const char *dps_server_authority(const struct dps_server *server);

/* Stops the server, so that what arrived can be looked at. All of it stays until dps_server_free. */
void dps_server_stop(struct dps_server *server);
size_t dps_server_count(const struct dps_server *server);
const struct dps_server_request *dps_server_request(const struct dps_server *server, size_t index);
/* Connections on which a TLS handshake was completed. */
unsigned dps_server_connections(const struct dps_server *server);

/* Stops and frees the server; ends the test unless every row was served, in order, and nothing else asked
 * for. */
void dps_server_finish(struct dps_server *server);
/* The same without looking at the rows. */
void dps_server_free(struct dps_server *server);

#endif
