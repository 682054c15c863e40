/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/client.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAXIMUM 4096
#define LIFETIME_S 3600
/* A token is renewed when so much of its time is left, so that none expires on its way. */
#define RESERVE_S 600
#define LIFETIME_MAXIMUM_S (366 * 86400U)

void dps_client_unauthorize(struct dps_client *client)
{
    free(client->authorization.resource);
    free(client->authorization.header);
    client->authorization.resource = NULL;
    client->authorization.header = NULL;
}

/* A clock that was set back is a reason for a new one too: what it was made by may have been wrong. */
static bool is_fresh(const struct dps_client *client, const char *resource)
{
    int64_t now = client->clock.date(client->clock.data);

    return client->authorization.resource != NULL && strcmp(client->authorization.resource, resource) == 0 &&
           now >= client->authorization.made && now < client->authorization.expiry - RESERVE_S;
}

static dps_status renew(struct dps_client *client, enum dps_attest_purpose purpose, const char *resource)
{
    int64_t now = client->clock.date(client->clock.data);
    struct buffer header;
    char *token = NULL;
    dps_status status =
        client->attest->authorize(client->attest_state, purpose, resource, now + LIFETIME_S, &token);

    if (status != DPS_OK)
        return status;
    dps_client_unauthorize(client);
    buffer_init(&header, HEADER_MAXIMUM);
    buffer_addf(&header, "Authorization: %s", token);
    client->authorization.header = buffer_take_text(&header);
    client->authorization.resource = strdup(resource);
    client->authorization.made = now;
    client->authorization.expiry = now + LIFETIME_S;
    buffer_free(&header);
    free(token);
    if (client->authorization.header != NULL && client->authorization.resource != NULL)
        return DPS_OK;
    dps_client_unauthorize(client);
    return dps_report_no_memory(&client->report);
}

dps_status dps_client_authorize(struct dps_client *client, enum dps_attest_purpose purpose,
                                const char *resource, char **out)
{
    dps_status status = DPS_OK;

    *out = NULL;
    if (client->attest->authorize == NULL)
        return DPS_OK;
    if (!is_fresh(client, resource))
        status = renew(client, purpose, resource);
    if (status != DPS_OK)
        return status;
    *out = strdup(client->authorization.header);
    return *out != NULL ? DPS_OK : dps_report_no_memory(&client->report);
}

static dps_status make_sas(dps_client *client, const char *resource, unsigned seconds, char **out)
{
    int64_t expiry = client->clock.date(client->clock.data) + (int64_t)seconds;
    enum dps_attest_purpose purpose =
        strstr(resource, "/registrations/") != NULL ? DPS_FOR_REGISTRATION : DPS_FOR_HUB;
    dps_status status = DPS_OK;

    if (client->http == NULL)
        status = dps_client_prepare(client);
    if (status != DPS_OK)
        return status;
    if (client->attest->authorize == NULL)
        return dps_report_fail(&client->report, DPS_INVALID,
                               "a device with a certificate has no key for shared access signatures");
    return client->attest->authorize(client->attest_state, purpose, resource, expiry, out);
}

dps_status dps_client_sas(dps_client *client, const char *resource, unsigned seconds, char **out)
{
    dps_status status;

    *out = NULL;
    if (resource == NULL || resource[0] == '\0' || seconds == 0 || seconds > LIFETIME_MAXIMUM_S)
        status =
            dps_report_fail(&client->report, DPS_INVALID,
                            "a signature needs a resource and 1 to %u seconds to live", LIFETIME_MAXIMUM_S);
    else
        status = make_sas(client, resource, seconds, out);
    return dps_client_finish(client, status);
}
