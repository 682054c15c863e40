/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ALLOWED_H
#define DEVID_PROVIDER_ALLOWED_H

#include "provider/object.h"

#include <openssl/evp.h>

/* What a key's CKA_ALLOWED_MECHANISMS mean to libcrypto. */
struct prov_allowed {
    bool pss_only;               /* an RSA key that does nothing but PSS: libcrypto's RSA-PSS */
    bool hashes_itself;          /* it signs messages, not digests */
    const char *digest;          /* the only one that it signs with, a constant; NULL: any */
    CK_MECHANISM_TYPE mechanism; /* where it hashes itself with that one digest: how; else 0 */
};

/* ECDSA with that digest; 0: PKCS#11 has none such. */
CK_MECHANISM_TYPE prov_allowed_ecdsa(const EVP_MD *digest);

void prov_allowed_read(const struct prov_object *object, struct prov_allowed *allowed);

#endif
