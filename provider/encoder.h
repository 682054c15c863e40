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
extern const OSSL_DISPATCH prov_encoder_tss2_functions[];

/* What all encoders keep between newctx and freectx. */
struct prov_encoder {
    struct provider *provider;
    const char *output;    /* "PEM", "DER" or "TEXT" */
    const char *structure; /* NULL: none */
    char *cipher;          /* for private keys; NULL: none */
};

void *prov_encoder_new(void *provider, const char *output, const char *structure);
void prov_encoder_free(void *encoder);
const OSSL_PARAM *prov_encoder_settable_params(void *provider);
int prov_encoder_set_params(void *encoder, const OSSL_PARAM params[]);

/* Whether the most private of the selected parts is the one named by `mask`. */
int prov_encoder_is_about(int selection, int mask);

/* Lets the default provider encode the public half or the software key to `out`. */
int prov_encoder_delegate(const struct prov_encoder *encoder, const struct prov_key *key, int selection,
                          BIO *out, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data);

#endif
