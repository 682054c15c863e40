/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SEARCH_H
#define DEVID_PROVIDER_SEARCH_H

#include "provider/key.h"
#include "provider/pin.h"

enum prov_wanted {
    PROV_WANT_PRIVATE = 1,
    PROV_WANT_CERTIFICATE = 2,
    PROV_WANT_PUBLIC = 4,
    PROV_WANT_ALL = 7,
    PROV_WANT_SECRET = 8 /* only where a URI says type=secret-key, and then nothing else */
};

/* One thing found: a key, or the DER of a certificate. */
struct prov_found {
    struct prov_key *key;
    struct bytes certificate;
    char *name; /* its URI */
    struct bytes label;
};

struct prov_findings {
    struct prov_found *items;
    size_t count;
};

/*
 * What the tokens hold of the things that the URI means and `wanted` asks for: private keys, then
 * certificates, then public keys, token by token. Where public keys are asked for and there is none, private
 * keys give theirs. False with an error raised: something failed, or nothing was found.
 */
bool prov_search(struct provider *provider, const struct prov_pin_request *request, unsigned wanted,
                 struct prov_findings *findings);
void prov_findings_free(struct prov_findings *findings);

/* The one private key that a URI means; of a URI with type=public the public key, unless it must be a private
 * one. NULL with an error raised: there is none, or more than one. */
struct prov_key *prov_search_key(struct provider *provider, const struct prov_pin_request *request,
                                 bool must_be_private);

/* Leaves a token's key (taken) for the next one who wants the key of the same URI, who takes it; NULL: it is
 * not there. Public keys are not left. */
void prov_leave_recent_key(struct provider *provider, struct prov_key *key);
struct prov_key *prov_take_recent_key(struct provider *provider, const struct prov_uri *uri);

#endif
