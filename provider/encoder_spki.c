/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"

/* SubjectPublicKeyInfo: what certificates, requests and `openssl pkey -pubout` hold. */

static int encode(const struct prov_encoder *encoder, const struct prov_key *key, int selection, BIO *out)
{
    (void)selection;
    return key->has_public && prov_encoder_delegate(encoder, key, EVP_PKEY_PUBLIC_KEY, out);
}

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, encode, "PEM", "SubjectPublicKeyInfo");
}

static void *new_der(void *provider)
{
    return prov_encoder_new(provider, encode, "DER", "SubjectPublicKeyInfo");
}

const OSSL_DISPATCH prov_encoder_spki_pem_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_pem                 },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free       },
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))prov_encoder_does_public},
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))prov_encoder_encode     },
    {0,                                NULL                                    },
};

const OSSL_DISPATCH prov_encoder_spki_der_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_der                 },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free       },
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))prov_encoder_does_public},
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))prov_encoder_encode     },
    {0,                                NULL                                    },
};
