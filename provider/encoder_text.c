/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"

#include <openssl/bio.h>

/* For people: `openssl pkey -text`. Of a token's key it tells where the private half is, then the public
 * half. */

static void *new_text(void *provider)
{
    return prov_encoder_new(provider, "TEXT", NULL);
}

static bool print_place(BIO *bio, const struct prov_key *key)
{
    if (key->private->file != NULL)
        return BIO_printf(bio, "Private key in a TPM: %s\n", key->private->name) > 0;
    /* The second line is what scripts for pkcs11-provider look for. */
    return BIO_printf(bio, "Private key in a PKCS#11 token: %s\nURI %s\n", key->private->name,
                      key->private->name) > 0;
}

static int encode(void *data, OSSL_CORE_BIO *out, const void *object, const OSSL_PARAM params[],
                  int selection, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    const struct prov_encoder *encoder = data;
    const struct prov_key *key = object;
    BIO *bio;
    int ok;

    if (params != NULL || key == NULL || key->pkey == NULL)
        return 0;
    bio = BIO_new_from_core_bio(encoder->provider->libctx, out);
    ok = bio != NULL;
    if (ok && key->private != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        ok = print_place(bio, key);
    if (key->private != NULL)
        selection = EVP_PKEY_PUBLIC_KEY;
    ok = ok && prov_encoder_delegate(encoder, key, selection, bio, passphrase, passphrase_data);
    BIO_free(bio);
    return ok;
}

const OSSL_DISPATCH prov_encoder_text_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,  (void (*)(void))new_text         },
    {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))prov_encoder_free},
    {OSSL_FUNC_ENCODER_ENCODE,  (void (*)(void))encode           },
    {0,                         NULL                             },
};
