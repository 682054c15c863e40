/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_KEY_H
#define DPS_KEY_H

#include "common/bytes.h"
#include "dps/crypto.h"

/*
 * HMAC keys, and a TPM's own public keys, in a PKCS#11 token. The module is loaded once, initialised unless
 * the process has done so, and then left as it is: others in the process may use it. Failures are told to the
 * report, mostly as DPS_KEY, in the module's own words where it is DevID's.
 */
struct dps_token_settings {
    const char *module; /* path; NULL: $DEVID_PKCS11_MODULE, else DevID's own */
    dps_pin_fn pin;     /* who is asked when the token has a PIN and the URI none; NULL: nobody */
    void *pin_data;
    struct dps_report *report; /* outlives the token */
};

/* A session with a token, logged in where the token needs that. Used by one thread at a time. */
struct dps_token;

/* An object of the token, as long as the token is open. */
typedef unsigned long dps_key_handle;

/*
 * Opens the one token that fits the URI. Where several fit, the one that shows a TPM's endorsement key is
 * meant if `tpm` says so. DPS_KEY: none fits, several do, or the PIN is missing or wrong. DPS_INVALID: it is
 * no pkcs11: URI. *out is closed with dps_token_close.
 */
__attribute__((warn_unused_result)) dps_status dps_token_open(const struct dps_token_settings *settings,
                                                              const char *uri, bool tpm,
                                                              struct dps_token **out);
/* Ends the session, and with it what was not kept in the token. NULL is accepted. */
void dps_token_close(struct dps_token *token);

/* The one secret key that fits the URI the token was opened with. DPS_KEY: none does, or several. */
__attribute__((warn_unused_result)) dps_status dps_key_find(struct dps_token *token, dps_key_handle *out);

/* The one secret key of that label. *found is false, and the answer DPS_OK, when there is none. */
__attribute__((warn_unused_result)) dps_status dps_key_find_label(struct dps_token *token, const char *label,
                                                                  bool *found, dps_key_handle *out);

/* Whether there is a secret key that fits the URI. DPS_KEY: the URI names none, by label or id. */
__attribute__((warn_unused_result)) dps_status dps_key_exists(struct dps_token *token, bool *there);

/* Keeps a key in the token for good, sensitive and not extractable, under the label and id of the URI. */
__attribute__((warn_unused_result)) dps_status dps_key_import(struct dps_token *token,
                                                              const struct bytes *value, dps_key_handle *out);

__attribute__((warn_unused_result)) dps_status dps_key_hmac(struct dps_token *token, dps_key_handle key,
                                                            const void *data, size_t size,
                                                            uint8_t out[DPS_SHA256_SIZE]);

/* Removes a key from the session or, if it was kept, from the token. */
void dps_key_destroy(struct dps_token *token, dps_key_handle key);

/* A TPM's endorsement key and storage root key, each a TPM2B_PUBLIC with its size (freed with bytes_free).
 * DPS_KEY: the token does not show an RSA one of each. */
struct dps_tpm_publics {
    struct bytes endorsement_key;
    struct bytes storage_root_key;
};
__attribute__((warn_unused_result)) dps_status dps_key_read_tpm(struct dps_token *token,
                                                                struct dps_tpm_publics *out);
void dps_tpm_publics_free(struct dps_tpm_publics *publics);

/*
 * Lets the TPM take in an HMAC key that the service wrapped for it. label NULL: until the token is closed.
 * Otherwise the key is kept in the token under that label, in place of what had it before; a token that keeps
 * no such keys gets it until it is closed, which *kept tells (NULL: nobody asks).
 */
__attribute__((warn_unused_result)) dps_status dps_key_unwrap(struct dps_token *token,
                                                              const struct bytes *wrapped, const char *label,
                                                              dps_key_handle *out, bool *kept);

#endif
