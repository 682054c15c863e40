/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"

#include <openssl/bio.h>

/* For people: `openssl pkey -text`. Of a token's key it tells first which object of the token it is, then the
 * public half. Scripts for pkcs11-provider look for "PKCS11 RSA Private Key", "PKCS11 RSA Public Key (2048
 * bits)", "Key ID:" and for lines "URI pkcs11:", one for each key. */

static bool print_title(BIO *bio, const struct prov_key *key, const char *half, const char *more)
{
    return BIO_printf(bio, "PKCS11 %s %s Key (%d bits)%s\n", key->type->name, half,
                      EVP_PKEY_get_bits(key->pkey), more) > 0;
}

static bool print_id(BIO *bio, const struct bytes *id)
{
    bool ok = id->size == 0 || BIO_puts(bio, "Key ID: ") > 0;

    for (size_t i = 0; ok && i < id->size; i++)
        ok = BIO_printf(bio, "%02x", (unsigned)id->data[i]) > 0;
    return ok && (id->size == 0 || BIO_puts(bio, "\n") > 0);
}

/* A key of a file stands nowhere in the token: who asks for its public half alone gets nothing but that. */
static bool print_place(BIO *bio, const struct prov_key *key, bool private)
{
    if (key->private != NULL && key->private->file != NULL)
        return !private || BIO_printf(bio, "Private key in a TPM: %s\n", key->private->name) > 0;
    if (private &&
        !(print_title(bio, key, "Private", ", which stays in its token") && print_id(bio, &key->private->id)))
        return false;
    return BIO_printf(bio, "URI %s\n", key->private != NULL ? key->private->name : key->public_name) > 0 &&
           print_title(bio, key, "Public", "");
}

static int encode(const struct prov_encoder *encoder, const struct prov_key *key, int selection, BIO *out)
{
    bool private = key->private != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;

    if (key->pkey == NULL)
        return 0;
    if ((key->private != NULL || key->public_name != NULL) && !print_place(out, key, private))
        return 0;
    return prov_encoder_delegate(encoder, key, key->private != NULL ? EVP_PKEY_PUBLIC_KEY : selection, out);
}

static void *new_text(void *provider)
{
    return prov_encoder_new(provider, encode, "TEXT", NULL);
}

const OSSL_DISPATCH prov_encoder_text_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,  (void (*)(void))new_text           },
    {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))prov_encoder_free  },
    {OSSL_FUNC_ENCODER_ENCODE,  (void (*)(void))prov_encoder_encode},
    {0,                         NULL                               },
};
