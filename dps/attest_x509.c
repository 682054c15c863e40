/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

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
        status = dps_tls_check_dates(settings->tls, settings->date);
    if (status == DPS_OK)
        write_advice(x509);
    return status;
}

static const char *x509_registration_id(const void *state)
{
    const struct x509 *x509 = state;

    return dps_tls_common_name(x509->settings->tls);
}

static const char *x509_advice(const void *state)
{
    const struct x509 *x509 = state;

    return x509->advice;
}

/* The proof is the TLS handshake: nothing to say in bodies or headers. */
const struct dps_attest dps_attest_x509 = {
    .name = "X.509",
    .open = x509_open,
    .configure_tls = x509_configure_tls,
    .registration_id = x509_registration_id,
    .advice = x509_advice,
    .close = free,
};
