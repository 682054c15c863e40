/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"
#include "provider/error.h"
#include "provider/pem.h"

#include <openssl/bio.h>

/*
 * Writing a private key as PEM: of a token's key that is the file form of its URI, which every program that
 * takes a key file can then use. Software keys are written as ever.
 */

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, "PEM", "PrivateKeyInfo");
}

static void *new_traditional_pem(void *provider)
{
    return prov_encoder_new(provider, "PEM", "type-specific");
}

static int does_selection(void *provider, int selection)
{
    (void)provider;
    return prov_encoder_is_about(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

static int encode(void *data, OSSL_CORE_BIO *out, const void *object, const OSSL_PARAM params[],
                  int selection, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    const struct prov_encoder *encoder = data;
    const struct prov_key *key = object;
    BIO *bio;
    int ok;

    if (params != NULL || key == NULL || !key->has_private)
        return 0;
    if (key->private != NULL && encoder->provider->config.no_uri_pem) {
        prov_raise(
            &encoder->provider->core, PROV_R_NOT_SUPPORTED,
            "%s: pkcs11-module-encode-provider-uri-to-pem = false forbids PEM files with the URI of a key",
            key->private->name);
        return 0;
    }
    bio = BIO_new_from_core_bio(encoder->provider->libctx, out);
    if (bio == NULL)
        return 0;
    if (key->private != NULL)
        ok = prov_pem_write(bio, key->private->name);
    else
        ok = prov_encoder_delegate(encoder, key, selection, bio, passphrase, passphrase_data);
    BIO_free(bio);
    return ok;
}

const OSSL_DISPATCH prov_encoder_uri_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,              (void (*)(void))new_pem                     },
    {OSSL_FUNC_ENCODER_FREECTX,             (void (*)(void))prov_encoder_free           },
    {OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, (void (*)(void))prov_encoder_settable_params},
    {OSSL_FUNC_ENCODER_SET_CTX_PARAMS,      (void (*)(void))prov_encoder_set_params     },
    {OSSL_FUNC_ENCODER_DOES_SELECTION,      (void (*)(void))does_selection              },
    {OSSL_FUNC_ENCODER_ENCODE,              (void (*)(void))encode                      },
    {0,                                     NULL                                        },
};

/* The structure that is taken when the application names none; for software keys "EC PRIVATE KEY" and so on.
 */
const OSSL_DISPATCH prov_encoder_uri_traditional_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,              (void (*)(void))new_traditional_pem         },
    {OSSL_FUNC_ENCODER_FREECTX,             (void (*)(void))prov_encoder_free           },
    {OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, (void (*)(void))prov_encoder_settable_params},
    {OSSL_FUNC_ENCODER_SET_CTX_PARAMS,      (void (*)(void))prov_encoder_set_params     },
    {OSSL_FUNC_ENCODER_DOES_SELECTION,      (void (*)(void))does_selection              },
    {OSSL_FUNC_ENCODER_ENCODE,              (void (*)(void))encode                      },
    {0,                                     NULL                                        },
};
