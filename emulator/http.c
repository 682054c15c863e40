/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/http.h"

#include "common/buffer.h"
#include "common/log.h"
#include "emulator/emulator.h"
#include "emulator/error.h"
#include "emulator/fault.h"
#include "emulator/route.h"
#include "emulator/socket.h"
#include "emulator/text.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What one client may occupy. */
#define IDLE_SECONDS 60U
#define CONNECTIONS_MAXIMUM 500U
#define FIELDS_MAXIMUM 100
#define PEERS_MAXIMUM 16
/* A client that goes on sending beyond this is cut off instead of answered. */
#define DISCARD_MAXIMUM (16UL * 1024 * 1024)

/*
 * Each connection has a thread, which reads and writes, and waits where a fault says so. What the emulator
 * holds is no thing for threads: one request at a time is handled, under the lock.
 */
struct emu_listener {
    atomic_bool stopping;
    pthread_mutex_t lock;
    int socket;
    struct MHD_Daemon *daemon;
    struct emulator *emulator;
};

/* One request while it comes in. */
struct incoming {
    struct buffer body;
    size_t discarded;
};

/* --- reading ------------------------------------------------------------------------------------------- */

struct field_list {
    struct emu_field fields[FIELDS_MAXIMUM + 1]; /* ends with a NULL name */
    size_t count;
    char *decoded[FIELDS_MAXIMUM]; /* query values, which come percent-encoded */
    bool failed;
};

static enum MHD_Result add_header(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct field_list *list = data;

    (void)kind;
    if (list->count == FIELDS_MAXIMUM) {
        list->failed = true;
        return MHD_NO;
    }
    list->fields[list->count++] = (struct emu_field){name, value != NULL ? value : ""};
    return MHD_YES;
}

static enum MHD_Result add_query(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct field_list *list = data;
    char *decoded = emu_percent_decode(value != NULL ? value : "", value != NULL ? strlen(value) : 0);

    if (decoded == NULL || add_header(data, kind, name, decoded) == MHD_NO) {
        free(decoded);
        list->failed = true;
        return MHD_NO;
    }
    list->decoded[list->count - 1] = decoded;
    return MHD_YES;
}

static void field_list_free(struct field_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->decoded[i]);
    free(list);
}

/* Leaves percent escapes alone: a segment's %2F must not become a slash before the path is taken apart. */
static size_t keep_escapes(void *data, struct MHD_Connection *connection, char *text)
{
    (void)data;
    (void)connection;
    return strlen(text);
}

static gnutls_session_t tls_session(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    return info != NULL ? info->tls_session : NULL;
}

/* The client's certificates, as the handshake left them; owned by the session. */
static size_t read_peer(struct MHD_Connection *connection, struct bytes peer[static PEERS_MAXIMUM])
{
    gnutls_session_t session = tls_session(connection);
    unsigned count = 0;
    const gnutls_datum_t *chain = session != NULL ? gnutls_certificate_get_peers(session, &count) : NULL;

    if (chain == NULL)
        return 0;
    if (count > PEERS_MAXIMUM)
        count = PEERS_MAXIMUM;
    for (unsigned i = 0; i < count; i++)
        peer[i] = (struct bytes){.data = chain[i].data, .size = chain[i].size};
    return count;
}

static bool is_local(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info != NULL && emu_socket_is_loopback(info->client_addr);
}

/* --- answering ----------------------------------------------------------------------------------------- */

/* An injected delay. It is this connection's alone, and the end of the server does not wait for it. */
static void wait_before(const struct emu_listener *listener, unsigned milliseconds)
{
    const unsigned slice = 20;

    if (milliseconds != 0)
        log_info("waiting %u ms before the answer", milliseconds);
    for (unsigned waited = 0; waited < milliseconds && !atomic_load(&listener->stopping); waited += slice)
        nanosleep(&(struct timespec){.tv_nsec = slice * 1000000L}, NULL);
}

/* A body that ends in its middle: the first half, then the end of the connection. */
static ssize_t read_half(void *data, uint64_t position, char *out, size_t size)
{
    const struct bytes *body = data;
    size_t half = body->size / 2;

    if (position >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (size > half - position)
        size = half - (size_t)position;
    memcpy(out, body->data + position, size);
    return (ssize_t)size;
}

static void free_half(void *data)
{
    bytes_free(data);
    free(data);
}

static struct MHD_Response *make_response(const struct emu_response *response)
{
    struct MHD_Response *out;
    struct bytes *copy;

    if (response->cut != EMU_CUT_BODY || response->body.size == 0)
        return MHD_create_response_from_buffer(response->body.size, response->body.data,
                                               MHD_RESPMEM_MUST_COPY);
    copy = calloc(1, sizeof *copy);
    if (copy == NULL || !bytes_copy(copy, response->body.data, response->body.size)) {
        free(copy);
        return NULL;
    }
    out = MHD_create_response_from_callback(copy->size, 4096, read_half, copy, free_half);
    if (out == NULL)
        free_half(copy);
    return out;
}

/* The time by this service's clock, where that is not the machine's. */
static void add_date(const struct emulator *emulator, struct MHD_Response *out)
{
    time_t now = emu_now(emulator).tv_sec;
    struct tm parts;
    char text[40];

    if (emulator->clock_offset == 0 || gmtime_r(&now, &parts) == NULL)
        return;
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    MHD_add_response_header(out, "Date", text);
}

static enum MHD_Result send_response(const struct emu_listener *listener, struct MHD_Connection *connection,
                                     struct emu_response *response)
{
    struct MHD_Response *out;
    enum MHD_Result result = MHD_NO;

    wait_before(listener, response->delay);
    out = response->cut != EMU_CUT_SILENT ? make_response(response) : NULL;
    if (out == NULL)
        return MHD_NO;
    add_date(listener->emulator, out);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(out, response->headers[i].name, response->headers[i].value);
    result = MHD_queue_response(connection, response->status, out);
    MHD_destroy_response(out);
    return result;
}

static void handle(struct emu_listener *listener, struct MHD_Connection *connection, const char *method,
                   const char *path, const struct incoming *incoming, struct emu_response *response)
{
    struct field_list *headers = calloc(1, sizeof *headers);
    struct field_list *query = calloc(1, sizeof *query);
    struct bytes peer[PEERS_MAXIMUM];
    struct emu_request request = {
        .method = method,
        .path = path,
        .body = {.data = incoming->body.data, .size = incoming->body.size},
        .peer = peer,
        .peer_count = read_peer(connection, peer),
        .local = is_local(connection),
    };

    if (headers == NULL || query == NULL) {
        response->status = 500;
        goto out;
    }
    MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, headers);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, query);
    request.headers = headers->fields;
    request.query = query->fields;
    pthread_mutex_lock(&listener->lock);
    if (headers->failed || query->failed)
        emu_response_fail(response, EMU_ERROR_BAD_REQUEST, "The query or the headers cannot be read.");
    else
        emu_route(listener->emulator, &request, response);
    pthread_mutex_unlock(&listener->lock);
out:
    if (headers != NULL)
        field_list_free(headers);
    if (query != NULL)
        field_list_free(query);
}

static enum MHD_Result answer(struct emu_listener *listener, struct MHD_Connection *connection,
                              const char *method, const char *path, const struct incoming *incoming)
{
    struct emu_response response = {0};
    enum MHD_Result result;

    if (incoming->body.failed)
        emu_response_fail(&response, EMU_ERROR_TOO_LARGE, "The body is larger than %d bytes.",
                          EMU_HTTP_BODY_MAXIMUM);
    else
        handle(listener, connection, method, path, incoming, &response);
    log_info("%s %s: %u%s", method, path, response.status,
             response.cut != EMU_CUT_NONE ? ", and the connection is cut" : "");
    result = send_response(listener, connection, &response);
    emu_response_free(&response);
    return result;
}

static bool announces_more_than(struct MHD_Connection *connection, unsigned long long size)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return length != NULL && strtoull(length, NULL, 10) > size;
}

/*
 * Called at least twice for a request: first without data, then with each part of the body, then at its end.
 * What is too large is read to its end all the same: an answer before that is lost on most clients, when the
 * connection is closed under their hands.
 */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct incoming *incoming = *state;

    (void)version;
    if (incoming == NULL) {
        incoming = calloc(1, sizeof *incoming);
        if (incoming == NULL)
            return MHD_NO;
        buffer_init(&incoming->body, EMU_HTTP_BODY_MAXIMUM);
        incoming->body.failed = announces_more_than(connection, EMU_HTTP_BODY_MAXIMUM);
        *state = incoming;
        return announces_more_than(connection, DISCARD_MAXIMUM)
                   ? answer(data, connection, method, url, incoming)
                   : MHD_YES;
    }
    if (*upload_size == 0)
        return answer(data, connection, method, url, incoming);
    if (!buffer_add(&incoming->body, upload, *upload_size))
        incoming->discarded += *upload_size;
    *upload_size = 0;
    return incoming->discarded > DISCARD_MAXIMUM ? MHD_NO : MHD_YES;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct incoming *incoming = *state;

    (void)data;
    (void)connection;
    (void)code;
    if (incoming == NULL)
        return;
    buffer_free(&incoming->body);
    free(incoming);
    *state = NULL;
}

/*
 * Before the handshake: ask for a certificate without naming authorities. Clients that heed such a list would
 * keep back a self-signed certificate or one of an authority that is enrolled here but not the server's own.
 */
static void on_connection(void *data, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    gnutls_session_t session = code == MHD_CONNECTION_NOTIFY_STARTED ? tls_session(connection) : NULL;

    (void)data;
    (void)state;
    if (session != NULL)
        gnutls_certificate_send_x509_rdn_sequence(session, 1);
}

/* Before anything is read. */
static enum MHD_Result on_accept(void *data, const struct sockaddr *address, socklen_t size)
{
    struct emu_listener *listener = data;
    struct emu_faults *faults = listener->emulator->faults;
    bool ends;

    (void)address;
    (void)size;
    pthread_mutex_lock(&listener->lock);
    ends = faults != NULL && emu_faults_take(faults, EMU_ROUTE_CONNECTION) != NULL;
    pthread_mutex_unlock(&listener->lock);
    return ends ? MHD_NO : MHD_YES;
}

static void on_log(void *data, const char *format, va_list arguments)
{
    char line[256];

    (void)data;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_debug("%s", line);
}

/* --- starting and stopping ----------------------------------------------------------------------------- */

struct emu_listener *emu_http_listen(const char *address, uint16_t port, uint16_t *bound, char *message,
                                     size_t size)
{
    struct emu_listener *listener = calloc(1, sizeof *listener);

    if (listener == NULL) {
        snprintf(message, size, "there is not enough memory");
        return NULL;
    }
    listener->socket = emu_socket_listen(address, port, bound, message, size);
    if (listener->socket < 0) {
        free(listener);
        return NULL;
    }
    pthread_mutex_init(&listener->lock, NULL);
    return listener;
}

bool emu_http_start(struct emu_listener *listener, struct emulator *emulator, const char *certificate,
                    const char *key, const char *authority, char *message, size_t size)
{
    listener->emulator = emulator;
    listener->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS | MHD_USE_ERROR_LOG, 0,
        on_accept, listener, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener->socket, MHD_OPTION_HTTPS_MEM_CERT, certificate,
        MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_TRUST, authority, MHD_OPTION_HTTPS_PRIORITIES,
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAXIMUM,
        MHD_OPTION_END);
    if (listener->daemon == NULL)
        snprintf(message, size, "the HTTPS server does not start; --log debug says more");
    return listener->daemon != NULL;
}

void emu_http_stop(struct emu_listener *listener)
{
    if (listener == NULL)
        return;
    atomic_store(&listener->stopping, true);
    if (listener->daemon != NULL)
        MHD_stop_daemon(listener->daemon); /* closes the socket too */
    else
        close(listener->socket);
    pthread_mutex_destroy(&listener->lock);
    free(listener);
}
