/* SPDX-License-Identifier: Apache-2.0 */
/* The device's certificate, its chain, and its key: from files and tokens into a struct dps_tls. */
#include "dps/tlsload.h"

#include "dps/crypto.h"
#include "dps/source.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void dps_tls_unload(struct dps_tls *tls)
{
    EVP_PKEY_free(tls->key);
    sk_X509_pop_free(tls->chain, X509_free);
    tls->key = NULL;
    tls->chain = NULL;
    tls->common_name[0] = '\0';
    tls->open_issuer[0] = '\0';
    free(tls->thumbprints);
    tls->thumbprints = NULL;
}

/* ---- loading ---- */

/* Loads DevID's provider if it takes that to read the source. */
static dps_status prepare(struct dps_tls *tls, const char *what, const char *source)
{
    bool needs_provider;
    int error = dps_source_inspect(source, &needs_provider);

    if (error != 0)
        return dps_report_fail(tls->settings.report, DPS_KEY, "the %s %s cannot be read: %s", what, source,
                               strerror(error));
    return needs_provider ? dps_tls_load_provider(tls, source) : DPS_OK;
}

struct question {
    const struct dps_tls_settings *settings;
    const char *source;
};

/* A pem_password_cb: what OpenSSL asks when a key or token is protected. Never lets it ask the terminal. */
static int ask_pin(char *buffer, int size, int rwflag, void *data)
{
    const struct question *question = data;
    const struct dps_tls_settings *settings = question->settings;

    (void)rwflag;
    if (settings->pin == NULL || size <= 0)
        return -1;
    return settings->pin(settings->pin_data, question->source, buffer, (size_t)size);
}

/* Takes what the store found: the first key, or every certificate. */
static bool take_info(struct dps_tls *tls, int type, OSSL_STORE_INFO *info, STACK_OF(X509) * certificates)
{
    X509 *certificate;

    if (OSSL_STORE_INFO_get_type(info) != type)
        return true;
    if (type == OSSL_STORE_INFO_PKEY) {
        if (tls->key == NULL)
            tls->key = OSSL_STORE_INFO_get1_PKEY(info);
        return tls->key != NULL;
    }
    certificate = OSSL_STORE_INFO_get1_CERT(info);
    if (certificate == NULL || sk_X509_push(certificates, certificate) <= 0) {
        X509_free(certificate);
        return false;
    }
    return true;
}

/* Reads all objects of one type that `source` names. False: the error queue knows why, if anything went
 * wrong. */
static bool read_store(struct dps_tls *tls, const char *source, int type, STACK_OF(X509) * certificates)
{
    struct question question = {&tls->settings, source};
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(ask_pin, 0);
    OSSL_STORE_CTX *store = NULL;
    bool read = false;

    ERR_clear_error();
    if (method == NULL)
        return false;
    store = OSSL_STORE_open_ex(source, tls->context, NULL, method, &question, NULL, NULL, NULL);
    if (store == NULL)
        goto out;
    read = OSSL_STORE_expect(store, type) == 1;
    while (read && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL)
            read = take_info(tls, type, info, certificates);
        else if (OSSL_STORE_error(store))
            break;
        OSSL_STORE_INFO_free(info);
    }
    /* The end of a file is an error to OSSL_STORE_error, but one without a reason. */
    read = read && ERR_peek_error() == 0;
out:
    OSSL_STORE_close(store);
    UI_destroy_method(method);
    return read;
}

static dps_status load_key(struct dps_tls *tls, const char *source)
{
    char reason[256];
    dps_status status = prepare(tls, "key", source);

    if (status != DPS_OK)
        return status;
    if (!read_store(tls, source, OSSL_STORE_INFO_PKEY, NULL) || tls->key == NULL)
        return dps_report_fail(tls->settings.report, DPS_KEY, "no private key can be loaded from %s (%s)",
                               source, dps_tls_last_reason(reason, sizeof reason));
    ERR_clear_error();
    return DPS_OK;
}

static dps_status load_certificates(struct dps_tls *tls, const char *source, STACK_OF(X509) * certificates)
{
    char reason[256];
    dps_status status = prepare(tls, "certificate", source);

    if (status != DPS_OK)
        return status;
    if (!read_store(tls, source, OSSL_STORE_INFO_CERT, certificates) || sk_X509_num(certificates) == 0)
        return dps_report_fail(tls->settings.report, DPS_KEY, "no certificate can be loaded from %s (%s)",
                               source, dps_tls_last_reason(reason, sizeof reason));
    ERR_clear_error();
    return DPS_OK;
}

/* ---- the chain ---- */

/* One line of text for a name; cut off where it does not fit. */
static void name_text(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int length = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        length = BIO_read(bio, out, (int)size - 1);
    out[length > 0 ? length : 0] = '\0';
    BIO_free(bio);
}

static bool issued(const X509 *issuer, const X509 *subject)
{
    return X509_check_issued((X509 *)(uintptr_t)issuer, (X509 *)(uintptr_t)subject) == X509_V_OK;
}

/* Moves the certificate at `index` to the end of the chain. */
static bool move_to_chain(struct dps_tls *tls, STACK_OF(X509) * certificates, int index)
{
    X509 *certificate = sk_X509_delete(certificates, index);

    if (sk_X509_push(tls->chain, certificate) > 0)
        return true; /* transferred */
    X509_free(certificate);
    return false;
}

static bool move_leaf(struct dps_tls *tls, STACK_OF(X509) * certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(certificates, i)), tls->key) == 1)
            return move_to_chain(tls, certificates, i);
    return false;
}

/* Moves one certificate that issued the chain's end; false when there is none. */
static bool move_issuer(struct dps_tls *tls, STACK_OF(X509) * certificates)
{
    const X509 *end = sk_X509_value(tls->chain, sk_X509_num(tls->chain) - 1);

    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (issued(sk_X509_value(certificates, i), end))
            return move_to_chain(tls, certificates, i);
    return false;
}

static void read_common_name(struct dps_tls *tls)
{
    X509_NAME *subject = X509_get_subject_name(sk_X509_value(tls->chain, 0));
    unsigned char *text = NULL;
    int index = -1;
    int last = -1;
    int length = 0;

    while ((index = X509_NAME_get_index_by_NID(subject, NID_commonName, index)) >= 0)
        last = index;
    if (last >= 0)
        length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    if (length > 0 && length < DPS_TLS_NAME_MAXIMUM && memchr(text, '\0', (size_t)length) == NULL)
        snprintf(tls->common_name, sizeof tls->common_name, "%s", (const char *)text);
    OPENSSL_free(text);
}

/* What the service may object to later; here it is not known which CA is enrolled. */
static void judge_chain(struct dps_tls *tls, const char *source, const STACK_OF(X509) * unused)
{
    struct dps_report *report = tls->settings.report;
    const X509 *end = sk_X509_value(tls->chain, sk_X509_num(tls->chain) - 1);
    char name[DPS_TLS_NAME_MAXIMUM];

    for (int i = 0; i < sk_X509_num(unused); i++) {
        name_text(X509_get_subject_name(sk_X509_value(unused, i)), name, sizeof name);
        dps_report_log(
            report, DPS_LOG_WARNING,
            "the chain in %s has a gap: \"%s\" issued none of the certificates before it and is not sent",
            source, name);
    }
    if (issued(end, end))
        return;
    name_text(X509_get_issuer_name(end), tls->open_issuer, sizeof tls->open_issuer);
    if (sk_X509_num(tls->chain) == 1)
        dps_report_log(
            report, DPS_LOG_WARNING,
            "%s holds the device's certificate alone: unless its issuer \"%s\" is the CA enrolled with the "
            "service, the intermediate certificates must be added",
            source, tls->open_issuer);
    else
        dps_report_log(report, DPS_LOG_INFO, "the chain of %d certificates in %s ends below \"%s\"",
                       sk_X509_num(tls->chain), source, tls->open_issuer);
}

#define THUMBPRINT_SIZE (2 * DPS_SHA256_SIZE + 1) /* with the space behind it */

static bool read_thumbprints(struct dps_tls *tls)
{
    EVP_MD *sha256 = EVP_MD_fetch(tls->context, "SHA256", NULL);
    size_t count = (size_t)sk_X509_num(tls->chain);
    bool read = sha256 != NULL;

    tls->thumbprints = calloc(count, THUMBPRINT_SIZE);
    read = read && tls->thumbprints != NULL;
    for (size_t i = 0; read && i < count; i++) {
        uint8_t digest[DPS_SHA256_SIZE];
        char *text = tls->thumbprints + i * THUMBPRINT_SIZE;

        read = X509_digest(sk_X509_value(tls->chain, (int)i), sha256, digest, NULL) == 1;
        for (size_t j = 0; read && j < sizeof digest; j++)
            snprintf(text + 2 * j, 3, "%02X", digest[j]);
        text[THUMBPRINT_SIZE - 1] = i + 1 < count ? ' ' : '\0';
    }
    EVP_MD_free(sha256);
    return read;
}

static dps_status order_chain(struct dps_tls *tls, const char *certificate, const char *key,
                              STACK_OF(X509) * certificates)
{
    char name[DPS_TLS_NAME_MAXIMUM];

    if (!move_leaf(tls, certificates)) {
        name_text(X509_get_subject_name(sk_X509_value(certificates, 0)), name, sizeof name);
        ERR_clear_error();
        return dps_report_fail(
            tls->settings.report, DPS_KEY,
            "the certificate %s (\"%s\") does not belong to the key %s: their public keys differ",
            certificate, name, key);
    }
    while (move_issuer(tls, certificates))
        ;
    read_common_name(tls);
    if (!read_thumbprints(tls))
        return dps_report_no_memory(tls->settings.report);
    judge_chain(tls, certificate, certificates);
    ERR_clear_error();
    return DPS_OK;
}

dps_status dps_tls_load(struct dps_tls *tls, const char *certificate, const char *key)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    dps_status status;

    dps_tls_unload(tls);
    tls->chain = sk_X509_new_null();
    if (certificates == NULL || tls->chain == NULL) {
        status = dps_report_no_memory(tls->settings.report);
        goto out;
    }
    status = load_certificates(tls, certificate, certificates);
    if (status == DPS_OK)
        status = load_key(tls, key);
    if (status == DPS_OK)
        status = order_chain(tls, certificate, key, certificates);
out:
    if (status != DPS_OK)
        dps_tls_unload(tls);
    sk_X509_pop_free(certificates, X509_free);
    return status;
}

const char *dps_tls_common_name(const struct dps_tls *tls)
{
    return tls->common_name;
}

const char *dps_tls_open_issuer(const struct dps_tls *tls)
{
    return tls->open_issuer;
}

const char *dps_tls_thumbprints(const struct dps_tls *tls)
{
    return tls->thumbprints != NULL ? tls->thumbprints : "";
}

static bool read_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm parts = {0};

    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return false;
    *out = (int64_t)timegm(&parts);
    return true;
}

bool dps_tls_validity(const struct dps_tls *tls, int64_t *from, int64_t *to)
{
    const X509 *leaf = sk_X509_value(tls->chain, 0);

    return leaf != NULL && read_time(X509_get0_notBefore(leaf), from) &&
           read_time(X509_get0_notAfter(leaf), to);
}
