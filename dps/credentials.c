/* SPDX-License-Identifier: Apache-2.0 */
/* What the device proves itself with: one of the methods of attestation, chosen by the last dps_client_use_.
 */
#include "dps/client.h"
#include "dps/source.h"

#include <stdlib.h>
#include <string.h>

#define ANY_TOKEN "pkcs11:"

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* Forgets what the method before worked with. */
static void use(dps_client *client, const struct dps_attest *attest)
{
    dps_client_unprepare(client);
    free(client->certificate);
    free(client->key);
    free(client->token);
    client->certificate = NULL;
    client->key = NULL;
    client->token = NULL;
    bytes_free(&client->value);
    client->group = false;
    client->attest = attest;
}

dps_status dps_client_use_x509(dps_client *client, const char *certificate, const char *key)
{
    char *certificate_copy;
    char *key_copy;

    if (is_empty(certificate) || is_empty(key))
        return dps_report_fail(&client->report, DPS_INVALID,
                               "X.509 attestation needs a certificate and its key");
    certificate_copy = strdup(certificate);
    key_copy = strdup(key);
    if (certificate_copy == NULL || key_copy == NULL) {
        free(certificate_copy);
        free(key_copy);
        return dps_report_no_memory(&client->report);
    }
    use(client, &dps_attest_x509);
    client->certificate = certificate_copy; /* transferred */
    client->key = key_copy;
    return DPS_OK;
}

static dps_status use_key(dps_client *client, const char *key, bool group)
{
    char *copy;

    if (is_empty(key))
        return dps_report_fail(&client->report, DPS_INVALID, "a symmetric key must be named");
    copy = strdup(key);
    if (copy == NULL)
        return dps_report_no_memory(&client->report);
    use(client, &dps_attest_symmetric);
    client->key = copy; /* transferred */
    client->group = group;
    return DPS_OK;
}

static dps_status use_value(dps_client *client, const char *base64, bool group)
{
    struct bytes copy;

    if (is_empty(base64))
        return dps_report_fail(&client->report, DPS_INVALID, "a symmetric key must not be empty");
    if (!bytes_copy(&copy, base64, strlen(base64)))
        return dps_report_no_memory(&client->report);
    use(client, &dps_attest_symmetric);
    client->value = copy; /* transferred */
    client->group = group;
    return DPS_OK;
}

dps_status dps_client_use_symmetric(dps_client *client, const char *key)
{
    return use_key(client, key, false);
}

dps_status dps_client_use_symmetric_value(dps_client *client, const char *base64)
{
    return use_value(client, base64, false);
}

dps_status dps_client_use_group(dps_client *client, const char *key)
{
    return use_key(client, key, true);
}

dps_status dps_client_use_group_value(dps_client *client, const char *base64)
{
    return use_value(client, base64, true);
}

static dps_status check_uri(dps_client *client, const char *uri)
{
    if (uri == NULL || dps_source_is_uri(uri))
        return DPS_OK;
    return dps_report_fail(&client->report, DPS_INVALID, "\"%.200s\" is no pkcs11: URI", uri);
}

dps_status dps_client_set_key_store(dps_client *client, const char *uri)
{
    dps_status status = check_uri(client, uri);

    if (status != DPS_OK)
        return status;
    dps_client_unprepare(client);
    return dps_client_set_text(client, &client->key_store, uri);
}

dps_status dps_client_use_tpm(dps_client *client, const char *token)
{
    dps_status status = check_uri(client, token);
    char *copy;

    if (status != DPS_OK)
        return status;
    copy = strdup(token != NULL ? token : ANY_TOKEN);
    if (copy == NULL)
        return dps_report_no_memory(&client->report);
    use(client, &dps_attest_tpm);
    client->token = copy; /* transferred */
    return DPS_OK;
}

dps_status dps_client_set_tpm_id(dps_client *client, dps_tpm_id id)
{
    if (id != DPS_TPM_ID_BASE32 && id != DPS_TPM_ID_HEX)
        return dps_report_fail(&client->report, DPS_INVALID, "there is no TPM registration id of kind %d",
                               (int)id);
    dps_client_unprepare(client);
    client->tpm_id = id;
    return DPS_OK;
}

dps_status dps_client_tpm_identity(dps_client *client, struct dps_tpm_identity *out)
{
    dps_status status = DPS_OK;

    *out = (struct dps_tpm_identity){0};
    if (client->attest != &dps_attest_tpm)
        status = dps_report_fail(&client->report, DPS_INVALID, "the client does not use a TPM");
    else if (client->http == NULL)
        status = dps_client_prepare(client);
    if (status == DPS_OK)
        dps_attest_tpm_identity(client->attest_state, out);
    return dps_client_finish(client, status);
}

dps_status dps_client_use_environment(dps_client *client)
{
    const char *host = getenv("PROVISIONING_HOST");
    const char *id_scope = getenv("PROVISIONING_IDSCOPE");
    const char *registration_id = getenv("PROVISIONING_REGISTRATION_ID");
    const char *key = getenv("PROVISIONING_SYMMETRIC_KEY");
    dps_status status = DPS_OK;

    if (!is_empty(host))
        status = dps_client_set_endpoint(client, host);
    if (status == DPS_OK && !is_empty(id_scope))
        status = dps_client_set_text(client, &client->id_scope, id_scope);
    if (status == DPS_OK && !is_empty(registration_id)) {
        dps_client_unprepare(client);
        status = dps_client_set_text(client, &client->registration_id, registration_id);
    }
    if (status == DPS_OK && !is_empty(key))
        status = dps_client_use_symmetric_value(client, key);
    return status;
}
