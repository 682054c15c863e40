/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_TLS_H
#define DPS_TLS_H

#include "dps/report.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Certificate and key of the device, and the OpenSSL library context in which they live. The context is
 * private: it holds the default provider and, only when a key or certificate asks for it, DevID's, configured
 * from memory. All TLS of a client runs in it (dps_tls_enter), because a provider's key signs only where its
 * provider is loaded.
 */
struct dps_tls;

struct dps_tls_settings {
    const char *module; /* PKCS#11 module for the provider, NULL: the provider's default */
    dps_pin_fn pin;     /* NULL: nobody is asked */
    void *pin_data;
    struct dps_report *report; /* outlives the struct dps_tls */
};

/* Makes a context without certificate and key. *out is freed with dps_tls_free. */
__attribute__((warn_unused_result)) dps_status dps_tls_new(const struct dps_tls_settings *settings,
                                                           struct dps_tls **out);
/* Connections that use it must have been closed. NULL is accepted. */
void dps_tls_free(struct dps_tls *tls);

/*
 * Loads the private key and the certificates; each is a pkcs11: URI, a file: URI or a path. The leaf is the
 * certificate whose public key is the key's, the others are ordered behind it by issuer. A chain with a gap
 * is a warning in the log. DPS_KEY: one cannot be loaded, or none of the certificates belongs to the key. The
 * texts need not live on.
 */
__attribute__((warn_unused_result)) dps_status dps_tls_load(struct dps_tls *tls, const char *certificate,
                                                            const char *key);

/* The leaf's only or last common name; "" when it has none or nothing is loaded. Owned by `tls`. */
const char *dps_tls_common_name(const struct dps_tls *tls);

/* From when to when the leaf is valid, in seconds since 1970. False: nothing is loaded, or a date cannot be
 * read. */
bool dps_tls_validity(const struct dps_tls *tls, int64_t *from, int64_t *to);

/* The name of who must be enrolled or trusted beyond the chain that is sent: the issuer of its last
 * certificate. "" for a chain that ends self-signed. */
const char *dps_tls_open_issuer(const struct dps_tls *tls);

/* SHA-256 of each certificate of the chain in its order, as hexadecimal with capital letters, a space between
 * them; "" when nothing is loaded. Owned by `tls`. */
const char *dps_tls_thumbprints(const struct dps_tls *tls);

/* Puts certificate, chain and key into an SSL_CTX and watches its alerts. False: OpenSSL refused. */
bool dps_tls_install(struct dps_tls *tls, void *ssl_ctx);

/* Makes the private context the thread's default until dps_tls_leave, which gets what this answered. */
void *dps_tls_enter(struct dps_tls *tls);
void dps_tls_leave(void *previous);

/* The last fatal TLS alert since dps_tls_forget_alert, and whether the peer sent it; NULL: there was none.
 * Static text. */
const char *dps_tls_alert(const struct dps_tls *tls, bool *from_peer);
void dps_tls_forget_alert(struct dps_tls *tls);

#endif
