/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/encoder.h"
#include "provider/error.h"
#include "provider/pem.h"
#include "provider/tss2.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <string.h>

/*
 * Writing a private key as PEM: of a token's key that is the file form of its URI, which every program that
 * takes a key file can then use, or what the configuration's `pem` says; of a key of a file, the file.
 * Software keys are written as ever. As DER the same, but for the URI, which has no such form.
 */

/* What is not in a TPM has the file form of its URI whatever the configuration says. */
static bool export_if_configured(const struct prov_encoder *encoder, const struct prov_key *key,
                                 struct bytes *der)
{
    bool ok = false;

    *der = BYTES_EMPTY;
    if (key->private->file == NULL && encoder->provider->config.pem != PROV_PEM_AS_TSS2)
        return false;
    ERR_set_mark();
    ok = prov_tss2_export((struct prov_key *)(uintptr_t)key, der);
    ERR_pop_to_mark();
    return ok;
}

static bool is_pem(const struct prov_encoder *encoder)
{
    return strcmp(encoder->output, "PEM") == 0;
}

static bool write_uri(const struct prov_encoder *encoder, const struct prov_key *key, BIO *bio)
{
    if (!is_pem(encoder)) {
        prov_raise(&encoder->provider->core, PROV_R_NOT_SUPPORTED,
                   "%s: the URI of a key is written as PEM, and not as DER", key->private->name);
        return false;
    }
    if (!encoder->provider->config.no_uri_pem)
        return prov_pem_write(bio, key->private->name);
    prov_raise(&encoder->provider->core, PROV_R_NOT_SUPPORTED,
               "%s: pkcs11-module-encode-provider-uri-to-pem = false forbids PEM files with the URI of a key",
               key->private->name);
    return false;
}

static bool write_token_key(const struct prov_encoder *encoder, const struct prov_key *key, BIO *bio)
{
    struct bytes der;
    bool ok;

    if (encoder->cipher != NULL) {
        prov_raise(
            &encoder->provider->core, PROV_R_NOT_SUPPORTED,
            "%s: such a file is not encrypted with %s, for the key stays where it is; ask for no cipher",
            key->private->name, encoder->cipher);
        return false;
    }
    if (!export_if_configured(encoder, key, &der))
        return key->private->file == NULL && write_uri(encoder, key, bio);
    ok = is_pem(encoder) ? prov_pem_write_tss2(bio, &der)
                         : BIO_write(bio, der.data, (int)der.size) == (int)der.size;
    bytes_free(&der);
    return ok;
}

static int encode(const struct prov_encoder *encoder, const struct prov_key *key, int selection, BIO *out)
{
    if (key->pkey != NULL && !prov_encoder_does_private(NULL, selection))
        return prov_encoder_delegate(encoder, key, selection, out);
    if (!key->has_private)
        return 0;
    return key->private != NULL ? write_token_key(encoder, key, out)
                                : prov_encoder_delegate(encoder, key, selection, out);
}

static void *new_pem(void *provider)
{
    return prov_encoder_new(provider, encode, "PEM", "PrivateKeyInfo");
}

static void *new_traditional_pem(void *provider)
{
    return prov_encoder_new(provider, encode, "PEM", "type-specific");
}

static void *new_der(void *provider)
{
    return prov_encoder_new(provider, encode, "DER", "PrivateKeyInfo");
}

static void *new_traditional_der(void *provider)
{
    return prov_encoder_new(provider, encode, "DER", "type-specific");
}

#define FUNCTIONS(new, does)                                                                                 \
    {                                                                                                        \
        {OSSL_FUNC_ENCODER_NEWCTX, (void (*)(void))(new)},                                                   \
            {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))prov_encoder_free},                                  \
            {OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, (void (*)(void))prov_encoder_settable_params},           \
            {OSSL_FUNC_ENCODER_SET_CTX_PARAMS, (void (*)(void))prov_encoder_set_params},                     \
            {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))(does)},                                      \
            {OSSL_FUNC_ENCODER_ENCODE, (void (*)(void))prov_encoder_encode},                                 \
        {                                                                                                    \
            0, NULL                                                                                          \
        }                                                                                                    \
    }

const OSSL_DISPATCH prov_encoder_uri_functions[] = FUNCTIONS(new_pem, prov_encoder_does_private);
const OSSL_DISPATCH prov_encoder_der_functions[] = FUNCTIONS(new_der, prov_encoder_does_private);

/* The structure that is taken when the application names none; for software keys "EC PRIVATE KEY" and so on.
 * Of an EC key the name of its curve is written, too, where nothing else of it is selected: `openssl ecparam`
 * writes it before a new key.
 */
const OSSL_DISPATCH prov_encoder_uri_traditional_functions[] =
    FUNCTIONS(new_traditional_pem, prov_encoder_does_private);
const OSSL_DISPATCH prov_encoder_der_traditional_functions[] =
    FUNCTIONS(new_traditional_der, prov_encoder_does_private);
const OSSL_DISPATCH prov_encoder_uri_ec_functions[] =
    FUNCTIONS(new_traditional_pem, prov_encoder_does_private_or_parameters);
const OSSL_DISPATCH prov_encoder_der_ec_functions[] =
    FUNCTIONS(new_traditional_der, prov_encoder_does_private_or_parameters);
