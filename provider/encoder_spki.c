/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"

#include <openssl/bio.h>

/* SubjectPublicKeyInfo: what certificates, requests and `openssl pkey -pubout` hold. */

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, "PEM", "SubjectPublicKeyInfo");
}

static void *new_der(void *provider)
{
    return prov_encoder_new(provider, "DER", "SubjectPublicKeyInfo");
}

static int does_selection(void *provider, int selection)
{
    (void)provider;
    return prov_encoder_is_about(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
}

static int encode(void *data, OSSL_CORE_BIO *out, const void *object, const OSSL_PARAM params[],
                  int selection, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    const struct prov_encoder *encoder = data;
    const struct prov_key *key = object;
    BIO *bio;
    int ok;

    (void)selection;
    if (params != NULL || key == NULL || !key->has_public)
        return 0;
    bio = BIO_new_from_core_bio(encoder->provider->libctx, out);
    ok = bio != NULL &&
         prov_encoder_delegate(encoder, key, EVP_PKEY_PUBLIC_KEY, bio, passphrase, passphrase_data);
    BIO_free(bio);
    return ok;
}

const OSSL_DISPATCH prov_encoder_spki_pem_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_pem          },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))does_selection   },
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))encode           },
    {0,                                NULL                             },
};

const OSSL_DISPATCH prov_encoder_spki_der_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_der          },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))does_selection   },
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))encode           },
    {0,                                NULL                             },
};
