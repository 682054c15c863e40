/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_server.h"

#include "tests/support/support.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAXIMUM (96 * 1024)
#define REQUESTS_MAXIMUM 256
#define EXCESS (300 * 1024)

struct dps_server {
    const struct dps_server_row *rows;
    size_t row_count;
    size_t row;      /* the one that serves next */
    unsigned served; /* how often it did */
    SSL_CTX *context;
    int listener;
    int stop; /* eventfd */
    pthread_t thread;
    bool stopped;
    uint16_t port;
    char authority[32];
    unsigned connections;
    struct dps_server_request requests[REQUESTS_MAXIMUM];
    size_t request_count;
    char complaint[1024]; /* about the first request that was not expected */
};

/* ---- reading ---- */

/* Waits until the connection can be read. False: the server is to stop. */
static bool wait_readable(const struct dps_server *server, SSL *ssl)
{
    struct pollfd descriptors[] = {
        {.fd = server->stop,    .events = POLLIN},
        {.fd = SSL_get_fd(ssl), .events = POLLIN}
    };

    if (SSL_pending(ssl) > 0)
        return true;
    return poll(descriptors, 2, -1) > 0 && (descriptors[0].revents & POLLIN) == 0;
}

/* Reads the request line and headers, byte by byte, so that nothing of the body is taken. */
static bool read_head(const struct dps_server *server, SSL *ssl, struct dps_server_request *request)
{
    size_t size = 0;

    request->head = calloc(1, HEAD_MAXIMUM);
    while (size < HEAD_MAXIMUM - 1) {
        if (!wait_readable(server, ssl) || SSL_read(ssl, request->head + size, 1) != 1)
            return false;
        size++;
        if (size >= 4 && memcmp(request->head + size - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool read_body(const struct dps_server *server, SSL *ssl, struct dps_server_request *request)
{
    const char *length = strcasestr(request->head, "\r\nContent-Length:");
    size_t expected = length != NULL ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0;

    request->body = calloc(1, expected + 1);
    while (request->body_size < expected) {
        int got;

        if (!wait_readable(server, ssl))
            return false;
        got = SSL_read(ssl, request->body + request->body_size, (int)(expected - request->body_size));
        if (got <= 0)
            return false;
        request->body_size += (size_t)got;
    }
    return true;
}

static void note_peer(SSL *ssl, struct dps_server_request *request)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    request->resumed = SSL_session_reused(ssl) == 1;
    snprintf(request->tls, sizeof request->tls, "%s", SSL_get_version(ssl));
    if (peer == NULL)
        return;
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, request->peer,
                              sizeof request->peer);
    request->peer_chain = (unsigned)sk_X509_num(chain) + 1; /* a server's list is without the peer itself */
}

/* ---- answering ---- */

static void send_all(SSL *ssl, const char *data, size_t size)
{
    while (size > 0) {
        int sent = SSL_write(ssl, data, (int)(size < 16384 ? size : 16384));

        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
    }
}

static void send_text(SSL *ssl, const char *text)
{
    send_all(ssl, text, strlen(text));
}

static void send_excess(SSL *ssl)
{
    char *excess = malloc(EXCESS);

    memset(excess, ' ', EXCESS);
    send_all(ssl, excess, EXCESS);
    free(excess);
}

static void answer(SSL *ssl, unsigned status, const char *headers, const char *body)
{
    char head[1024];

    snprintf(head, sizeof head, "HTTP/1.1 %u Scripted\r\n%s", status, headers != NULL ? headers : "");
    send_text(ssl, head);
    if (status != 204) {
        snprintf(head, sizeof head, "Content-Length: %zu\r\n", body != NULL ? strlen(body) : 0);
        send_text(ssl, head);
    }
    send_text(ssl, "\r\n");
    if (body != NULL)
        send_text(ssl, body);
}

/* False: the connection is to be closed. */
static bool act(const struct dps_server *server, SSL *ssl, const struct dps_server_row *row)
{
    char byte;

    switch (row->conduct) {
    case SERVER_ANSWERS:
        answer(ssl, row->status, row->headers, row->answer);
        return true;
    case SERVER_CLOSES:
        return false;
    case SERVER_STALLS:
        if (wait_readable(server, ssl))
            SSL_read(ssl, &byte, 1);
        return false;
    case SERVER_BABBLES:
        send_text(ssl, row->answer);
        return false;
    case SERVER_OVERDOES:
        send_text(ssl, "HTTP/1.1 200 Scripted\r\nContent-Length: 307200\r\n\r\n");
        break;
    case SERVER_OVERDOES_CHUNKED:
        send_text(ssl, "HTTP/1.1 200 Scripted\r\nTransfer-Encoding: chunked\r\n\r\n4b000\r\n");
        break;
    case SERVER_OVERDOES_HEADERS:
        send_text(ssl, "HTTP/1.1 200 Scripted\r\n");
        for (int i = 0; i < 100; i++) {
            send_text(ssl, "X-Filler: ");
            for (int j = 0; j < 16; j++)
                send_text(ssl, "0123456789012345678901234567890123456789012345678901234567890123");
            send_text(ssl, "\r\n");
        }
        return false;
    }
    send_excess(ssl);
    return false;
}

static bool is_expected(const struct dps_server_row *row, const struct dps_server_request *request)
{
    const char *target = strchr(request->head, ' ');

    if (target == NULL)
        return false;
    if (row->method != NULL && (strncmp(request->head, row->method, strlen(row->method)) != 0 ||
                                request->head + strlen(row->method) != target))
        return false;
    if (row->path != NULL && strncmp(target + 1, row->path, strlen(row->path)) != 0)
        return false;
    if (row->body != NULL && strstr(request->body, row->body) == NULL)
        return false;
    return row->header == NULL || strstr(request->head, row->header) != NULL;
}

/* The row for the request; NULL, with a complaint, when the script has none. */
static const struct dps_server_row *next_row(struct dps_server *server,
                                             const struct dps_server_request *request)
{
    const struct dps_server_row *row = &server->rows[server->row];

    if (server->row == server->row_count || !is_expected(row, request)) {
        if (server->complaint[0] == '\0')
            snprintf(server->complaint, sizeof server->complaint,
                     "row %zu of %zu did not expect: %.600s%.200s", server->row, server->row_count,
                     request->head, request->body);
        return NULL;
    }
    if (++server->served >= (row->times != 0 ? row->times : 1)) {
        server->row++;
        server->served = 0;
    }
    return row;
}

static bool serve_request(struct dps_server *server, SSL *ssl)
{
    struct dps_server_request request = {.connection = server->connections};
    const struct dps_server_row *row;

    if (server->request_count == REQUESTS_MAXIMUM || !read_head(server, ssl, &request) ||
        !read_body(server, ssl, &request)) {
        free(request.head);
        free(request.body);
        return false;
    }
    note_peer(ssl, &request);
    server->requests[server->request_count++] = request; /* transferred */
    row = next_row(server, &request);
    if (row != NULL)
        return act(server, ssl, row);
    answer(ssl, 418, NULL, "the script expected something else");
    return true;
}

/* Waits until the client has gone, so that an alert sent to it is not lost with what it sent meanwhile. */
static void linger(const struct dps_server *server, int fd)
{
    struct pollfd descriptors[] = {
        {.fd = server->stop, .events = POLLIN},
        {.fd = fd,           .events = POLLIN}
    };
    char rest[1024];

    shutdown(fd, SHUT_WR);
    while (poll(descriptors, 2, -1) > 0 && (descriptors[0].revents & POLLIN) == 0)
        if (read(fd, rest, sizeof rest) <= 0)
            return;
}

static void serve_connection(struct dps_server *server, int fd)
{
    SSL *ssl = SSL_new(server->context);

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        server->connections++;
        while (serve_request(server, ssl))
            ;
        SSL_shutdown(ssl);
    } else {
        linger(server, fd);
    }
    SSL_free(ssl);
    close(fd);
}

static void *serve(void *data)
{
    struct dps_server *server = data;
    struct pollfd descriptors[] = {
        {.fd = server->stop,     .events = POLLIN},
        {.fd = server->listener, .events = POLLIN}
    };

    while (poll(descriptors, 2, -1) > 0 && (descriptors[0].revents & POLLIN) == 0) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
            serve_connection(server, fd);
    }
    return NULL;
}

/* ---- starting and stopping ---- */

static int accept_any(int preverified, X509_STORE_CTX *store)
{
    (void)preverified;
    (void)store;
    return 1;
}

static int accept_none(int preverified, X509_STORE_CTX *store)
{
    (void)preverified;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
    return 0;
}

static void make_context(struct dps_server *server, const struct dps_server_options *options)
{
    int mode =
        SSL_VERIFY_PEER | (options->client == CERTIFICATE_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

    server->context = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(server->context, options->certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(server->context, options->key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_verify(server->context, mode,
                       options->client == CERTIFICATE_REFUSED ? accept_none : accept_any);
    SSL_CTX_set_session_id_context(server->context, (const unsigned char *)"test", 4);
    if (options->tls_version != 0)
        SSL_CTX_set_max_proto_version(server->context, options->tls_version);
}

static void start_listening(struct dps_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server->listener, 16), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    snprintf(server->authority, sizeof server->authority, "localhost:%u", server->port);
}

struct dps_server *dps_server_start(const struct dps_server_options *options,
                                    const struct dps_server_row *rows, size_t count)
{
    struct dps_server *server = calloc(1, sizeof *server);

    signal(SIGPIPE, SIG_IGN);
    server->rows = rows;
    server->row_count = count;
    server->stop = eventfd(0, EFD_CLOEXEC);
    make_context(server, options);
    start_listening(server);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

uint16_t dps_server_port(const struct dps_server *server)
{
    return server->port;
}

const char *dps_server_authority(const struct dps_server *server)
{
    return server->authority;
}

void dps_server_stop(struct dps_server *server)
{
    const uint64_t one = 1;

    if (server->stopped)
        return;
    ck_assert_int_eq(write(server->stop, &one, sizeof one), sizeof one);
    pthread_join(server->thread, NULL);
    server->stopped = true;
}

size_t dps_server_count(const struct dps_server *server)
{
    return server->request_count;
}

const struct dps_server_request *dps_server_request(const struct dps_server *server, size_t index)
{
    ck_assert_uint_lt(index, server->request_count);
    return &server->requests[index];
}

unsigned dps_server_connections(const struct dps_server *server)
{
    return server->connections;
}

void dps_server_finish(struct dps_server *server)
{
    dps_server_stop(server);
    ck_assert_msg(server->complaint[0] == '\0', "%s", server->complaint);
    ck_assert_msg(server->row == server->row_count, "only %zu of %zu rows were asked for", server->row,
                  server->row_count);
    dps_server_free(server);
}

void dps_server_free(struct dps_server *server)
{
    dps_server_stop(server);
    for (size_t i = 0; i < server->request_count; i++) {
        free(server->requests[i].head);
        free(server->requests[i].body);
    }
    close(server->listener);
    close(server->stop);
    SSL_CTX_free(server->context);
    free(server);
}
