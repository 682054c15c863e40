/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ENCODER_H
#define DEVID_PROVIDER_ENCODER_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

extern const OSSL_DISPATCH prov_encoder_spki_pem_functions[];
extern const OSSL_DISPATCH prov_encoder_spki_der_functions[];
extern const OSSL_DISPATCH prov_encoder_text_functions[];
extern const OSSL_DISPATCH prov_encoder_uri_functions[];
extern const OSSL_DISPATCH prov_encoder_uri_traditional_functions[];
extern const OSSL_DISPATCH prov_encoder_der_functions[];
extern const OSSL_DISPATCH prov_encoder_der_traditional_functions[];
extern const OSSL_DISPATCH prov_encoder_tss2_functions[];
extern const OSSL_DISPATCH prov_encoder_uri_ec_functions[];
extern const OSSL_DISPATCH prov_encoder_der_ec_functions[];

struct prov_encoder;

/* Writes what the encoder is for, 1 or 0: there is no such thing of the key. */
typedef int prov_encoder_work(const struct prov_encoder *encoder, const struct prov_key *key, int selection,
                              BIO *out);

/* What all encoders keep between newctx and freectx. */
struct prov_encoder {
    struct provider *provider;
    prov_encoder_work *work;
    const char *output;                   /* "PEM", "DER" or "TEXT" */
    const char *structure;                /* NULL: none */
    char *cipher;                         /* for private keys; NULL: none */
    OSSL_PASSPHRASE_CALLBACK *passphrase; /* with its data, while it writes; NULL: none */
    void *passphrase_data;
};

void *prov_encoder_new(void *provider, prov_encoder_work *work, const char *output, const char *structure);

/* OSSL_FUNC_ENCODER_...: what they do alike. */
void prov_encoder_free(void *encoder);
const OSSL_PARAM *prov_encoder_settable_params(void *provider);
int prov_encoder_set_params(void *encoder, const OSSL_PARAM params[]);
int prov_encoder_encode(void *encoder, OSSL_CORE_BIO *out, const void *key, const OSSL_PARAM params[],
                        int selection, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data);

/* OSSL_FUNC_ENCODER_DOES_SELECTION: whether the most private of the selected parts is that half. */
int prov_encoder_does_private(void *provider, int selection);
int prov_encoder_does_public(void *provider, int selection);
int prov_encoder_does_private_or_parameters(void *provider, int selection);

/* Lets the default provider encode the public half or the software key to `out`. */
int prov_encoder_delegate(const struct prov_encoder *encoder, const struct prov_key *key, int selection,
                          BIO *out);

#endif
