/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ALGORITHMS_H
#define DEVID_PROVIDER_ALGORITHMS_H

#include "provider/config.h"

#include <openssl/core.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What the provider offers, the same from first to last and whatever tokens there are: lists that change make
 * libcrypto move unrelated work between providers. Digests, ciphers and KDFs are not offered at all.
 */
struct prov_algorithms {
    OSSL_ALGORITHM *list; /* all rows, grouped by operation, a terminator after each group */
    char **properties;    /* the property definition of each row */
};

/* Makes the lists for a provider that was loaded under `name`: their properties say provider=NAME, and
 * fips=yes where the configuration asks for that. */
bool prov_algorithms_build(struct prov_algorithms *algorithms, const char *name,
                           const struct prov_config *config);
void prov_algorithms_free(struct prov_algorithms *algorithms);

/* The list for an OSSL_OP_ number; NULL when there is nothing. */
const OSSL_ALGORITHM *prov_algorithms_of(const struct prov_algorithms *algorithms, int operation);

#endif
