/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_DECODER_H
#define DEVID_PROVIDER_DECODER_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

/* What joins the two steps of a decoder, with PROV_TSS2_STRUCTURE in pem.h. */
#define PROV_URI_STRUCTURE "pkcs11-provider-uri"

/* PEM of either kind to DER, then DER of a kind to a key of one type. */
extern const OSSL_DISPATCH prov_decoder_pem_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_rsa_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_rsa_pss_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_ec_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_ed25519_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_x25519_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_ed448_functions[];
extern const OSSL_DISPATCH prov_decoder_uri_x448_functions[];
extern const OSSL_DISPATCH prov_decoder_tss2_rsa_functions[];
extern const OSSL_DISPATCH prov_decoder_tss2_rsa_pss_functions[];
extern const OSSL_DISPATCH prov_decoder_tss2_ec_functions[];

/* A kind of file that stands for a token's key. */
struct prov_decoder_kind {
    const char *pem; /* the name of its block */
    const char *structure;
    /* Whether DER that may be anybody's is of this kind, without looking at all of it. */
    bool (*is)(const void *der, size_t size);
    /* The key, with the private half unless the selection asks for less. NULL with an error raised. */
    struct prov_key *(*find)(struct provider *provider, const void *der, size_t size, int selection,
                             OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data);
};

extern const struct prov_decoder_kind prov_decoder_uri;
extern const struct prov_decoder_kind prov_decoder_tss2;

#endif
