/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "dps/attest.h"
#include "dps/base64.h"
#include "dps/sas.h"
#include "dps/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM 4096
/* What the service accepts as an enrollment's key, before base64. */
#define KEY_MINIMUM 16
#define KEY_MAXIMUM 64

struct symmetric {
    const struct dps_attest_settings *settings;
    struct dps_token *token; /* NULL: the key is `value` */
    dps_key_handle key;
    struct bytes value;
};

/* ---- the key as text ---- */

/* Reads base64, with white space around it, into value. `what` names the text in reports. */
static dps_status decode(struct symmetric *symmetric, const char *what, const struct bytes *text)
{
    static const char space[] = " \t\r\n";
    struct dps_report *report = symmetric->settings->report;
    size_t from = 0;
    size_t to = text->size;

    while (from < to && memchr(space, text->data[from], sizeof space - 1) != NULL)
        from++;
    while (to > from && memchr(space, text->data[to - 1], sizeof space - 1) != NULL)
        to--;
    if (from == to || !dps_base64_read((const char *)text->data + from, to - from, &symmetric->value))
        return dps_report_fail(report, DPS_KEY,
                               "%s is not base64: use the primary or secondary key of the enrollment as the "
                               "service shows it, whole",
                               what);
    if (symmetric->value.size >= KEY_MINIMUM && symmetric->value.size <= KEY_MAXIMUM)
        return DPS_OK;
    return dps_report_fail(report, DPS_KEY, "%s has %zu bytes, the service's keys have %d to %d", what,
                           symmetric->value.size, KEY_MINIMUM, KEY_MAXIMUM);
}

static dps_status read_file(struct symmetric *symmetric, const char *source)
{
    struct bytes text = BYTES_EMPTY;
    char what[512];
    int error = file_read(AT_FDCWD, dps_source_path(source), FILE_MAXIMUM, &text);
    dps_status status;

    snprintf(what, sizeof what, "the symmetric key in %s", source);
    if (error != 0)
        status = dps_report_fail(symmetric->settings->report, DPS_KEY, "%s cannot be read: %s", what,
                                 strerror(error));
    else
        status = decode(symmetric, what, &text);
    bytes_free(&text);
    return status;
}

/* ---- the key in a token ---- */

static dps_status open_token(struct symmetric *symmetric, const char *uri)
{
    dps_status status = dps_token_open(&symmetric->settings->pkcs11, uri, false, &symmetric->token);

    return status == DPS_OK ? dps_key_find(symmetric->token, &symmetric->key) : status;
}

static dps_status load(struct symmetric *symmetric)
{
    const struct dps_attest_settings *settings = symmetric->settings;

    if (settings->key == NULL)
        return decode(symmetric, "the symmetric key", settings->value);
    return dps_source_is_uri(settings->key) ? open_token(symmetric, settings->key)
                                            : read_file(symmetric, settings->key);
}

static dps_status hmac(void *holder, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    struct symmetric *symmetric = holder;
    const struct bytes *value = &symmetric->value;

    if (symmetric->token != NULL)
        return dps_key_hmac(symmetric->token, symmetric->key, data, size, out);
    return dps_crypto_hmac_sha256(symmetric->settings->tls, value->data, value->size, data, size, out)
               ? DPS_OK
               : dps_report_no_memory(symmetric->settings->report);
}

static bool has_upper_case(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            return true;
    return false;
}

/* Puts the device's key in the place of its group's: the HMAC of the registration id, as it is written. */
static dps_status derive(struct symmetric *symmetric)
{
    const struct dps_attest_settings *settings = symmetric->settings;
    const char *id = settings->registration_id;
    uint8_t mac[DPS_SHA256_SIZE];
    dps_status status;

    if (id == NULL)
        return dps_report_fail(settings->report, DPS_INVALID,
                               "there is no registration id, from which a group's key makes the device's");
    if (has_upper_case(id))
        dps_report_log(
            settings->report, DPS_LOG_WARNING,
            "the registration id \"%s\" has upper-case letters: a key derived by somebody who wrote "
            "it in lower case is another one",
            id);
    status = hmac(symmetric, id, strlen(id), mac);
    dps_token_close(symmetric->token);
    symmetric->token = NULL;
    bytes_free(&symmetric->value);
    if (status == DPS_OK && !bytes_copy(&symmetric->value, mac, sizeof mac))
        status = dps_report_no_memory(settings->report);
    bytes_wipe(mac, sizeof mac);
    return status;
}

/* Loads the device's key from where the settings say. */
static dps_status load_device_key(struct symmetric *symmetric)
{
    dps_status status = load(symmetric);

    return status == DPS_OK && symmetric->settings->group ? derive(symmetric) : status;
}

static dps_status fail_to_store(const struct symmetric *symmetric)
{
    return dps_report_fail(symmetric->settings->report, DPS_INVALID,
                           "a key that is in a token already cannot be kept under %s: name that token's key",
                           symmetric->settings->key_store);
}

/*
 * The device's key in the token that is to keep it: found there, or else loaded and imported. Once it is
 * there, where it came from is not looked at.
 */
static dps_status use_store(struct symmetric *symmetric)
{
    const struct dps_attest_settings *settings = symmetric->settings;
    struct dps_token *store = NULL;
    dps_status status = dps_token_open(&settings->pkcs11, settings->key_store, false, &store);
    bool there = false;

    if (status == DPS_OK)
        status = dps_key_exists(store, &there);
    if (status == DPS_OK && there) {
        status = dps_key_find(store, &symmetric->key);
    } else if (status == DPS_OK) {
        status = load_device_key(symmetric);
        if (status == DPS_OK && symmetric->token != NULL)
            status = fail_to_store(symmetric);
        if (status == DPS_OK)
            status = dps_key_import(store, &symmetric->value, &symmetric->key);
        if (status == DPS_OK)
            dps_report_log(settings->report, DPS_LOG_INFO, "the device's key is now in the token, as %s",
                           settings->key_store);
        bytes_free(&symmetric->value);
    }
    if (status != DPS_OK) {
        dps_token_close(store);
        return status;
    }
    symmetric->token = store; /* transferred */
    return DPS_OK;
}

/* ---- the method ---- */

static void symmetric_close(void *state)
{
    struct symmetric *symmetric = state;

    dps_token_close(symmetric->token);
    bytes_free(&symmetric->value);
    free(symmetric);
}

static dps_status symmetric_open(const struct dps_attest_settings *settings, void **state)
{
    struct symmetric *symmetric = calloc(1, sizeof *symmetric);
    dps_status status;

    *state = NULL;
    if (symmetric == NULL)
        return dps_report_no_memory(settings->report);
    symmetric->settings = settings;
    status = settings->key_store != NULL ? use_store(symmetric) : load_device_key(symmetric);
    if (status == DPS_OK)
        *state = symmetric;
    else
        symmetric_close(symmetric);
    return status;
}

static dps_status symmetric_authorize(void *state, enum dps_attest_purpose purpose, const char *resource,
                                      int64_t expiry, char **out)
{
    const struct symmetric *symmetric = state;
    const char *policy = purpose == DPS_FOR_REGISTRATION ? DPS_ATTEST_POLICY : NULL;

    return dps_sas_make(resource, expiry, policy, hmac, state, symmetric->settings->report, out);
}

static const char *symmetric_advice(const void *state)
{
    const struct symmetric *symmetric = state;

    return symmetric->settings->group
               ? "the key must be the group's own, and the registration id written as it was when the device "
                 "was enrolled"
               : "the key must be the primary or secondary one of this device's enrollment, not that of its "
                 "group";
}

const struct dps_attest dps_attest_symmetric = {
    .name = "symmetric key",
    .attestation = "symmetricKey",
    .open = symmetric_open,
    .authorize = symmetric_authorize,
    .advice = symmetric_advice,
    .close = symmetric_close,
};
