/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_TLSLOAD_H
#define DPS_TLSLOAD_H

#include "dps/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/* What tls.c makes connections with and tlsload.c fills. */

#define DPS_TLS_NAME_MAXIMUM 256

struct dps_tls {
    struct dps_tls_settings settings;
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *base; /* the default provider */
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* leaf first */
    char common_name[DPS_TLS_NAME_MAXIMUM];
    char open_issuer[DPS_TLS_NAME_MAXIMUM];
    char *thumbprints; /* NULL: none */
    int alert;         /* as the info callback tells it, 0: none */
    bool alert_from_peer;
};

/* Gives up key and certificates. */
void dps_tls_unload(struct dps_tls *tls);

/* Loads DevID's provider into the context, unless it is there; `wanted_by` is for the report. */
dps_status dps_tls_load_provider(struct dps_tls *tls, const char *wanted_by);

/* The last entry of this thread's error queue, which says most; the queue is empty afterwards. */
const char *dps_tls_last_reason(char *out, size_t size);

#endif
