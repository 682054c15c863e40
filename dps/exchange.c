/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/exchange.h"

#include "dps/refusal.h"
#include "dps/retry.h"

#include <poll.h>

void dps_exchange_begin(struct dps_client *client)
{
    client->deadline = client->clock.now(client->clock.data) + (int64_t)client->timeout * 1000;
}

static int64_t time_left(const struct dps_client *client)
{
    return client->deadline - client->clock.now(client->clock.data);
}

static bool is_cancelled(const struct dps_client *client)
{
    struct pollfd descriptor = {.fd = client->wake, .events = POLLIN};

    return poll(&descriptor, 1, 0) > 0;
}

static dps_status fail_cancelled(struct dps_client *client, const char *what)
{
    return dps_report_fail(&client->report, DPS_CANCELLED, "%s was cancelled", what);
}

static bool fits(const struct dps_client *client, int64_t milliseconds)
{
    return milliseconds < time_left(client);
}

static void sleep_for(const struct dps_client *client, int64_t milliseconds)
{
    client->clock.sleep(client->clock.data, milliseconds, client->wake);
}

dps_status dps_exchange_wait(struct dps_client *client, const char *what, int64_t milliseconds)
{
    if (!fits(client, milliseconds))
        return dps_report_fail(
            &client->report, DPS_TIMEOUT,
            "%s did not end within %u s: the service is still at work; register again later or allow more "
            "time",
            what, client->timeout);
    sleep_for(client, milliseconds);
    return is_cancelled(client) ? fail_cancelled(client, what) : DPS_OK;
}

static bool is_transient(dps_status status, const struct dps_http_response *response)
{
    if (status == DPS_OK)
        return dps_retry_is_worthwhile(response->status);
    return status == DPS_TRANSPORT || status == DPS_TIMEOUT;
}

/* Waits before the next attempt; gives up, with the trouble as the reason, when there is no time for one. */
static dps_status wait_for_next(struct dps_client *client, dps_status trouble, unsigned attempt,
                                const struct dps_http_response *response)
{
    int64_t pause = trouble == DPS_OK ? dps_retry_after(response->retry_after) : 0;

    if (pause == 0)
        pause = dps_retry_backoff(attempt, client->clock.random(client->clock.data));
    if (!fits(client, pause)) {
        dps_report_add(&client->report, "; gave up after attempt %u, the time limit is %u s", attempt + 1,
                       client->timeout);
        return trouble == DPS_OK ? DPS_TIMEOUT : trouble;
    }
    dps_report_log(&client->report, DPS_LOG_WARNING, "%s; trying again in %d.%d s", client->report.text,
                   (int)(pause / 1000), (int)(pause % 1000 / 100));
    sleep_for(client, pause);
    return DPS_OK;
}

dps_status dps_exchange_send(struct dps_client *client, const char *what,
                             const struct dps_http_request *request, struct dps_http_response *out)
{
    dps_status status;

    for (unsigned attempt = 0;; attempt++) {
        if (is_cancelled(client)) {
            *out = (struct dps_http_response){0};
            return fail_cancelled(client, what);
        }
        status = dps_http_send(client->http, request, time_left(client), out);
        if (status == DPS_CANCELLED)
            return fail_cancelled(client, what);
        if (!is_transient(status, out))
            return status;
        if (status == DPS_OK)
            dps_refusal_report(client, what, out);
        status = wait_for_next(client, status, attempt, out);
        if (status != DPS_OK)
            return status;
        dps_http_response_free(out);
    }
}
