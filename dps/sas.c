/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/sas.h"

#include "dps/base64.h"
#include "dps/url.h"

#include <inttypes.h>

#define TOKEN_MAXIMUM 4096
#define SIGNATURE_MAXIMUM 64

/* Adds the signature, which needs encoding itself: base64 has + / and =. */
static bool add_signature(struct buffer *token, const uint8_t mac[DPS_SHA256_SIZE])
{
    struct buffer text;
    bool added;

    buffer_init(&text, SIGNATURE_MAXIMUM);
    added = dps_base64_add(&text, mac, DPS_SHA256_SIZE) && buffer_add_text(token, "&sig=") &&
            dps_url_add_encoded(token, buffer_text(&text));
    buffer_free(&text);
    return added;
}

static bool add_token(struct buffer *token, const char *encoded, int64_t expiry, const char *policy,
                      const uint8_t mac[DPS_SHA256_SIZE])
{
    buffer_addf(token, "SharedAccessSignature sr=%s", encoded);
    add_signature(token, mac);
    buffer_addf(token, "&se=%" PRId64, expiry);
    if (policy != NULL && buffer_add_text(token, "&skn="))
        dps_url_add_encoded(token, policy);
    return !token->failed;
}

dps_status dps_sas_make(const char *resource, int64_t expiry, const char *policy, dps_sas_hmac *hmac,
                        void *holder, struct dps_report *report, char **out)
{
    uint8_t mac[DPS_SHA256_SIZE];
    struct buffer encoded;
    struct buffer signed_text;
    struct buffer token;
    dps_status status = DPS_NO_MEMORY;

    *out = NULL;
    buffer_init(&encoded, TOKEN_MAXIMUM);
    buffer_init(&signed_text, TOKEN_MAXIMUM);
    buffer_init(&token, TOKEN_MAXIMUM);
    if (dps_url_add_encoded(&encoded, resource) &&
        buffer_addf(&signed_text, "%s\n%" PRId64, buffer_text(&encoded), expiry))
        status = hmac(holder, signed_text.data, signed_text.size, mac);
    else
        dps_report_no_memory(report);
    if (status == DPS_OK && add_token(&token, buffer_text(&encoded), expiry, policy, mac))
        *out = buffer_take_text(&token);
    if (status == DPS_OK && *out == NULL)
        status = dps_report_no_memory(report);
    buffer_free(&token);
    buffer_free(&signed_text);
    buffer_free(&encoded);
    return status;
}
