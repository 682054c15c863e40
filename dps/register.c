/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"
#include "dps/exchange.h"
#include "dps/message.h"
#include "dps/refusal.h"
#include "dps/retry.h"
#include "dps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2021-06-01"
#define ORIGIN "https://global.azure-devices-provisioning.net"
#define URL_MAXIMUM 4096
#define ID_MAXIMUM 128

enum state { STATE_REGISTER, STATE_POLL, STATE_ASSIGNED, STATE_FAILED };

/* One registration under way. */
struct run {
    struct dps_client *client;
    enum state state;  /* written by enter() only */
    dps_status status; /* of the way here; what the call answers once the state is FAILED */
    const char *registration_id;
    char what[ID_MAXIMUM + 32]; /* for reports: the registration of "id" */
    char *operation_id;
    dps_registration *registration;
    int64_t delay; /* before the state's request, milliseconds */
};

/* A state that sends: its request, and who reads an answer to it that is no passing trouble. */
struct step {
    const char *method;
    bool (*path)(const struct run *run, struct buffer *url);
    bool has_body;
    enum state (*read)(struct run *run, const struct dps_http_response *response);
};

static const char *origin_of(const struct dps_client *client)
{
    return client->origin != NULL ? client->origin : ORIGIN;
}

/* ---- what is sent ---- */

static bool add_registration_path(const struct run *run, struct buffer *url)
{
    return buffer_add_text(url, origin_of(run->client)) && dps_url_add_segment(url, run->client->id_scope) &&
           buffer_add_text(url, "/registrations") && dps_url_add_segment(url, run->registration_id);
}

static bool add_register_path(const struct run *run, struct buffer *url)
{
    return add_registration_path(run, url) && buffer_add_text(url, "/register");
}

static bool add_operation_path(const struct run *run, struct buffer *url)
{
    return add_registration_path(run, url) && buffer_add_text(url, "/operations") &&
           dps_url_add_segment(url, run->operation_id);
}

static char *make_url(const struct run *run, const struct step *step)
{
    const char *version = run->client->api_version != NULL ? run->client->api_version : API_VERSION;
    struct buffer url;
    char *text = NULL;

    buffer_init(&url, URL_MAXIMUM);
    if (step->path(run, &url) && dps_url_add_query(&url, "api-version", version))
        text = buffer_take_text(&url);
    buffer_free(&url);
    return text;
}

static dps_status make_body(const struct run *run, const struct step *step, char **out)
{
    struct dps_client *client = run->client;
    struct dps_register_request request = {.registration_id = run->registration_id,
                                           .payload = client->payload};
    dps_status status = DPS_OK;

    *out = NULL;
    if (!step->has_body)
        return DPS_OK;
    if (client->attest->body != NULL)
        status = client->attest->body(client->attest_state, &request);
    if (status != DPS_OK)
        return status;
    *out = dps_message_write_register(&request);
    return *out != NULL ? DPS_OK : dps_report_no_memory(&client->report);
}

static dps_status make_authorization(const struct run *run, char **out)
{
    struct buffer resource;
    dps_status status;

    buffer_init(&resource, URL_MAXIMUM);
    buffer_addf(&resource, "%s/registrations/%s", run->client->id_scope, run->registration_id);
    status = dps_client_authorize(run->client, buffer_text(&resource), out);
    buffer_free(&resource);
    return status;
}

/* Sends the request of the step; *response is freed by the caller in any case. */
static dps_status send_step(struct run *run, const struct step *step, struct dps_http_response *response)
{
    struct dps_report *report = &run->client->report;
    char *url = make_url(run, step);
    char *body = NULL;
    char *authorization = NULL;
    dps_status status;

    *response = (struct dps_http_response){0};
    if (url == NULL)
        status = dps_report_fail(report, DPS_INVALID, "%s has names that make no web address", run->what);
    else
        status = make_body(run, step, &body);
    if (status == DPS_OK)
        status = make_authorization(run, &authorization);
    if (status == DPS_OK) {
        const char *headers[] = {"Accept: application/json", "Content-Type: application/json; charset=utf-8",
                                 authorization, NULL};
        const char *bare_headers[] = {"Accept: application/json", authorization, NULL};
        const struct dps_http_request request = {.method = step->method,
                                                 .url = url,
                                                 .body = body,
                                                 .body_size = body != NULL ? strlen(body) : 0,
                                                 .headers = body != NULL ? headers : bare_headers};

        status = dps_exchange_send(run->client, run->what, &request, response);
    }
    free(authorization);
    free(body);
    free(url);
    return status;
}

/* ---- what is read ---- */

static enum state fail(struct run *run, dps_status status)
{
    run->status = status;
    return STATE_FAILED;
}

static enum state wait_for_operation(struct run *run, const struct dps_http_response *response,
                                     struct dps_operation *operation)
{
    int64_t delay = dps_retry_after(response->retry_after);

    run->delay = delay != 0 ? delay : DPS_RETRY_POLL_MS;
    if (operation->operation_id != NULL) {
        free(run->operation_id);
        run->operation_id = operation->operation_id; /* transferred */
        operation->operation_id = NULL;
    }
    if (run->operation_id == NULL)
        return fail(run, dps_report_fail(
                             &run->client->report, DPS_PROTOCOL,
                             "the service's answer lacks \"operationId\", by which to ask for the outcome"));
    if (!dps_url_is_segment(run->operation_id))
        return fail(run, dps_report_fail(&run->client->report, DPS_PROTOCOL,
                                         "the service's \"operationId\" cannot be asked for: \"%.100s\"",
                                         run->operation_id));
    return STATE_POLL;
}

/* What the service left out and this side knows. */
static bool complete(const struct run *run, char **field)
{
    if (field[DPS_FIELD_REGISTRATION_ID] == NULL)
        field[DPS_FIELD_REGISTRATION_ID] = strdup(run->registration_id);
    if (field[DPS_FIELD_OPERATION_ID] == NULL && run->operation_id != NULL)
        field[DPS_FIELD_OPERATION_ID] = strdup(run->operation_id);
    field[DPS_FIELD_STATUS] = strdup("assigned");
    return field[DPS_FIELD_REGISTRATION_ID] != NULL && field[DPS_FIELD_STATUS] != NULL;
}

static enum state take_assignment(struct run *run, const struct dps_http_response *response,
                                  struct dps_operation *operation)
{
    struct dps_client *client = run->client;
    dps_status status = DPS_OK;

    (void)response;
    operation->registration->field[DPS_FIELD_OPERATION_ID] = operation->operation_id; /* transferred */
    operation->operation_id = NULL;
    if (!complete(run, operation->registration->field))
        return fail(run, dps_report_no_memory(&client->report));
    if (operation->authentication_key != NULL && client->attest->take_key != NULL)
        status = client->attest->take_key(client->attest_state, operation->authentication_key);
    if (status != DPS_OK)
        return fail(run, status);
    run->registration = operation->registration; /* transferred */
    operation->registration = NULL;
    return STATE_ASSIGNED;
}

static enum state tell_refusal(struct run *run, const struct dps_http_response *response,
                               struct dps_operation *operation)
{
    return fail(run, dps_refusal_report_operation(run->client, run->what, response->status, operation));
}

/* By status. "unassigned" in an answer to a registration is one that has not begun yet. */
static enum state (*const outcomes[])(struct run *, const struct dps_http_response *,
                                      struct dps_operation *) = {
    [DPS_OPERATION_UNASSIGNED] = wait_for_operation, [DPS_OPERATION_ASSIGNING] = wait_for_operation,
    [DPS_OPERATION_ASSIGNED] = take_assignment,      [DPS_OPERATION_FAILED] = tell_refusal,
    [DPS_OPERATION_DISABLED] = tell_refusal,
};

static enum state read_operation(struct run *run, const struct dps_http_response *response)
{
    struct dps_report *report = &run->client->report;
    struct dps_operation operation;
    enum state next;
    dps_status status;

    if (response->status >= 400)
        return fail(run, dps_refusal_report(run->client, run->what, response));
    if (response->status != 200 && response->status != 202)
        return fail(run, dps_report_fail(
                             report, DPS_PROTOCOL,
                             "%s was answered with HTTP %u, which the service never does: is %s the service?",
                             run->what, response->status, origin_of(run->client)));
    status =
        dps_message_read_operation(buffer_text(&response->body), response->body.size, report, &operation);
    if (status != DPS_OK)
        return fail(run, status);
    next = outcomes[operation.status](run, response, &operation);
    dps_operation_free(&operation);
    return next;
}

/* ---- the machine ---- */

/* The states that send, by number; the others end the loop. */
static const struct step steps[] = {
    [STATE_REGISTER] = {"PUT", add_register_path, .has_body = true, .read = read_operation},
    [STATE_POLL] = {"GET",     add_operation_path,                  .read = read_operation           },
};

static void enter(struct run *run, enum state next)
{
    static const char *const names[] = {[STATE_REGISTER] = "registering",
                                        [STATE_POLL] = "waiting for the assignment",
                                        [STATE_ASSIGNED] = "assigned",
                                        [STATE_FAILED] = "failed"};

    if (next != run->state)
        dps_report_log(&run->client->report, DPS_LOG_INFO, "%s: %s", run->what, names[next]);
    run->state = next;
}

static void run_step(struct run *run, const struct step *step)
{
    struct dps_http_response response = {0};
    dps_status status = DPS_OK;

    if (run->delay > 0)
        status = dps_exchange_wait(run->client, run->what, run->delay);
    run->delay = 0;
    if (status == DPS_OK)
        status = send_step(run, step, &response);
    enter(run, status == DPS_OK ? step->read(run, &response) : fail(run, status));
    dps_http_response_free(&response);
}

/* ---- before anything is sent ---- */

/* The rule of the service's documentation; its own check may be stricter. */
static bool is_registration_id(const char *id)
{
    static const char permitted[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:";
    size_t length = strlen(id);

    return length >= 1 && length <= ID_MAXIMUM && strspn(id, permitted) == length &&
           strchr("._:", id[length - 1]) == NULL;
}

static dps_status check_settings(struct dps_client *client)
{
    struct dps_report *report = &client->report;

    if (client->id_scope == NULL || client->id_scope[0] == '\0')
        return dps_report_fail(report, DPS_INVALID,
                               "there is no id scope: name the one that the provisioning service shows");
    if (client->attest == NULL)
        return dps_report_fail(report, DPS_INVALID,
                               "there are no credentials: name the device's certificate and key");
    if (client->registration_id != NULL && !is_registration_id(client->registration_id))
        return dps_report_fail(
            report, DPS_INVALID,
            "\"%.*s\" is no registration id: it has 1 to %d letters, digits and - . _ : and ends with a "
            "letter, a digit or -",
            ID_MAXIMUM, client->registration_id, ID_MAXIMUM);
    return DPS_OK;
}

/* The id that was set, or else the one in the credential. */
static dps_status find_registration_id(struct run *run)
{
    struct dps_client *client = run->client;
    const char *id = client->registration_id;

    if (id == NULL && client->attest->registration_id != NULL)
        id = client->attest->registration_id(client->attest_state);
    if (id == NULL || !is_registration_id(id))
        return dps_report_fail(
            &client->report, DPS_INVALID,
            "there is no registration id, and \"%s\" in the certificate cannot be one: name it",
            id != NULL ? id : "");
    run->registration_id = id;
    snprintf(run->what, sizeof run->what, "the registration of \"%s\"", id);
    return DPS_OK;
}

dps_status dps_client_register(dps_client *client, dps_registration **out)
{
    struct run run = {.client = client, .state = STATE_REGISTER};
    dps_status status;

    *out = NULL;
    dps_exchange_begin(client);
    status = check_settings(client);
    if (status == DPS_OK)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        status = find_registration_id(&run);
    if (status != DPS_OK)
        return dps_client_finish(client, status);
    dps_report_log(&client->report, DPS_LOG_INFO, "%s with %s by %s", run.what, origin_of(client),
                   client->attest->name);
    while (run.state < sizeof steps / sizeof steps[0])
        run_step(&run, &steps[run.state]);
    *out = run.registration; /* transferred; NULL after a failure */
    free(run.operation_id);
    return dps_client_finish(client, run.status);
}
