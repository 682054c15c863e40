/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PUBLIC_H
#define DEVID_PROVIDER_PUBLIC_H

#include "provider/object.h"

#include <openssl/evp.h>

/*
 * The public key that the attributes of a private key, a public key or a certificate object describe, in the
 * provider's private context. NULL, and no error, when they describe none or not a supported one.
 */
__attribute__((warn_unused_result)) EVP_PKEY *prov_public_from_object(const struct provider *provider,
                                                                      const struct prov_object *object);

/* The same RSA key (taken, also on failure) as one that does nothing but PSS, and that with `digest` alone
 * when it is not NULL. NULL: libcrypto refuses. */
EVP_PKEY *prov_public_as_pss(const struct provider *provider, EVP_PKEY *pkey, const char *digest);

#endif
