/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"
#include "provider/params.h"

#include <stdlib.h>

/*
 * A program that generates an ordinary key (the ephemeral one of a TLS handshake, say) may meet this provider
 * first. It gets an ordinary key.
 */
struct generation {
    struct provider *provider;
    const struct prov_key_type *type;
    EVP_PKEY_CTX *context;
    bool parameters_only;
};

static bool begin(struct generation *generation)
{
    if (generation->context == NULL)
        return false;
    if (generation->parameters_only)
        return EVP_PKEY_paramgen_init(generation->context) == 1;
    return EVP_PKEY_keygen_init(generation->context) == 1;
}

void *prov_keygen_init(void *provider, const struct prov_key_type *type, int selection,
                       const OSSL_PARAM params[])
{
    struct generation *generation = calloc(1, sizeof *generation);

    if (generation == NULL)
        return NULL;
    generation->provider = provider;
    generation->type = type;
    generation->parameters_only = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0;
    generation->context = EVP_PKEY_CTX_new_from_name(generation->provider->libctx, type->name, NULL);
    if (begin(generation) && prov_keygen_set_params(generation, params))
        return generation;
    prov_keygen_free(generation);
    return NULL;
}

int prov_keygen_set_template(void *data, void *template)
{
    struct generation *generation = data;
    const struct prov_key *key = template;

    if (key->pkey == NULL)
        return 0;
    EVP_PKEY_CTX_free(generation->context);
    generation->context = EVP_PKEY_CTX_new_from_pkey(generation->provider->libctx, key->pkey, NULL);
    return begin(generation);
}

int prov_keygen_set_params(void *data, const OSSL_PARAM params[])
{
    struct generation *generation = data;

    if (params == NULL || params[0].key == NULL)
        return 1;
    return EVP_PKEY_CTX_set_params(generation->context, params) == 1;
}

void *prov_keygen_generate(void *data, OSSL_CALLBACK *callback, void *callback_data)
{
    struct generation *generation = data;
    struct prov_key *key = prov_key_new(generation->provider, generation->type);
    EVP_PKEY *pkey = NULL;

    (void)callback;
    (void)callback_data;
    if (key != NULL && EVP_PKEY_generate(generation->context, &pkey) == 1) {
        prov_key_set(key, pkey); /* transferred */
        return key;
    }
    prov_key_free(key);
    return NULL;
}

void prov_keygen_free(void *data)
{
    struct generation *generation = data;

    if (generation != NULL)
        EVP_PKEY_CTX_free(generation->context);
    free(generation);
}
