/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/http.h"

#include <curl/curl.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAXIMUM (64 * 1024)
#define CONNECT_MAXIMUM_MS 30000
#define POLL_MAXIMUM_MS 1000

struct dps_http {
    CURLM *multi; /* holds the connections */
    CURL *easy;
    char *trust;
    char *proxy;
    struct dps_tls *tls;
    struct dps_report *report;
    int wake;
    /* of the request under way */
    struct dps_http_response *response;
    size_t header_size;
    bool headers_ended; /* by the empty line */
    bool oversized;
    char detail[CURL_ERROR_SIZE];
};

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static CURLcode start_result;

/* libcurl counts initialisations; this one is never undone, since other users of the process may go on. */
static void start(void)
{
    start_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- libcurl's callbacks ---- */

static size_t receive_body(char *data, size_t unit, size_t count, void *user)
{
    struct dps_http *http = user;
    size_t size = unit * count;

    if (buffer_add(&http->response->body, data, size))
        return size;
    http->oversized = http->response->body.size + size > DPS_HTTP_BODY_MAXIMUM;
    return CURL_WRITEFUNC_ERROR;
}

/* Only counts, and sees the end; the values that matter are asked for afterwards. */
static size_t receive_header(char *data, size_t unit, size_t count, void *user)
{
    struct dps_http *http = user;
    size_t size = unit * count;

    http->header_size += size;
    http->headers_ended = size > 0 && (data[0] == '\r' || data[0] == '\n');
    http->oversized |= http->header_size > HEADERS_MAXIMUM;
    return http->oversized ? CURL_WRITEFUNC_ERROR : size;
}

static CURLcode prepare_tls(CURL *easy, void *ssl_ctx, void *user)
{
    struct dps_http *http = user;

    (void)easy;
    return dps_tls_install(http->tls, ssl_ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* ---- making one ---- */

#define USER_AGENT "devid/" DEVID_VERSION

/* What all requests of a client have in common. */
static bool set_common_options(struct dps_http *http)
{
    CURL *easy = http->easy;
    bool set = true;

    set &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->detail) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive_body) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_HEADERDATA, http) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
    return set;
}

static bool set_tls_options(struct dps_http *http)
{
    CURL *easy = http->easy;
    bool set = true;

    set &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare_tls) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http) == CURLE_OK;
    /* A resumed session would show the service no certificate; some servers then take the device for another.
     */
    set &= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
    if (http->trust != NULL) {
        set &= curl_easy_setopt(easy, CURLOPT_CAINFO, http->trust) == CURLE_OK;
        set &= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (http->proxy != NULL)
        set &= curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy) == CURLE_OK;
    return set;
}

dps_status dps_http_new(const struct dps_http_settings *settings, struct dps_http **out)
{
    struct dps_http *http = calloc(1, sizeof *http);

    *out = NULL;
    if (http == NULL)
        return dps_report_no_memory(settings->report);
    pthread_once(&start_once, start);
    http->tls = settings->tls;
    http->report = settings->report;
    http->wake = settings->wake;
    http->trust = settings->trust != NULL ? strdup(settings->trust) : NULL;
    http->proxy = settings->proxy != NULL ? strdup(settings->proxy) : NULL;
    if (start_result == CURLE_OK) {
        http->multi = curl_multi_init();
        http->easy = curl_easy_init();
    }
    if (http->multi == NULL || http->easy == NULL || (settings->trust != NULL && http->trust == NULL) ||
        (settings->proxy != NULL && http->proxy == NULL) || !set_common_options(http) ||
        !set_tls_options(http)) {
        dps_http_free(http);
        return dps_report_no_memory(settings->report);
    }
    *out = http;
    return DPS_OK;
}

void dps_http_free(struct dps_http *http)
{
    void *previous;

    if (http == NULL)
        return;
    previous = dps_tls_enter(http->tls);
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    dps_tls_leave(previous);
    free(http->trust);
    free(http->proxy);
    free(http);
}

/* ---- one request ---- */

#define HINT_UNTRUSTED                                                                                       \
    "a trusted CA must have issued its certificate for this host name (a private CA goes into the trust "    \
    "file), "                                                                                                \
    "and this device's clock must be right"

/* libcurl's results that mean something in particular; the others are DPS_TRANSPORT in its own words. */
static const struct outcome {
    CURLcode code;
    dps_status status;
    const char *hint;
} outcomes[] = {
    {CURLE_COULDNT_RESOLVE_HOST,     DPS_TRANSPORT, "check the host name and the name service"              },
    {CURLE_COULDNT_RESOLVE_PROXY,    DPS_TRANSPORT, "check the proxy's name"                                },
    {CURLE_COULDNT_CONNECT,          DPS_TRANSPORT, "check host, port and firewall"                         },
    {CURLE_PEER_FAILED_VERIFICATION, DPS_TLS,       HINT_UNTRUSTED                                          },
    {CURLE_SSL_CACERT_BADFILE,       DPS_TLS,       "the trust file must be a PEM file with CA certificates"},
    {CURLE_SSL_CERTPROBLEM,          DPS_KEY,       "certificate and key cannot be used for TLS"            },
    {CURLE_UNSUPPORTED_PROTOCOL,     DPS_PROTOCOL,  "it does not speak HTTP over TLS"                       },
    {CURLE_WEIRD_SERVER_REPLY,       DPS_PROTOCOL,  "what listens there does not speak HTTP"                },
    {CURLE_HTTP2,                    DPS_PROTOCOL,  "what listens there does not speak HTTP/1.1"            },
    {CURLE_URL_MALFORMAT,            DPS_INVALID,   "the URL cannot be used"                                },
    {CURLE_OUT_OF_MEMORY,            DPS_NO_MEMORY, "there is not enough memory"                            },
    {CURLE_OPERATION_TIMEDOUT,       DPS_TIMEOUT,   "it did not answer in time"                             },
};

static const struct outcome *find_outcome(CURLcode code)
{
    static const struct outcome general = {.status = DPS_TRANSPORT, .hint = "the connection was lost"};

    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (outcomes[i].code == code)
            return &outcomes[i];
    return &general;
}

/* "https://host:port" of the URL, for the report. */
static int origin_length(const char *url)
{
    const char *host = strstr(url, "://");

    return (int)(host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/") : strlen(url));
}

/* An alert tells more than libcurl's code: who broke the handshake off, and that trying again is no use. */
static dps_status fail_alert(struct dps_http *http, const char *url, const char *alert, bool from_peer)
{
    if (from_peer)
        return dps_report_fail(
            http->report, DPS_TLS,
            "%.*s ended the TLS connection with the alert \"%s\" (%s): it may not accept the device's "
            "certificate",
            origin_length(url), url, alert, http->detail);
    return dps_report_fail(
        http->report, DPS_TLS,
        "the TLS connection to %.*s failed on this device with the alert \"%s\" (%s): see whether the "
        "device's key can sign",
        origin_length(url), url, alert, http->detail);
}

/* OpenSSL's word for a first record that is none. */
static bool is_not_tls(const struct dps_http *http, CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR && strstr(http->detail, "wrong version number") != NULL;
}

static dps_status translate(struct dps_http *http, const char *url, CURLcode code)
{
    const struct outcome *outcome = find_outcome(code);
    bool from_peer = false;
    const char *alert = dps_tls_alert(http->tls, &from_peer);
    const char *detail = http->detail[0] != '\0' ? http->detail : curl_easy_strerror(code);

    if (code == CURLE_OK)
        return DPS_OK;
    if (http->oversized)
        return dps_report_fail(http->report, DPS_PROTOCOL,
                               "the answer of %.*s is larger than any of the service's (%d KiB)",
                               origin_length(url), url, DPS_HTTP_BODY_MAXIMUM / 1024);
    if (http->response->body.failed)
        return dps_report_no_memory(http->report);
    if (is_not_tls(http, code))
        return dps_report_fail(http->report, DPS_TLS,
                               "what listens at %.*s does not speak TLS (%s): check host and port",
                               origin_length(url), url, detail);
    if (alert != NULL && outcome->status == DPS_TRANSPORT)
        return fail_alert(http, url, alert, from_peer);
    return dps_report_fail(http->report, outcome->status, "no answer from %.*s: %s; %s", origin_length(url),
                           url, detail, outcome->hint);
}

static bool cancelled(const struct dps_http *http)
{
    struct pollfd descriptor = {.fd = http->wake, .events = POLLIN};

    return poll(&descriptor, 1, 0) > 0;
}

/* Drives the transfer to its end; the wake descriptor breaks it off. */
static CURLcode transfer(struct dps_http *http)
{
    struct curl_waitfd wake = {.fd = http->wake, .events = CURL_WAIT_POLLIN};
    CURLcode result = CURLE_FAILED_INIT;
    CURLMsg *message;
    int running = 1;
    int count;

    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return CURLE_FAILED_INIT;
    while (running > 0) {
        if (curl_multi_perform(http->multi, &running) != CURLM_OK)
            break;
        if (running > 0 && curl_multi_poll(http->multi, &wake, 1, POLL_MAXIMUM_MS, NULL) != CURLM_OK)
            break;
        if (running > 0 && cancelled(http)) {
            result = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
    }
    while ((message = curl_multi_info_read(http->multi, &count)) != NULL)
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    curl_multi_remove_handle(http->multi, http->easy);
    return result;
}

static bool is_wanted(const char *name)
{
    static const char prefix[] = "iothub-";

    return strcasecmp(name, "ETag") == 0 || strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static bool add_header(struct dps_http_response *response, const struct curl_header *header)
{
    struct dps_http_header *longer =
        realloc(response->headers, (response->header_count + 1) * sizeof *response->headers);
    struct dps_http_header copy;

    if (longer == NULL)
        return false;
    response->headers = longer;
    /* libcurl leaves a carriage return in a value that is otherwise empty */
    copy = (struct dps_http_header){strdup(header->name),
                                    strndup(header->value, strcspn(header->value, "\r\n"))};
    response->headers[response->header_count++] = copy; /* transferred */
    return copy.name != NULL && copy.value != NULL;
}

/* False: no memory. Their number is bounded by the size of all headers. */
static bool copy_headers(struct dps_http *http)
{
    struct curl_header *header = NULL;
    bool copied = true;

    while (copied && (header = curl_easy_nextheader(http->easy, CURLH_HEADER, -1, header)) != NULL)
        if (is_wanted(header->name))
            copied = add_header(http->response, header);
    return copied;
}

static bool read_response_headers(struct dps_http *http)
{
    struct dps_http_response *response = http->response;
    struct curl_header *header;
    long status = 0;

    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = (unsigned)status;
    if (curl_easy_header(http->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        snprintf(response->retry_after, sizeof response->retry_after, "%s", header->value);
    if (curl_easy_header(http->easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        response->date = (int64_t)curl_getdate(header->value, NULL);
    return copy_headers(http);
}

/* The request's headers as libcurl's list; without "Expect", which no server here heeds. NULL: no memory. */
static struct curl_slist *make_headers(const struct dps_http_request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    struct curl_slist *longer;

    for (size_t i = 0; list != NULL && request->headers != NULL && request->headers[i] != NULL; i++) {
        longer = curl_slist_append(list, request->headers[i]);
        if (longer == NULL)
            curl_slist_free_all(list);
        list = longer;
    }
    return list;
}

static bool set_request_options(struct dps_http *http, const struct dps_http_request *request,
                                const struct curl_slist *headers, int64_t milliseconds)
{
    CURL *easy = http->easy;
    long limit = (long)milliseconds;
    long connect = limit < CONNECT_MAXIMUM_MS ? limit : CONNECT_MAXIMUM_MS;
    bool set = true;

    if (request->body != NULL) {
        set &= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
        set &=
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size) == CURLE_OK;
    } else {
        set &= curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    }
    set &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, limit) == CURLE_OK;
    set &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect) == CURLE_OK;
    return set;
}

dps_status dps_http_send(struct dps_http *http, const struct dps_http_request *request, int64_t milliseconds,
                         struct dps_http_response *out)
{
    struct curl_slist *headers = make_headers(request);
    dps_status status;
    void *previous;
    CURLcode code;

    *out = (struct dps_http_response){.date = -1};
    buffer_init(&out->body, DPS_HTTP_BODY_MAXIMUM);
    http->response = out;
    http->header_size = 0;
    http->headers_ended = false;
    http->oversized = false;
    http->detail[0] = '\0';
    if (headers == NULL ||
        !set_request_options(http, request, headers, milliseconds > 0 ? milliseconds : 1)) {
        curl_slist_free_all(headers);
        return dps_report_no_memory(http->report);
    }
    dps_report_log(http->report, DPS_LOG_DEBUG, "%s %s", request->method, request->url);
    dps_tls_forget_alert(http->tls);
    previous = dps_tls_enter(http->tls);
    code = transfer(http);
    dps_tls_leave(previous);
    if (code == CURLE_OK && !http->headers_ended)
        code = CURLE_GOT_NOTHING; /* to libcurl, headers that were cut off are all there are */
    status = code == CURLE_ABORTED_BY_CALLBACK ? DPS_CANCELLED : translate(http, request->url, code);
    if (status == DPS_OK && !read_response_headers(http))
        status = dps_report_no_memory(http->report);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    http->response = NULL;
    return status;
}

void dps_http_response_free(struct dps_http_response *response)
{
    buffer_free(&response->body);
    for (size_t i = 0; i < response->header_count; i++) {
        free(response->headers[i].name);
        free(response->headers[i].value);
    }
    free(response->headers);
    response->headers = NULL;
    response->header_count = 0;
}

const char *dps_http_find_header(const struct dps_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}
