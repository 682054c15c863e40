/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"
#include "dps/exchange.h"
#include "dps/message.h"
#include "dps/refusal.h"
#include "dps/register.h"
#include "dps/request.h"
#include "dps/retry.h"
#include "dps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAXIMUM 128
/* How often the service may ask a TPM to prove itself anew before that is a fault. */
#define CHALLENGES_MAXIMUM 2

enum state { STATE_CHALLENGE, STATE_REGISTER, STATE_LOOKUP, STATE_POLL, STATE_ASSIGNED, STATE_FAILED };

/* One registration, or a look at one, under way. */
struct run {
    struct dps_client *client;
    enum state state;  /* written by enter() only */
    enum state goal;   /* where a challenge leads: REGISTER or LOOKUP */
    dps_status status; /* of the way here; what the call answers once the state is FAILED */
    const char *registration_id;
    char what[ID_MAXIMUM + 32]; /* for reports: the registration of "id" */
    char *operation_id;
    dps_registration *registration;
    int64_t delay; /* before the state's request, milliseconds */
    unsigned challenges;
};

/* A state that sends: its request, and who reads an answer to it that is no passing trouble. */
struct step {
    struct dps_request request;
    enum state (*read)(struct run *run, const struct dps_http_response *response);
};

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
    if (client->attest->challenge && operation->authentication_key == NULL)
        status = dps_report_fail(&client->report, DPS_PROTOCOL,
                                 "the service's answer lacks \"registrationState.tpm.authenticationKey\", "
                                 "without which the TPM has no key for the hub");
    else if (operation->authentication_key != NULL && client->attest->take_key != NULL)
        status = client->attest->take_key(client->attest_state, DPS_FOR_HUB, operation->authentication_key);
    dps_client_unauthorize(client);
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

/* The key in a 401 answer that is the service's challenge (freed by the caller); NULL: it is none. */
static char *find_challenge(const struct run *run, const struct dps_http_response *response)
{
    const struct dps_attest *attest = run->client->attest;

    if (response->status != 401 || !attest->challenge || run->challenges >= CHALLENGES_MAXIMUM)
        return NULL;
    return dps_message_read_challenge(buffer_text(&response->body), response->body.size);
}

static enum state take_challenge(struct run *run, const char *key)
{
    struct dps_client *client = run->client;
    dps_status status = client->attest->take_key(client->attest_state, DPS_FOR_REGISTRATION, key);

    run->challenges++;
    dps_client_unauthorize(client);
    return status == DPS_OK ? run->goal : fail(run, status);
}

static enum state fail_strange(struct run *run, const struct dps_http_response *response)
{
    return fail(run, dps_report_fail(&run->client->report, DPS_PROTOCOL,
                                     "%s was answered with HTTP %u, which the service never does: is %s the "
                                     "service?",
                                     run->what, response->status, dps_request_origin(run->client)));
}

static enum state read_challenge(struct run *run, const struct dps_http_response *response)
{
    char *key = find_challenge(run, response);
    enum state next;

    if (key != NULL)
        next = take_challenge(run, key);
    else if (response->status >= 400)
        next = fail(run, dps_refusal_report(run->client, run->what, response));
    else
        next = fail_strange(run, response);
    free(key);
    return next;
}

typedef dps_status read_body(const char *text, size_t size, struct dps_report *report,
                             struct dps_operation *out);

/* What all answers but the first to a TPM have in common. */
static enum state read_answer(struct run *run, const struct dps_http_response *response, read_body *read,
                              enum state (*take)(struct run *, const struct dps_http_response *,
                                                 struct dps_operation *))
{
    struct dps_operation operation;
    enum state next;
    dps_status status;

    if (response->status >= 400) /* a TPM's key may have been superseded by somebody else's request */
        return read_challenge(run, response);
    if (response->status != 200 && response->status != 202)
        return fail_strange(run, response);
    status = read(buffer_text(&response->body), response->body.size, &run->client->report, &operation);
    if (status != DPS_OK)
        return fail(run, status);
    next = take(run, response, &operation);
    dps_operation_free(&operation);
    return next;
}

static enum state take_operation(struct run *run, const struct dps_http_response *response,
                                 struct dps_operation *operation)
{
    return outcomes[operation->status](run, response, operation);
}

static enum state read_operation(struct run *run, const struct dps_http_response *response)
{
    return read_answer(run, response, dps_message_read_operation, take_operation);
}

/* The record as it is, assigned or not yet; one that failed or is disabled is a refusal here too. */
static enum state take_record(struct run *run, const struct dps_http_response *response,
                              struct dps_operation *operation)
{
    char **field = operation->registration->field;

    if (operation->status == DPS_OPERATION_FAILED || operation->status == DPS_OPERATION_DISABLED)
        return tell_refusal(run, response, operation);
    if (field[DPS_FIELD_REGISTRATION_ID] == NULL)
        field[DPS_FIELD_REGISTRATION_ID] = strdup(run->registration_id);
    if (field[DPS_FIELD_REGISTRATION_ID] == NULL)
        return fail(run, dps_report_no_memory(&run->client->report));
    run->registration = operation->registration; /* transferred */
    operation->registration = NULL;
    return STATE_ASSIGNED;
}

static enum state read_lookup(struct run *run, const struct dps_http_response *response)
{
    return read_answer(run, response, dps_message_read_lookup, take_record);
}

/* ---- the machine ---- */

/* The states that send, by number; the others end the loop. */
static const struct step steps[] = {
    [STATE_CHALLENGE] = {{.method = "PUT", .action = "register", .has_body = true, .bare = true},
                         read_challenge                                                                         },
    [STATE_REGISTER] = {{.method = "PUT", .action = "register", .has_body = true},               read_operation},
    [STATE_LOOKUP] = {{.method = "POST", .has_body = true},                                    read_lookup   },
    [STATE_POLL] = {{.method = "GET", .action = "operations"},                               read_operation},
};

static void enter(struct run *run, enum state next)
{
    static const char *const names[] = {[STATE_CHALLENGE] = "proving the TPM",
                                        [STATE_REGISTER] = "registering",
                                        [STATE_LOOKUP] = "looking the record up",
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
    struct dps_request request = step->request;
    dps_status status = DPS_OK;

    if (run->state == STATE_POLL)
        request.operation_id = run->operation_id;
    if (run->delay > 0)
        status = dps_exchange_wait(run->client, run->what, run->delay);
    run->delay = 0;
    if (status == DPS_OK)
        status = dps_request_send(run->client, run->registration_id, run->what, &request, &response);
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

static dps_status check_registration_id(struct dps_client *client)
{
    if (client->registration_id != NULL && !is_registration_id(client->registration_id))
        return dps_report_fail(
            &client->report, DPS_INVALID,
            "\"%.*s\" is no registration id: it has 1 to %d letters, digits and - . _ : and ends with a "
            "letter, a digit or -",
            ID_MAXIMUM, client->registration_id, ID_MAXIMUM);
    return DPS_OK;
}

static dps_status check_settings(struct dps_client *client)
{
    if (client->id_scope == NULL || client->id_scope[0] == '\0')
        return dps_report_fail(&client->report, DPS_INVALID,
                               "there is no id scope: name the one that the provisioning service shows");
    return check_registration_id(client);
}

static dps_status find_registration_id(struct run *run)
{
    const char *id = dps_client_registration_id(run->client);

    if (id == NULL)
        return dps_report_fail(&run->client->report, DPS_INVALID,
                               "there is no registration id: name the one that the device is enrolled by");
    if (!is_registration_id(id))
        return dps_report_fail(
            &run->client->report, DPS_INVALID,
            "there is no registration id, and \"%s\" in the certificate cannot be one: name it", id);
    run->registration_id = id;
    snprintf(run->what, sizeof run->what, "the registration of \"%s\"", id);
    return DPS_OK;
}

dps_status dps_client_check(dps_client *client, struct dps_proof *out)
{
    struct run run = {.client = client};
    dps_status status = check_registration_id(client);

    *out = (struct dps_proof){"", "", "", "", ""};
    if (status == DPS_OK)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        status = find_registration_id(&run);
    if (status == DPS_OK) {
        out->registration_id = run.registration_id;
        out->attestation = client->attest->attestation;
        if (client->attest->show != NULL)
            client->attest->show(client->attest_state, out);
    }
    return dps_client_finish(client, status);
}

static dps_status run_machine(struct dps_client *client, enum state goal, dps_registration **out)
{
    struct run run = {.client = client, .goal = goal};
    dps_status status = check_settings(client);

    if (status == DPS_OK)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        status = find_registration_id(&run);
    if (status != DPS_OK)
        return status;
    run.state = client->attest->challenge ? STATE_CHALLENGE : goal;
    dps_report_log(&client->report, DPS_LOG_INFO, "%s with %s by %s", run.what, dps_request_origin(client),
                   client->attest->name);
    while (run.state < sizeof steps / sizeof steps[0])
        run_step(&run, &steps[run.state]);
    *out = run.registration; /* transferred; NULL after a failure */
    free(run.operation_id);
    return run.status;
}

dps_status dps_register_run(struct dps_client *client, dps_registration **out)
{
    *out = NULL;
    return run_machine(client, STATE_REGISTER, out);
}

dps_status dps_client_register(dps_client *client, dps_registration **out)
{
    dps_exchange_begin(client);
    return dps_client_finish(client, dps_register_run(client, out));
}

dps_status dps_client_lookup(dps_client *client, dps_registration **out)
{
    *out = NULL;
    dps_exchange_begin(client);
    return dps_client_finish(client, run_machine(client, STATE_LOOKUP, out));
}
