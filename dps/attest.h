/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_ATTEST_H
#define DPS_ATTEST_H

#include "common/bytes.h"
#include "dps/key.h"
#include "dps/message.h"
#include "dps/tls.h"

/*
 * A method of attestation: how a device proves to the service, and later to its hub, who it is. One const row
 * each. All members but `name` may be NULL, which means that the method has nothing to do there. What a
 * method keeps hangs on the `state` that its `open` made; everything else gets it. Failures are told to the
 * report given to `open`.
 */
struct dps_attest_settings {
    const char *certificate;   /* X.509: pkcs11: URI, file: URI or path */
    const char *key;           /* X.509 and symmetric: likewise; NULL: the value */
    const struct bytes *value; /* symmetric: the key as base64 text */
    bool group;                /* symmetric: it is the key of an enrollment group */
    const char *key_store; /* symmetric: pkcs11: URI under which the device's key is kept; NULL: nowhere */
    const char *token;     /* TPM: pkcs11: URI of its token */
    dps_tpm_id tpm_id;     /* TPM: which registration id it implies */
    const char *registration_id; /* NULL: the method finds it */
    int64_t date;                /* seconds since 1970 */
    struct dps_token_settings pkcs11;
    struct dps_tls *tls;       /* outlives the state */
    struct dps_report *report; /* likewise */
};

/* What a key is for, and so what a signature is for. */
enum dps_attest_purpose { DPS_FOR_REGISTRATION, DPS_FOR_HUB };

struct dps_attest {
    const char *name;        /* for the log */
    const char *attestation; /* what an enrollment calls it */
    /* The first PUT goes unauthorised and is answered with a wrapped key (state CHALLENGE). */
    bool challenge;

    /* Makes *state, which `close` frees; not on failure. The settings live as long as the state. */
    dps_status (*open)(const struct dps_attest_settings *settings, void **state);
    /* Loads certificate and key into the TLS context and checks them, without network. */
    dps_status (*configure_tls)(void *state);
    /* The registration id that the credential implies, after configure_tls; "" if none. Owned by the state.
     */
    const char *(*registration_id)(const void *state);
    /* Adds what the device shows, after configure_tls; the texts belong to the state. */
    void (*show)(const void *state, struct dps_proof *out);
    /* Adds what the method says in the body of a registration; the texts belong to the state. */
    dps_status (*body)(void *state, struct dps_register_request *request);
    /* Takes a key that the service wrapped for this device (base64 text); `authorize` uses it from now on. */
    dps_status (*take_key)(void *state, enum dps_attest_purpose purpose, const char *wrapped);
    /* The value of an Authorization header for the resource ("SCOPE/registrations/ID" or "HUB/devices/ID",
     * not encoded) until `expiry`, in seconds since 1970; the caller frees *out. */
    dps_status (*authorize)(void *state, enum dps_attest_purpose purpose, const char *resource,
                            int64_t expiry, char **out);
    /* What to look at when the service does not accept this proof: a phrase, or "". Owned by the state. */
    const char *(*advice)(const void *state);
    void (*close)(void *state);
};

extern const struct dps_attest dps_attest_x509;
extern const struct dps_attest dps_attest_symmetric;
extern const struct dps_attest dps_attest_tpm;

/* What the state of dps_attest_tpm knows of its TPM; the texts belong to the state. */
void dps_attest_tpm_identity(const void *state, struct dps_tpm_identity *out);

/* The service's name for the device's own key, in its tokens. */
#define DPS_ATTEST_POLICY "registration"

#endif
