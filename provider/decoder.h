/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_DECODER_URI_H
#define DEVID_PROVIDER_DECODER_URI_H

#include <openssl/core_dispatch.h>

/* What joins the two steps of the decoder. */
#define PROV_URI_STRUCTURE "pkcs11-provider-uri"

/* PEM to DER, then DER to a key of one type. */
extern const OSSL_DISPATCH prov_decoder_pem_functions[];
extern const OSSL_DISPATCH prov_decoder_rsa_functions[];
extern const OSSL_DISPATCH prov_decoder_rsa_pss_functions[];
extern const OSSL_DISPATCH prov_decoder_ec_functions[];
extern const OSSL_DISPATCH prov_decoder_ed25519_functions[];
extern const OSSL_DISPATCH prov_decoder_x25519_functions[];

#endif
