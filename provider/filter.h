/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_FILTER_H
#define DEVID_PROVIDER_FILTER_H

#include "provider/search.h"

/* What OSSL_STORE_find asked for; what it did not is empty. */
struct prov_filter {
    struct bytes subject; /* DER of a name: certificates alone have one */
    struct bytes issuer;
    struct bytes serial; /* big endian */
    struct bytes alias;  /* a label */
    struct bytes fingerprint;
    char *digest; /* of which the fingerprint is; NULL: SHA-1 */
};

/* What a store must list in order to be searched that way. */
#define PROV_FILTER_PARAMS                                                                                   \
    OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0),                                              \
        OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, NULL, 0),                                           \
        OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, NULL, 0),                                                     \
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_DIGEST, NULL, 0),                                            \
        OSSL_PARAM_octet_string(OSSL_STORE_PARAM_FINGERPRINT, NULL, 0),                                      \
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, NULL, 0)

/* Takes the parameters that are there. False: one is malformed, or there is no memory. */
bool prov_filter_set(struct prov_filter *filter, const OSSL_PARAM params[]);
void prov_filter_free(struct prov_filter *filter);

/* Whether only certificates can pass. */
bool prov_filter_is_for_certificates(const struct prov_filter *filter);

/*
 * Whether something that was found passes. A fingerprint may be that of the SubjectPublicKeyInfo, that of the
 * bare public key in it (as in subject key identifiers), or that of the certificate.
 */
bool prov_filter_admits(const struct prov_filter *filter, const struct provider *provider,
                        const struct prov_found *found);

#endif
