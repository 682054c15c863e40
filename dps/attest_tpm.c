/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/attest.h"
#include "dps/base64.h"
#include "dps/sas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAXIMUM 8192
#define BASE32_MAXIMUM 64
#define LABEL_MAXIMUM 256
/* How the key for a device's hub is called in the TPM's token. */
#define HUB_LABEL "devid-hub:%s"

struct tpm {
    const struct dps_attest_settings *settings;
    struct dps_token *token;
    char *endorsement_key; /* base64 */
    char *storage_root_key;
    char id_base32[BASE32_MAXIMUM];
    char id_hex[2 * DPS_SHA256_SIZE + 1];
    /* by purpose */
    dps_key_handle key[2];
    bool has_key[2];
};

/* ---- who the TPM is ---- */

static char *to_base64(const struct bytes *data)
{
    struct buffer text;
    char *out = NULL;

    buffer_init(&text, TEXT_MAXIMUM);
    if (dps_base64_add(&text, data->data, data->size))
        out = buffer_take_text(&text);
    buffer_free(&text);
    return out;
}

/* RFC 4648 section 6, in lower case and without padding. `out` holds (size * 8 + 4) / 5 + 1. */
static void to_base32(const uint8_t *data, size_t size, char *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned bits = 0;
    unsigned waiting = 0;

    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | data[i]) & 0xfff;
        for (waiting += 8; waiting >= 5; waiting -= 5)
            *out++ = alphabet[bits >> (waiting - 5) & 31];
    }
    if (waiting > 0)
        *out++ = alphabet[bits << (5 - waiting) & 31];
    *out = '\0';
}

/* Both names that are in use for a TPM, made of the endorsement key as it is enrolled, size included. */
static bool name_tpm(struct tpm *tpm, const struct bytes *endorsement_key)
{
    uint8_t digest[DPS_SHA256_SIZE];

    if (!dps_crypto_sha256(tpm->settings->tls, endorsement_key->data, endorsement_key->size, digest))
        return false;
    to_base32(digest, sizeof digest, tpm->id_base32);
    bytes_to_hex(digest, sizeof digest, tpm->id_hex);
    return true;
}

static dps_status read_identity(struct tpm *tpm)
{
    struct dps_tpm_publics publics;
    dps_status status = dps_key_read_tpm(tpm->token, &publics);

    if (status != DPS_OK)
        return status;
    tpm->endorsement_key = to_base64(&publics.endorsement_key);
    tpm->storage_root_key = to_base64(&publics.storage_root_key);
    if (tpm->endorsement_key == NULL || tpm->storage_root_key == NULL ||
        !name_tpm(tpm, &publics.endorsement_key))
        status = dps_report_no_memory(tpm->settings->report);
    dps_tpm_publics_free(&publics);
    return status;
}

void dps_attest_tpm_identity(const void *state, struct dps_tpm_identity *out)
{
    const struct tpm *tpm = state;

    *out = (struct dps_tpm_identity){.endorsement_key = tpm->endorsement_key,
                                     .storage_root_key = tpm->storage_root_key,
                                     .registration_id_base32 = tpm->id_base32,
                                     .registration_id_hex = tpm->id_hex};
}

static const char *tpm_registration_id(const void *state)
{
    const struct tpm *tpm = state;

    return tpm->settings->tpm_id == DPS_TPM_ID_HEX ? tpm->id_hex : tpm->id_base32;
}

/* ---- the keys that the service sends ---- */

static void name_hub_key(const struct tpm *tpm, char label[LABEL_MAXIMUM])
{
    const char *id = tpm->settings->registration_id;

    snprintf(label, LABEL_MAXIMUM, HUB_LABEL, id != NULL ? id : tpm_registration_id(tpm));
}

/* The key for the hub outlives the process; the one for the registration is of no use after it. */
static dps_status take(struct tpm *tpm, enum dps_attest_purpose purpose, const struct bytes *wrapped)
{
    char label[LABEL_MAXIMUM];
    bool keep = purpose == DPS_FOR_HUB;
    bool kept = false;
    dps_key_handle key;
    dps_status status;

    name_hub_key(tpm, label);
    status = dps_key_unwrap(tpm->token, wrapped, keep ? label : NULL, &key, &kept);
    if (status != DPS_OK) {
        dps_report_add(tpm->settings->report,
                       "; if the TPM was cleared or its storage root key replaced, its endorsement must be "
                       "enrolled anew");
        return status;
    }
    if (keep && !kept)
        dps_report_log(tpm->settings->report, DPS_LOG_WARNING,
                       "the token keeps no such key: the one for the hub is lost when this program ends");
    tpm->key[purpose] = key;
    tpm->has_key[purpose] = true;
    return DPS_OK;
}

/* Takes the key back that served before. */
static void drop(struct tpm *tpm, enum dps_attest_purpose purpose)
{
    if (tpm->has_key[purpose] && purpose == DPS_FOR_REGISTRATION)
        dps_key_destroy(tpm->token, tpm->key[purpose]);
    tpm->has_key[purpose] = false;
}

static dps_status tpm_take_key(void *state, enum dps_attest_purpose purpose, const char *wrapped)
{
    struct tpm *tpm = state;
    struct bytes blob;
    dps_status status;

    if (wrapped[0] == '\0' || !dps_base64_read(wrapped, strlen(wrapped), &blob))
        return dps_report_fail(
            tpm->settings->report, DPS_PROTOCOL,
            "the service sent an \"authenticationKey\" of %zu characters that is not base64",
            strlen(wrapped));
    drop(tpm, DPS_FOR_REGISTRATION); /* its turn is over in any case */
    if (purpose == DPS_FOR_HUB)
        drop(tpm, DPS_FOR_HUB);
    status = take(tpm, purpose, &blob);
    bytes_free(&blob);
    return status;
}

static dps_status find_hub_key(struct tpm *tpm)
{
    char label[LABEL_MAXIMUM];
    bool found = false;
    dps_status status;

    name_hub_key(tpm, label);
    status = dps_key_find_label(tpm->token, label, &found, &tpm->key[DPS_FOR_HUB]);
    if (status == DPS_OK && !found)
        status = dps_report_fail(tpm->settings->report, DPS_KEY,
                                 "the TPM's token has no key \"%s\" for the hub: register first", label);
    tpm->has_key[DPS_FOR_HUB] = status == DPS_OK;
    return status;
}

struct signer {
    struct tpm *tpm;
    enum dps_attest_purpose purpose;
};

static dps_status hmac(void *holder, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    const struct signer *signer = holder;

    return dps_key_hmac(signer->tpm->token, signer->tpm->key[signer->purpose], data, size, out);
}

static dps_status tpm_authorize(void *state, enum dps_attest_purpose purpose, const char *resource,
                                int64_t expiry, char **out)
{
    struct tpm *tpm = state;
    struct signer signer = {tpm, purpose};
    const char *policy = purpose == DPS_FOR_REGISTRATION ? DPS_ATTEST_POLICY : NULL;
    dps_status status = DPS_OK;

    *out = NULL;
    if (!tpm->has_key[purpose] && purpose == DPS_FOR_HUB)
        status = find_hub_key(tpm);
    else if (!tpm->has_key[purpose])
        status = dps_report_fail(tpm->settings->report, DPS_PROTOCOL,
                                 "the service has sent no key to sign the registration with");
    if (status == DPS_OK)
        status = dps_sas_make(resource, expiry, policy, hmac, &signer, tpm->settings->report, out);
    return status;
}

/* ---- the method ---- */

static void tpm_close(void *state)
{
    struct tpm *tpm = state;

    dps_token_close(tpm->token);
    free(tpm->endorsement_key);
    free(tpm->storage_root_key);
    free(tpm);
}

static dps_status tpm_open(const struct dps_attest_settings *settings, void **state)
{
    struct tpm *tpm = calloc(1, sizeof *tpm);
    dps_status status;

    *state = NULL;
    if (tpm == NULL)
        return dps_report_no_memory(settings->report);
    tpm->settings = settings;
    status = dps_token_open(&settings->pkcs11, settings->token, true, &tpm->token);
    if (status == DPS_OK)
        status = read_identity(tpm);
    if (status == DPS_OK)
        *state = tpm;
    else
        tpm_close(tpm);
    return status;
}

static void tpm_show(const void *state, struct dps_proof *out)
{
    const struct tpm *tpm = state;

    out->endorsement_key = tpm->endorsement_key;
}

static dps_status tpm_body(void *state, struct dps_register_request *request)
{
    const struct tpm *tpm = state;

    request->endorsement_key = tpm->endorsement_key;
    request->storage_root_key = tpm->storage_root_key;
    return DPS_OK;
}

static const char *tpm_advice(const void *state)
{
    (void)state;
    return "this TPM's endorsement key must be enrolled, as base64 of its TPM2B_PUBLIC (not a certificate), "
           "under this registration id";
}

const struct dps_attest dps_attest_tpm = {
    .name = "TPM",
    .attestation = "tpm",
    .challenge = true,
    .open = tpm_open,
    .registration_id = tpm_registration_id,
    .show = tpm_show,
    .body = tpm_body,
    .take_key = tpm_take_key,
    .authorize = tpm_authorize,
    .advice = tpm_advice,
    .close = tpm_close,
};
