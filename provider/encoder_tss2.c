/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"
#include "provider/error.h"
#include "provider/pem.h"
#include "provider/tss2.h"

#include <openssl/bio.h>

/*
 * A key of a TPM as a TSS2 PRIVATE KEY, for who asks for the structure of that name: a key of a file is
 * written as it was read, a key of a token as its module gives it.
 */

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, "PEM", PROV_TSS2_STRUCTURE);
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
    struct prov_key *key = (struct prov_key *)(uintptr_t)object; /* only what it holds open changes */
    struct bytes der = BYTES_EMPTY;
    BIO *bio;
    int ok;

    (void)selection;
    (void)passphrase;
    (void)passphrase_data;
    if (params != NULL || key == NULL || !key->has_private)
        return 0;
    if (key->private == NULL) {
        prov_raise(&encoder->provider->core, PROV_R_NOT_SUPPORTED,
                   "a software key has no form " PROV_PEM_TSS2);
        return 0;
    }
    if (!prov_tss2_export(key, &der))
        return 0;
    bio = BIO_new_from_core_bio(encoder->provider->libctx, out);
    ok = bio != NULL && prov_pem_write_tss2(bio, &der);
    BIO_free(bio);
    bytes_free(&der);
    return ok;
}

const OSSL_DISPATCH prov_encoder_tss2_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_pem          },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))does_selection   },
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))encode           },
    {0,                                NULL                             },
};
