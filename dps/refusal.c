/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/refusal.h"

#include "dps/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SKEW_TOLERATED_S 300
#define MESSAGE_SHOWN 400

/* What to do, by the service's error code. Codes are the HTTP status times 1000 plus a number of the
 * service's. */
static const struct {
    long code;
    const char *hint;
} code_hints[] = {
    {400004, "the body of the request was not accepted: look at the registration id and the payload"       },
    {400207, "the custom allocation function of the enrollment failed: look at its own log"                },
    {400208, "no hub could be chosen: link an IoT hub to the provisioning service and to the enrollment"   },
    {400209,
     "the provisioning service may not enter devices in the linked hub: renew the link's credentials"      },
    {401000, "the service does not accept the device's proof of identity"                                  },
    {401002, "the service does not accept the device's proof of identity, or its enrollment is disabled"   },
    {404001, "the hub does not know the device: register it again"                                         },
    {404201,
     "neither an enrollment nor the service of this id scope was found: check id scope and registration id"},
    {404202, "the service no longer knows this registration: register again"                               },
    {409203, "the device is being enrolled or registered by somebody else at this moment: register again"  },
};

/* Likewise where there is no such code. */
static const struct {
    unsigned status;
    const char *hint;
} status_hints[] = {
    {400, "the request was not accepted: check id scope, registration id, payload and api-version"},
    {401, "the device's proof of identity was not accepted, or the device is disabled"            },
    {403, "the device may not do this, or a quota is used up"                                     },
    {404, "there is no such thing there: check the endpoint, the id scope and the device's name"  },
    {405, "what listens there is not the service this client speaks to: check the endpoint"       },
    {407, "the proxy wants credentials: put them into the proxy setting"                          },
    {409, "another change of the same device is under way: register again"                        },
    {412, "the device's record changed meanwhile: register again"                                 },
    {413, "the message is too large"                                                              },
    {415, "the server did not take the type of the request's body: check the endpoint"            },
    {429, "the service throttles requests"                                                        },
};

static const char *find_hint(unsigned status, long code)
{
    for (size_t i = 0; i < sizeof code_hints / sizeof code_hints[0]; i++)
        if (code_hints[i].code == code)
            return code_hints[i].hint;
    for (size_t i = 0; i < sizeof status_hints / sizeof status_hints[0]; i++)
        if (status_hints[i].status == status)
            return status_hints[i].hint;
    return status >= 500 ? "the service has trouble of its own" : "";
}

/* Tokens and certificates are refused when the clocks differ; the answer's Date header tells. "" if they do
 * not. */
static void describe_skew(const struct dps_client *client, int64_t service_date, char *out, size_t size)
{
    int64_t ahead = client->clock.date(client->clock.data) - service_date;

    out[0] = '\0';
    if (service_date >= 0 && llabs(ahead) > SKEW_TOLERATED_S)
        snprintf(out, size, "; this device's clock is %" PRId64 " s %s the service's: set it",
                 (int64_t)llabs(ahead), ahead < 0 ? "behind" : "ahead of");
}

/* What the attestation method advises where its proof was not accepted. */
static const char *find_advice(const struct dps_client *client, unsigned status)
{
    if (status != 401 || client->attest == NULL || client->attest->advice == NULL ||
        client->attest_state == NULL)
        return "";
    return client->attest->advice(client->attest_state);
}

struct refusal {
    const char *verb; /* how the thing ended: "was refused" */
    unsigned http_status;
    long error_code;
    const char *message;
    const char *tracking_id;
    const char *skew;
};

static dps_status tell(struct dps_client *client, const char *what, const struct refusal *refusal)
{
    unsigned reason_status =
        refusal->error_code >= 400000 ? (unsigned)(refusal->error_code / 1000) : refusal->http_status;
    const char *hint = find_hint(refusal->http_status, refusal->error_code);
    const char *advice = find_advice(client, reason_status);
    char code[32] = "";
    char tracking[96] = "";

    if (refusal->error_code != 0)
        snprintf(code, sizeof code, ", error %ld", refusal->error_code);
    if (refusal->tracking_id != NULL)
        snprintf(tracking, sizeof tracking, " (tracking id %.60s)", refusal->tracking_id);
    dps_report_fail(&client->report, DPS_REJECTED, "%s %s: HTTP %u%s%s%.*s%s%s%s%s%s%s", what, refusal->verb,
                    refusal->http_status, code, refusal->message != NULL ? ", " : "", MESSAGE_SHOWN,
                    refusal->message != NULL ? refusal->message : "", tracking, *hint != '\0' ? "; " : "",
                    hint, *advice != '\0' ? "; " : "", advice, refusal->skew);
    client->report.http_status = refusal->http_status;
    client->report.error_code = refusal->error_code;
    if (refusal->tracking_id != NULL)
        snprintf(client->report.tracking_id, sizeof client->report.tracking_id, "%s", refusal->tracking_id);
    return DPS_REJECTED;
}

dps_status dps_refusal_report(struct dps_client *client, const char *what,
                              const struct dps_http_response *response)
{
    struct dps_error_body body;
    char skew[96] = "";

    dps_message_read_error(buffer_text(&response->body), response->body.size, &body);
    if (response->status == 401)
        describe_skew(client, response->date, skew, sizeof skew);
    tell(client, what,
         &(struct refusal){dps_retry_is_worthwhile(response->status) ? "was not served" : "was refused",
                           response->status, body.error_code, body.message, body.tracking_id, skew});
    dps_error_body_free(&body);
    return DPS_REJECTED;
}

dps_status dps_refusal_report_operation(struct dps_client *client, const char *what, unsigned http_status,
                                        const struct dps_operation *operation)
{
    bool disabled = operation->status == DPS_OPERATION_DISABLED;

    return tell(client, what,
                &(struct refusal){disabled ? "was refused, since its enrollment is disabled" : "failed",
                                  http_status, operation->error_code, operation->error_message, NULL, ""});
}
