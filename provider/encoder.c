/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

void *prov_encoder_new(void *provider, prov_encoder_work *work, const char *output, const char *structure)
{
    struct prov_encoder *encoder = calloc(1, sizeof *encoder);

    if (encoder != NULL)
        *encoder = (struct prov_encoder){
            .provider = provider, .work = work, .output = output, .structure = structure};
    return encoder;
}

void prov_encoder_free(void *data)
{
    struct prov_encoder *encoder = data;

    if (encoder != NULL)
        free(encoder->cipher);
    free(encoder);
}

const OSSL_PARAM *prov_encoder_settable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

int prov_encoder_set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
    struct prov_encoder *encoder = data;
    const char *cipher = NULL;

    if (p == NULL)
        return 1;
    if (!OSSL_PARAM_get_utf8_string_ptr(p, &cipher))
        return 0;
    free(encoder->cipher);
    encoder->cipher = cipher != NULL ? strdup(cipher) : NULL;
    return cipher == NULL || encoder->cipher != NULL;
}

int prov_encoder_encode(void *data, OSSL_CORE_BIO *out, const void *key, const OSSL_PARAM params[],
                        int selection, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct prov_encoder *encoder = data;
    BIO *bio;
    int ok;

    if (params != NULL || key == NULL)
        return 0;
    encoder->passphrase = passphrase;
    encoder->passphrase_data = passphrase_data;
    bio = BIO_new_from_core_bio(encoder->provider->libctx, out);
    ok = bio != NULL && encoder->work(encoder, key, selection, bio);
    BIO_free(bio);
    return ok;
}

static int is_about(int selection, int half)
{
    static const int parts[] = {
        OSSL_KEYMGMT_SELECT_PRIVATE_KEY,
        OSSL_KEYMGMT_SELECT_PUBLIC_KEY,
        OSSL_KEYMGMT_SELECT_ALL_PARAMETERS,
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if ((selection & parts[i]) != 0)
            return half == parts[i];
    }
    return selection == 0; /* the caller leaves it to the encoder */
}

int prov_encoder_does_private(void *provider, int selection)
{
    (void)provider;
    return is_about(selection, OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

int prov_encoder_does_public(void *provider, int selection)
{
    (void)provider;
    return is_about(selection, OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
}

int prov_encoder_does_private_or_parameters(void *provider, int selection)
{
    return prov_encoder_does_private(provider, selection) ||
           is_about(selection, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS);
}

static int ask(char *buffer, int room, int writing, void *data)
{
    const struct prov_encoder *encoder = data;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_end()};
    size_t size = 0;

    (void)writing;
    if (encoder->passphrase == NULL ||
        !encoder->passphrase(buffer, (size_t)room, &size, params, encoder->passphrase_data))
        return -1;
    return (int)size;
}

int prov_encoder_delegate(const struct prov_encoder *encoder, const struct prov_key *key, int selection,
                          BIO *out)
{
    OSSL_ENCODER_CTX *context =
        OSSL_ENCODER_CTX_new_for_pkey(key->pkey, selection, encoder->output, encoder->structure, NULL);
    int ok = context != NULL;

    if (ok && encoder->cipher != NULL)
        ok = OSSL_ENCODER_CTX_set_cipher(context, encoder->cipher, NULL) == 1 &&
             OSSL_ENCODER_CTX_set_pem_password_cb(context, ask, (void *)(uintptr_t)encoder) == 1;
    ok = ok && OSSL_ENCODER_to_bio(context, out) == 1;
    OSSL_ENCODER_CTX_free(context);
    return ok;
}
