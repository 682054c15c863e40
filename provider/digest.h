/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_DIGEST_H
#define DEVID_PROVIDER_DIGEST_H

#include "provider/provider.h"

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

enum { PROV_DIGEST_PREFIX_MAXIMUM = 19 };

/* What PKCS#11 and PKCS#1 call a digest. The prefix is the DER of a DigestInfo up to the digest itself. */
struct prov_digest {
    const char *name;
    CK_MECHANISM_TYPE mechanism; /* 0: it has none */
    CK_RSA_PKCS_MGF_TYPE mgf1;   /* 0: it has none */
    CK_MECHANISM_TYPE pss;       /* of PSS over a message; 0: it has none */
    size_t prefix_size;
    uint8_t prefix[PROV_DIGEST_PREFIX_MAXIMUM];
};

/* NULL: not in the table. */
const struct prov_digest *prov_digest_row(const EVP_MD *digest);
const struct prov_digest *prov_digest_named(const char *name);

/* The digest that a parameter of the operation names. NULL: none. Freed with EVP_MD_free. */
EVP_MD *prov_digest_of(const struct provider *provider, EVP_PKEY_CTX *settings, const char *parameter);

#endif
