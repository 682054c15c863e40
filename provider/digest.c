/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/digest.h"

#include <openssl/params.h>
#include <string.h>

#define UNPREFIXED(name)                                                                                     \
    {                                                                                                        \
        name, 0, 0, 0, 0,                                                                                    \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define SHA1_PREFIX                                                                                          \
    {                                                                                                        \
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14             \
    }
/* The digests below 2.16.840.1.101.3.4.2 differ in the last arc and the size. */
#define NIST(name, mechanism, mgf1, pss, arc, size)                                                          \
    {                                                                                                        \
        name, mechanism, mgf1, pss, PROV_DIGEST_PREFIX_MAXIMUM,                                              \
        {                                                                                                    \
            0x30, 0x11 + size, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc,  \
                0x05, 0x00, 0x04, size                                                                       \
        }                                                                                                    \
    }
#define SHA1(name, mechanism, mgf1, pss)                                                                     \
    {                                                                                                        \
        name, mechanism, mgf1, pss, 15, SHA1_PREFIX                                                          \
    }

/* By the names that the default provider puts first. The digest of TLS 1.0 and 1.1 stands alone in the
 * padding. */
static const struct prov_digest digests[] = {
    UNPREFIXED("MD5-SHA1"),
    SHA1("SHA1", CKM_SHA_1, CKG_MGF1_SHA1, CKM_SHA1_RSA_PKCS_PSS),
    NIST("SHA2-224", CKM_SHA224, CKG_MGF1_SHA224, CKM_SHA224_RSA_PKCS_PSS, 4, 28),
    NIST("SHA2-256", CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_RSA_PKCS_PSS, 1, 32),
    NIST("SHA2-384", CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_RSA_PKCS_PSS, 2, 48),
    NIST("SHA2-512", CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_RSA_PKCS_PSS, 3, 64),
    NIST("SHA2-512/256", 0, 0, 0, 6, 32),
    NIST("SHA3-256", 0, 0, 0, 8, 32),
    NIST("SHA3-384", 0, 0, 0, 9, 48),
    NIST("SHA3-512", 0, 0, 0, 10, 64),
};

const struct prov_digest *prov_digest_named(const char *name)
{
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        if (strcmp(digests[i].name, name) == 0)
            return &digests[i];
    }
    return NULL;
}

const struct prov_digest *prov_digest_row(const EVP_MD *digest)
{
    return prov_digest_named(EVP_MD_get0_name(digest));
}

EVP_MD *prov_digest_of(const struct provider *provider, EVP_PKEY_CTX *settings, const char *parameter)
{
    char name[64] = "";
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_utf8_string(parameter, name, sizeof name),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_PKEY_CTX_get_params(settings, request) != 1 || name[0] == '\0')
        return NULL;
    return EVP_MD_fetch(provider->libctx, name, NULL);
}
