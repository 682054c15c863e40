/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/request.h"

#include "dps/exchange.h"
#include "dps/message.h"
#include "dps/url.h"

#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-06-01"
#define API_VERSION_CSR "2025-07-01-preview" /* the first that issues certificates */
#define ORIGIN "https://global.azure-devices-provisioning.net"
#define URL_MAXIMUM 4096

const char *dps_request_origin(const struct dps_client *client)
{
    return client->origin != NULL ? client->origin : ORIGIN;
}

static const char *version_of(const struct dps_client *client)
{
    if (client->api_version != NULL)
        return client->api_version;
    return client->csr != NULL ? API_VERSION_CSR : API_VERSION;
}

static char *make_url(const struct dps_client *client, const char *id, const struct dps_request *request)
{
    struct buffer url;
    char *text = NULL;
    bool made;

    buffer_init(&url, URL_MAXIMUM);
    made = buffer_add_text(&url, dps_request_origin(client)) && dps_url_add_segment(&url, client->id_scope) &&
           buffer_add_text(&url, "/registrations") && dps_url_add_segment(&url, id);
    if (request->action != NULL)
        made = made && dps_url_add_segment(&url, request->action);
    if (request->operation_id != NULL)
        made = made && dps_url_add_segment(&url, request->operation_id);
    if (made && dps_url_add_query(&url, "api-version", version_of(client)))
        text = buffer_take_text(&url);
    buffer_free(&url);
    return text;
}

static dps_status make_body(struct dps_client *client, const char *id, const struct dps_request *request,
                            char **out)
{
    /* a status lookup takes neither; both belong to the request that registers */
    const bool registers = request->action != NULL;
    struct dps_register_request body = {.registration_id = id,
                                        .payload = registers ? client->payload : NULL,
                                        .csr = registers ? client->csr : NULL};
    dps_status status = DPS_OK;

    *out = NULL;
    if (!request->has_body)
        return DPS_OK;
    if (client->attest->body != NULL)
        status = client->attest->body(client->attest_state, &body);
    if (status != DPS_OK)
        return status;
    *out = dps_message_write_register(&body);
    return *out != NULL ? DPS_OK : dps_report_no_memory(&client->report);
}

static dps_status make_authorization(struct dps_client *client, const char *id,
                                     const struct dps_request *request, char **out)
{
    struct buffer resource;
    dps_status status;

    *out = NULL;
    if (request->bare)
        return DPS_OK;
    buffer_init(&resource, URL_MAXIMUM);
    buffer_addf(&resource, "%s/registrations/%s", client->id_scope, id);
    status = dps_client_authorize(client, DPS_FOR_REGISTRATION, buffer_text(&resource), out);
    buffer_free(&resource);
    return status;
}

dps_status dps_request_send(struct dps_client *client, const char *id, const char *what,
                            const struct dps_request *request, struct dps_http_response *response)
{
    char *url = make_url(client, id, request);
    char *body = NULL;
    char *authorization = NULL;
    dps_status status;

    *response = (struct dps_http_response){0};
    if (url == NULL)
        status = dps_report_fail(&client->report, DPS_INVALID, "%s has names that make no web address", what);
    else
        status = make_body(client, id, request, &body);
    if (status == DPS_OK)
        status = make_authorization(client, id, request, &authorization);
    if (status == DPS_OK) {
        const char *headers[] = {"Accept: application/json", "Content-Type: application/json; charset=utf-8",
                                 authorization, NULL};
        const char *bare_headers[] = {"Accept: application/json", authorization, NULL};
        const struct dps_http_request http = {.method = request->method,
                                              .url = url,
                                              .body = body,
                                              .body_size = body != NULL ? strlen(body) : 0,
                                              .headers = body != NULL ? headers : bare_headers};

        status = dps_exchange_send(client, what, &http, response);
    }
    free(authorization);
    free(body);
    free(url);
    return status;
}
