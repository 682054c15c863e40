/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/algorithms.h"
#include "provider/asymcipher.h"
#include "provider/decoder.h"
#include "provider/encoder.h"
#include "provider/keyexch.h"
#include "provider/keymgmt.h"
#include "provider/pem.h"
#include "provider/rand.h"
#include "provider/signature.h"
#include "provider/store.h"

#include <openssl/core_dispatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define PSS_NAMES "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"
#define EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define ED_NAMES "ED25519:1.3.101.112"
#define X_NAMES "X25519:1.3.101.110"
#define ED448_NAMES "ED448:1.3.101.113"
#define X448_NAMES "X448:1.3.101.111"

#define FROM_URI ",input=der,structure=" PROV_URI_STRUCTURE
#define FROM_TSS2 ",input=der,structure=" PROV_TSS2_STRUCTURE
#define SPKI_PEM ",output=pem,structure=SubjectPublicKeyInfo"
#define SPKI_DER ",output=der,structure=SubjectPublicKeyInfo"
#define PKCS8_PEM ",output=pem,structure=PrivateKeyInfo"
#define PKCS8_DER ",output=der,structure=PrivateKeyInfo"
#define OLD_PEM ",output=pem,structure=type-specific"
#define OLD_DER ",output=der,structure=type-specific"
#define TEXT ",output=text"
#define TSS2_PEM ",output=pem,structure=" PROV_TSS2_STRUCTURE

struct row {
    int operation;
    const char *names;
    const char *properties; /* behind provider=NAME */
    const OSSL_DISPATCH *functions;
    bool random_by_default; /* offered only where the configuration says so; the last row of its operation */
};

#define ENCODERS(names)                                                                                      \
    {OSSL_OP_ENCODER, names, SPKI_PEM, prov_encoder_spki_pem_functions},                                     \
        {OSSL_OP_ENCODER, names, SPKI_DER, prov_encoder_spki_der_functions},                                 \
        {OSSL_OP_ENCODER, names, PKCS8_DER, prov_encoder_der_functions},                                     \
        {OSSL_OP_ENCODER, names, PKCS8_PEM, prov_encoder_uri_functions},                                     \
    {                                                                                                        \
        OSSL_OP_ENCODER, names, TEXT, prov_encoder_text_functions                                            \
    }
/* libcrypto keeps one of an algorithm's rows with the same properties. */
#define OLD_ENCODERS(names, der, pem)                                                                        \
    {OSSL_OP_ENCODER, names, OLD_DER, der},                                                                  \
    {                                                                                                        \
        OSSL_OP_ENCODER, names, OLD_PEM, pem                                                                 \
    }

/* First of a type: libcrypto takes the last one that fits when no structure is asked for. */
#define TSS2_ENCODER(names)                                                                                  \
    {                                                                                                        \
        OSSL_OP_ENCODER, names, TSS2_PEM, prov_encoder_tss2_functions                                        \
    }

/* Rows of one operation stand together. */
/* clang-format off */
static const struct row rows[] = {
    {OSSL_OP_STORE, "pkcs11", "", prov_store_functions},
    {OSSL_OP_STORE, "handle", "", prov_store_handle_functions},
    {OSSL_OP_STORE, "object", "", prov_store_object_functions},
    {OSSL_OP_KEYMGMT, RSA_NAMES, "", prov_keymgmt_rsa_functions},
    {OSSL_OP_KEYMGMT, PSS_NAMES, "", prov_keymgmt_rsa_pss_functions},
    {OSSL_OP_KEYMGMT, EC_NAMES, "", prov_keymgmt_ec_functions},
    {OSSL_OP_KEYMGMT, ED_NAMES, "", prov_keymgmt_ed25519_functions},
    {OSSL_OP_KEYMGMT, X_NAMES, "", prov_keymgmt_x25519_functions},
    {OSSL_OP_KEYMGMT, ED448_NAMES, "", prov_keymgmt_ed448_functions},
    {OSSL_OP_KEYMGMT, X448_NAMES, "", prov_keymgmt_x448_functions},
    {OSSL_OP_KEYMGMT, "HMAC", "", prov_keymgmt_hmac_functions},
    {OSSL_OP_SIGNATURE, RSA_NAMES, "", prov_signature_functions_rsa},
    {OSSL_OP_SIGNATURE, "ECDSA", "", prov_signature_functions},
    {OSSL_OP_SIGNATURE, ED_NAMES, "", prov_signature_eddsa_functions},
    {OSSL_OP_SIGNATURE, ED448_NAMES, "", prov_signature_eddsa_functions},
    {OSSL_OP_SIGNATURE, "HMAC", "", prov_signature_hmac_functions},
    {OSSL_OP_ASYM_CIPHER, RSA_NAMES, "", prov_asymcipher_rsa_functions},
    {OSSL_OP_KEYEXCH, "ECDH", "", prov_keyexch_functions},
    {OSSL_OP_KEYEXCH, X_NAMES, "", prov_keyexch_functions},
    {OSSL_OP_KEYEXCH, X448_NAMES, "", prov_keyexch_functions},
    {OSSL_OP_RAND, PROV_RAND_NAMES, "", prov_rand_functions},
    {OSSL_OP_RAND, "CTR-DRBG", "", prov_rand_functions, .random_by_default = true},
    {OSSL_OP_DECODER, "DER", ",input=pem", prov_decoder_pem_functions},
    {OSSL_OP_DECODER, RSA_NAMES, FROM_URI, prov_decoder_uri_rsa_functions},
    {OSSL_OP_DECODER, PSS_NAMES, FROM_URI, prov_decoder_uri_rsa_pss_functions},
    {OSSL_OP_DECODER, EC_NAMES, FROM_URI, prov_decoder_uri_ec_functions},
    {OSSL_OP_DECODER, ED_NAMES, FROM_URI, prov_decoder_uri_ed25519_functions},
    {OSSL_OP_DECODER, X_NAMES, FROM_URI, prov_decoder_uri_x25519_functions},
    {OSSL_OP_DECODER, ED448_NAMES, FROM_URI, prov_decoder_uri_ed448_functions},
    {OSSL_OP_DECODER, X448_NAMES, FROM_URI, prov_decoder_uri_x448_functions},
    {OSSL_OP_DECODER, RSA_NAMES, FROM_TSS2, prov_decoder_tss2_rsa_functions},
    {OSSL_OP_DECODER, PSS_NAMES, FROM_TSS2, prov_decoder_tss2_rsa_pss_functions},
    {OSSL_OP_DECODER, EC_NAMES, FROM_TSS2, prov_decoder_tss2_ec_functions},
    TSS2_ENCODER(RSA_NAMES), ENCODERS(RSA_NAMES), OLD_ENCODERS(RSA_NAMES, prov_encoder_der_traditional_functions, prov_encoder_uri_traditional_functions),
    TSS2_ENCODER(PSS_NAMES), ENCODERS(PSS_NAMES),
    TSS2_ENCODER(EC_NAMES), ENCODERS(EC_NAMES), OLD_ENCODERS(EC_NAMES, prov_encoder_der_ec_functions, prov_encoder_uri_ec_functions),
    ENCODERS(ED_NAMES),
    ENCODERS(X_NAMES),
    ENCODERS(ED448_NAMES),
    ENCODERS(X448_NAMES),
};
/* clang-format on */

enum { ROWS = sizeof rows / sizeof rows[0] };

/* libcrypto reads a bare value as lower case; any other name must be quoted. */
static char *property_definition(const char *name, const char *fips, const char *more)
{
    bool bare = name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.")] == '\0' && name[0] != '\0';
    size_t size = strlen(name) + strlen(fips) + strlen(more) + sizeof "provider=''";
    char *text = malloc(size);

    if (text != NULL)
        snprintf(text, size, bare ? "provider=%s%s%s" : "provider='%s'%s%s", name, fips, more);
    return text;
}

static bool fill(struct prov_algorithms *algorithms, const char *name, const struct prov_config *config)
{
    OSSL_ALGORITHM *next = algorithms->list;

    for (size_t i = 0; i < ROWS; i++) {
        algorithms->properties[i] =
            property_definition(name, config->fips ? ",fips=yes" : "", rows[i].properties);
        if (algorithms->properties[i] == NULL)
            return false;
        *next++ = rows[i].random_by_default && !config->random_by_default
                      ? (OSSL_ALGORITHM){0}
                      : (OSSL_ALGORITHM){rows[i].names, algorithms->properties[i], rows[i].functions, NULL};
        if (i + 1 == ROWS || rows[i + 1].operation != rows[i].operation)
            *next++ = (OSSL_ALGORITHM){0};
    }
    return true;
}

bool prov_algorithms_build(struct prov_algorithms *algorithms, const char *name,
                           const struct prov_config *config)
{
    algorithms->list = calloc(2 * ROWS, sizeof *algorithms->list);
    algorithms->properties = calloc(ROWS, sizeof *algorithms->properties);
    return algorithms->list != NULL && algorithms->properties != NULL && fill(algorithms, name, config);
}

void prov_algorithms_free(struct prov_algorithms *algorithms)
{
    for (size_t i = 0; algorithms->properties != NULL && i < ROWS; i++)
        free(algorithms->properties[i]);
    free(algorithms->properties);
    free(algorithms->list);
    *algorithms = (struct prov_algorithms){0};
}

const OSSL_ALGORITHM *prov_algorithms_of(const struct prov_algorithms *algorithms, int operation)
{
    size_t terminators = 0;

    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].operation == operation)
            return &algorithms->list[i + terminators];
        if (i + 1 < ROWS && rows[i + 1].operation != rows[i].operation)
            terminators++;
    }
    return NULL;
}
