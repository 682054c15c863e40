/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service.h"

#include "cli/files.h"
#include "cli/sas.h"
#include "common/buffer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define API_VERSION "2021-10-01"
#define TOKEN_SECONDS 3600
#define TIMEOUT_SECONDS 60
#define REPLY_MAXIMUM (16 * 1024 * 1024)
#define PATH_MAXIMUM 1024
#define CONNECTION_MAXIMUM 8192

struct cli_service {
    struct cli_connection connection;
    CURL *curl;
    char error[CURL_ERROR_SIZE];
    char *url;
};

/* --- the connection string ----------------------------------------------------------------------------- */

static enum cli_status read_connection(const struct cli_service_options *options,
                                       struct cli_connection *connection)
{
    const char *text = options->connection_file == NULL ? getenv(CLI_SERVICE_CONNECTION) : NULL;
    const char *name =
        options->connection_file != NULL ? options->connection_file : "$" CLI_SERVICE_CONNECTION;
    struct bytes file = BYTES_EMPTY;
    char message[200];
    enum cli_status status = CLI_OK;

    if (options->connection_file != NULL)
        status = cli_file_read("connection string", options->connection_file, CONNECTION_MAXIMUM, &file);
    else if (text == NULL || text[0] == '\0')
        return cli_fail(
            CLI_USAGE,
            "connection string: is missing; name a file that holds it with --connection, or put it "
            "into the environment as " CLI_SERVICE_CONNECTION);
    if (status == CLI_OK && options->connection_file != NULL)
        text = (const char *)file.data;
    if (status == CLI_OK && !cli_connection_read(text != NULL ? text : "", CLI_CONNECTION_SERVICE, connection,
                                                 message, sizeof message))
        status = cli_fail(CLI_INPUT, "connection string %s: %s", name, message);
    bytes_free(&file);
    return status;
}

enum cli_status cli_service_open(const struct cli_service_options *options, struct cli_service **out)
{
    struct cli_service *service = calloc(1, sizeof *service);
    enum cli_status status;

    *out = service;
    if (service == NULL)
        return cli_no_memory();
    status = read_connection(options, &service->connection);
    if (status != CLI_OK)
        return status;
    service->curl = curl_easy_init();
    if (service->curl == NULL)
        return cli_no_memory();
    curl_easy_setopt(service->curl, CURLOPT_ERRORBUFFER, service->error);
    curl_easy_setopt(service->curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(service->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(service->curl, CURLOPT_TIMEOUT,
                     (long)(options->timeout != 0 ? options->timeout : TIMEOUT_SECONDS));
    curl_easy_setopt(service->curl, CURLOPT_USERAGENT, "devid/" DEVID_VERSION);
    if (options->ca_file != NULL) {
        curl_easy_setopt(service->curl, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(service->curl, CURLOPT_CAPATH, NULL);
    }
    return CLI_OK;
}

void cli_service_close(struct cli_service *service)
{
    if (service == NULL)
        return;
    curl_easy_cleanup(service->curl);
    cli_connection_free(&service->connection);
    free(service->url);
    free(service);
}

/* --- a request ----------------------------------------------------------------------------------------- */

struct exchange {
    struct buffer body;
    char *continuation;
};

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    struct exchange *exchange = user;

    return buffer_add(&exchange->body, data, size * count) ? size * count : 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    static const char name[] = "x-ms-continuation:";
    struct exchange *exchange = user;
    size_t length = size * count;
    size_t skipped = strlen(name);

    if (length > skipped && strncasecmp(data, name, skipped) == 0) {
        while (skipped < length && data[skipped] == ' ')
            skipped++;
        while (length > skipped && (data[length - 1] == '\r' || data[length - 1] == '\n'))
            length--;
        free(exchange->continuation);
        exchange->continuation = strndup(data + skipped, length - skipped);
    }
    return size * count;
}

/* The token is for the host by name, as the service knows no port. */
static enum cli_status make_token(const struct cli_service *service, char **header)
{
    const struct cli_connection *connection = &service->connection;
    char *host = strndup(connection->host, strcspn(connection->host, ":"));
    char *token = NULL;
    enum cli_status status =
        host != NULL ? cli_sas_make(&connection->key, host, connection->policy, TOKEN_SECONDS, &token)
                     : cli_no_memory();

    *header = NULL;
    if (status == CLI_OK && asprintf(header, "Authorization: %s", token) < 0) {
        *header = NULL;
        status = cli_no_memory();
    }
    if (token != NULL)
        bytes_wipe(token, strlen(token));
    free(token);
    free(host);
    return status;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    struct curl_slist *longer;
    char *line = NULL;

    if (value == NULL)
        return true;
    if (asprintf(&line, "%s%s", name, value) < 0)
        return false;
    longer = curl_slist_append(*list, line);
    free(line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool is_timeout(CURLcode code)
{
    return code == CURLE_OPERATION_TIMEDOUT;
}

static enum cli_status perform(struct cli_service *service, const struct cli_service_request *request,
                               struct curl_slist *headers, const char *body, struct exchange *exchange)
{
    CURL *curl = service->curl;
    CURLcode code;

    free(service->url);
    if (asprintf(&service->url, "https://%s%s?api-version=" API_VERSION, service->connection.host,
                 request->path) < 0) {
        service->url = NULL;
        return cli_no_memory();
    }
    service->error[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, service->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (body == NULL)
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    if (code == CURLE_OK)
        return CLI_OK;
    return cli_fail(is_timeout(code) ? CLI_TIMEOUT : CLI_NETWORK, "https://%s: %s", service->connection.host,
                    service->error[0] != '\0' ? service->error : curl_easy_strerror(code));
}

/* --- the answer ---------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* What to look at, by status. */
static const char *hint_for(long status)
{
    static const struct {
        long status;
        const char *hint;
    } hints[] = {
        {401, "; is the connection string the right one, and the clock?"},
        {404, "; 'list' shows what there is"                            },
        {409, "; it is there already"                                   },
        {412, "; somebody changed it meanwhile, look at it again"       },
        {429, "; the service is busy, wait a little"                    },
    };

    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].status == status)
            return hints[i].hint;
    return "";
}

static enum cli_status refused(const struct cli_service_request *request,
                               const struct cli_service_reply *reply)
{
    const char *message = text_of(reply->body, "message");
    const char *tracking = text_of(reply->body, "trackingId");
    json_int_t code = json_integer_value(json_object_get(reply->body, "errorCode"));

    return cli_fail(CLI_REFUSED, "%s: %s (HTTP %ld, code %lld%s%s)%s", request->path,
                    message != NULL ? message : "the service refused", reply->status, (long long)code,
                    tracking != NULL ? ", tracking id " : "", tracking != NULL ? tracking : "",
                    hint_for(reply->status));
}

static enum cli_status read_reply(const struct cli_service *service,
                                  const struct cli_service_request *request, struct exchange *exchange,
                                  struct cli_service_reply *reply)
{
    json_error_t error;

    curl_easy_getinfo(service->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    reply->continuation = exchange->continuation;
    exchange->continuation = NULL; /* transferred */
    if (exchange->body.size != 0) {
        reply->body = json_loadb((const char *)exchange->body.data, exchange->body.size, 0, &error);
        if (reply->body == NULL && reply->status < 300)
            return cli_fail(CLI_NETWORK, "%s: the answer is no JSON: %s; is this a DPS service?",
                            request->path, error.text);
    }
    if (reply->status >= 200 && reply->status < 300)
        return CLI_OK;
    if (reply->status == 404 && request->may_be_absent)
        return CLI_OK;
    return refused(request, reply);
}

enum cli_status cli_service_call(struct cli_service *service, const struct cli_service_request *request,
                                 struct cli_service_reply *reply)
{
    struct curl_slist *headers = NULL;
    struct exchange exchange = {0};
    bool posts_nothing = request->body == NULL && strcmp(request->method, "POST") == 0;
    char *body = request->body != NULL ? json_dumps(request->body, JSON_COMPACT)
                 : posts_nothing       ? strdup("")
                                       : NULL;
    char *token = NULL;
    enum cli_status status = make_token(service, &token);

    *reply = (struct cli_service_reply){0};
    buffer_init(&exchange.body, REPLY_MAXIMUM);
    if (status == CLI_OK &&
        !(add_header(&headers, "", token) &&
          add_header(&headers, "Content-Type: ", "application/json; charset=utf-8") &&
          add_header(&headers, "Accept: ", "application/json") && add_header(&headers, "Expect:", "") &&
          add_header(&headers, "If-Match: ", request->if_match) &&
          add_header(&headers, "x-ms-continuation: ", request->continuation)))
        status = cli_no_memory();
    if (status == CLI_OK && request->body != NULL && body == NULL)
        status = cli_no_memory();
    if (status == CLI_OK)
        status = perform(service, request, headers, body, &exchange);
    if (status == CLI_OK)
        status = read_reply(service, request, &exchange, reply);
    if (token != NULL)
        bytes_wipe(token, strlen(token));
    if (body != NULL)
        bytes_wipe(body, strlen(body)); /* may hold keys */
    free(token);
    free(body);
    free(exchange.continuation);
    buffer_free(&exchange.body);
    curl_slist_free_all(headers);
    return status;
}

void cli_service_reply_free(struct cli_service_reply *reply)
{
    json_decref(reply->body);
    free(reply->continuation);
    *reply = (struct cli_service_reply){0};
}

char *cli_service_path(const char *collection, const char *id, const char *tail)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~:";
    struct buffer path;
    char *text;

    buffer_init(&path, PATH_MAXIMUM);
    buffer_addf(&path, "/%s/", collection);
    for (; *id != '\0'; id++) {
        if (strchr(plain, *id) != NULL)
            buffer_add_u8(&path, (uint8_t)*id);
        else
            buffer_addf(&path, "%%%02X", (unsigned char)*id);
    }
    buffer_add_text(&path, tail);
    text = buffer_take_text(&path);
    buffer_free(&path);
    return text;
}
