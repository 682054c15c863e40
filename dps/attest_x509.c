/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

struct x509 {
    const struct dps_attest_settings *settings;
    char advice[512];
};

/* The service compares the leaf's common name with the registration id, without regard to case. */
static dps_status check_name(const struct dps_attest_settings *settings)
{
    const char *name = dps_tls_common_name(settings->tls);

    if (settings->registration_id == NULL || strcasecmp(name, settings->registration_id) == 0)
        return DPS_OK;
    return dps_report_fail(
        settings->report, DPS_KEY,
        "the certificate %s is for \"%s\" and cannot register \"%s\": its common name must be the "
        "registration id",
        settings->certificate, name, settings->registration_id);
}

static const char *date_text(int64_t date, char *out, size_t size)
{
    time_t time = (time_t)date;
    struct tm parts;

    if (gmtime_r(&time, &parts) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        snprintf(out, size, "%lld s after 1970", (long long)date);
    return out;
}

/* A certificate that is not valid now would be refused, with fewer words; often it is the clock that is
 * wrong. */
static dps_status check_dates(const struct dps_attest_settings *settings)
{
    int64_t from;
    int64_t to;
    char limit[64];
    char now[64];

    if (!dps_tls_validity(settings->tls, &from, &to))
        return dps_report_fail(settings->report, DPS_KEY, "the dates of the certificate %s cannot be read",
                               settings->certificate);
    if (settings->date < from)
        return dps_report_fail(
            settings->report, DPS_KEY,
            "the certificate %s is not valid before %s and this device's clock says %s: set the clock, "
            "or use another certificate",
            settings->certificate, date_text(from, limit, sizeof limit),
            date_text(settings->date, now, sizeof now));
    if (settings->date > to)
        return dps_report_fail(
            settings->report, DPS_KEY,
            "the certificate %s expired at %s and this device's clock says %s: renew it, or set the clock",
            settings->certificate, date_text(to, limit, sizeof limit),
            date_text(settings->date, now, sizeof now));
    return DPS_OK;
}

static void write_advice(struct x509 *x509)
{
    const char *issuer = dps_tls_open_issuer(x509->settings->tls);

    if (issuer[0] != '\0')
        snprintf(x509->advice, sizeof x509->advice,
                 "the chain sent ends below \"%s\", so that CA (group) or this certificate (individual) must "
                 "be enrolled, "
                 "and the CA verified",
                 issuer);
    else
        snprintf(x509->advice, sizeof x509->advice,
                 "this very certificate (individual) or a CA of its chain (group) must be enrolled");
}

static dps_status x509_open(const struct dps_attest_settings *settings, void **state)
{
    struct x509 *x509 = calloc(1, sizeof *x509);

    *state = x509;
    if (x509 == NULL)
        return dps_report_no_memory(settings->report);
    x509->settings = settings;
    return DPS_OK;
}

static dps_status x509_configure_tls(void *state)
{
    struct x509 *x509 = state;
    const struct dps_attest_settings *settings = x509->settings;
    dps_status status = dps_tls_load(settings->tls, settings->certificate, settings->key);

    if (status == DPS_OK)
        status = check_name(settings);
    if (status == DPS_OK)
        status = check_dates(settings);
    if (status == DPS_OK)
        write_advice(x509);
    return status;
}

static const char *x509_registration_id(const void *state)
{
    const struct x509 *x509 = state;

    return dps_tls_common_name(x509->settings->tls);
}

static void x509_show(const void *state, struct dps_proof *out)
{
    const struct x509 *x509 = state;

    out->thumbprints = dps_tls_thumbprints(x509->settings->tls);
    out->issuer = dps_tls_open_issuer(x509->settings->tls);
}

static const char *x509_advice(const void *state)
{
    const struct x509 *x509 = state;

    return x509->advice;
}

/* The proof is the TLS handshake: nothing to say in bodies or headers. */
const struct dps_attest dps_attest_x509 = {
    .name = "X.509",
    .attestation = "x509",
    .open = x509_open,
    .configure_tls = x509_configure_tls,
    .registration_id = x509_registration_id,
    .show = x509_show,
    .advice = x509_advice,
    .close = free,
};
