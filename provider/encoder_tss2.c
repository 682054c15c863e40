/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"
#include "provider/error.h"
#include "provider/pem.h"
#include "provider/tss2.h"

/*
 * A key of a TPM as a TSS2 PRIVATE KEY, for who asks for the structure of that name: a key of a file is
 * written as it was read, a key of a token as its module gives it.
 */

static int encode(const struct prov_encoder *encoder, const struct prov_key *key, int selection, BIO *out)
{
    struct bytes der = BYTES_EMPTY;
    int ok;

    (void)selection;
    if (!key->has_private)
        return 0;
    if (key->private == NULL) {
        prov_raise(&encoder->provider->core, PROV_R_NOT_SUPPORTED,
                   "a software key has no form " PROV_PEM_TSS2);
        return 0;
    }
    ok = prov_tss2_export((struct prov_key *)(uintptr_t)key, &der) && /* only what it holds open changes */
         prov_pem_write_tss2(out, &der);
    bytes_free(&der);
    return ok;
}

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, encode, "PEM", PROV_TSS2_STRUCTURE);
}

const OSSL_DISPATCH prov_encoder_tss2_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))new_pem                  },
    {OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))prov_encoder_free        },
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))prov_encoder_does_private},
    {OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))prov_encoder_encode      },
    {0,                                NULL                                     },
};
