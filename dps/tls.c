/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/tls.h"

#include "dps/provider.h"
#include "dps/tlsload.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIGURATION_MAXIMUM 16384

/* ---- OpenSSL's reasons ---- */

const char *dps_tls_last_reason(char *out, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *data = NULL;
    int flags = 0;

    ERR_peek_last_error_data(&data, &flags);
    snprintf(out, size, "%s", code == 0 ? "no reason given" : "");
    if (code != 0) {
        const char *reason = ERR_reason_error_string(code);

        snprintf(out, size, "%s%s%s", reason != NULL ? reason : "unknown error",
                 data != NULL && (flags & ERR_TXT_STRING) != 0 && *data != '\0' ? ": " : "",
                 data != NULL && (flags & ERR_TXT_STRING) != 0 ? data : "");
    }
    ERR_clear_error();
    return out;
}

/* ---- the context and its providers ---- */

dps_status dps_tls_new(const struct dps_tls_settings *settings, struct dps_tls **out)
{
    struct dps_tls *tls = calloc(1, sizeof *tls);

    *out = NULL;
    if (tls == NULL)
        return dps_report_no_memory(settings->report);
    tls->settings = *settings;
    tls->context = OSSL_LIB_CTX_new();
    if (tls->context != NULL)
        tls->base = OSSL_PROVIDER_load(tls->context, "default");
    if (tls->base == NULL) {
        dps_tls_free(tls);
        return dps_report_no_memory(settings->report);
    }
    *out = tls;
    return DPS_OK;
}

void dps_tls_free(struct dps_tls *tls)
{
    if (tls == NULL)
        return;
    dps_tls_unload(tls);
    OSSL_PROVIDER_unload(tls->base);
    OSSL_LIB_CTX_free(tls->context); /* with the providers that a configuration activated */
    free(tls);
}

/* OpenSSL 3.0 hands parameters to a provider only by way of a configuration; this one never was a file. */
static bool load_configuration(OSSL_LIB_CTX *context, const struct buffer *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);
    CONF *configuration = NCONF_new_ex(context, NULL);
    long line = 0;
    bool loaded;

    loaded = bio != NULL && configuration != NULL && NCONF_load_bio(configuration, bio, &line) == 1 &&
             CONF_modules_load(configuration, DPS_PROVIDER_APPLICATION, 0) == 1;
    NCONF_free(configuration);
    BIO_free(bio);
    return loaded;
}

dps_status dps_tls_load_provider(struct dps_tls *tls, const char *wanted_by)
{
    char path[4096];
    char reason[256];
    struct buffer text;
    bool loaded;

    if (OSSL_PROVIDER_available(tls->context, DPS_PROVIDER_NAME) == 1)
        return DPS_OK;
    ERR_clear_error();
    buffer_init(&text, CONFIGURATION_MAXIMUM);
    loaded = dps_provider_configure(&text, dps_provider_find(path, sizeof path), tls->settings.module) &&
             load_configuration(tls->context, &text) &&
             OSSL_PROVIDER_available(tls->context, DPS_PROVIDER_NAME) == 1;
    buffer_free(&text);
    if (!loaded)
        return dps_report_fail(
            tls->settings.report, DPS_KEY,
            "%s needs DevID's OpenSSL provider, but %s cannot be loaded (%s); install it or "
            "point OPENSSL_MODULES at its directory",
            wanted_by, path, dps_tls_last_reason(reason, sizeof reason));
    ERR_clear_error();
    return DPS_OK;
}

/* ---- connections ---- */

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int context_index = -1; /* OpenSSL's number for "the dps_tls of this SSL_CTX" */

static void make_index(void)
{
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static void watch(const SSL *ssl, int where, int value)
{
    struct dps_tls *tls = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index);

    if ((where & SSL_CB_ALERT) == 0 || tls == NULL || (value >> 8) != SSL3_AL_FATAL)
        return;
    tls->alert = value;
    tls->alert_from_peer = (where & SSL_CB_READ) != 0;
}

bool dps_tls_install(struct dps_tls *tls, void *ssl_ctx)
{
    SSL_CTX *context = ssl_ctx;

    pthread_once(&index_once, make_index);
    if (context_index < 0 || SSL_CTX_set_ex_data(context, context_index, tls) != 1)
        return false;
    SSL_CTX_set_info_callback(context, watch);
    if (tls->key == NULL)
        return true;
    if (SSL_CTX_use_certificate(context, sk_X509_value(tls->chain, 0)) != 1 ||
        SSL_CTX_use_PrivateKey(context, tls->key) != 1)
        return false;
    for (int i = 1; i < sk_X509_num(tls->chain); i++)
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(tls->chain, i)) != 1)
            return false;
    return true;
}

void *dps_tls_enter(struct dps_tls *tls)
{
    return OSSL_LIB_CTX_set0_default(tls->context);
}

void dps_tls_leave(void *previous)
{
    OSSL_LIB_CTX_set0_default(previous);
}

const char *dps_tls_alert(const struct dps_tls *tls, bool *from_peer)
{
    *from_peer = tls->alert_from_peer;
    return tls->alert != 0 ? SSL_alert_desc_string_long(tls->alert) : NULL;
}

void dps_tls_forget_alert(struct dps_tls *tls)
{
    tls->alert = 0;
    tls->alert_from_peer = false;
}
