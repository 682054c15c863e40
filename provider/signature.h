/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_SIGNATURE_H
#define DEVID_PROVIDER_SIGNATURE_H

#include "provider/key.h"

#include <openssl/core_dispatch.h>

/* One list for RSA and ECDSA, and one more function for RSA; Ed25519 and Ed448 sign messages whole. */
extern const OSSL_DISPATCH prov_signature_functions[];
extern const OSSL_DISPATCH prov_signature_functions_rsa[];
extern const OSSL_DISPATCH prov_signature_eddsa_functions[];
extern const OSSL_DISPATCH prov_signature_hmac_functions[];

/*
 * The signature of a token's key over a digest (or, for RSA without a digest, over what the caller gave; or,
 * where the key hashes itself, over the message).
 * `settings` is a signature context of the default provider for the public half: it holds what the
 * application has set, and checked it (an EC key that does not hash needs none). `room` is at least
 * EVP_PKEY_get_size. 1, or 0 with an error raised.
 */
int prov_signature_rsa(struct prov_key *key, EVP_PKEY_CTX *settings, const uint8_t *data, size_t size,
                       uint8_t *signature, size_t *signature_size, size_t room);
int prov_signature_ecdsa(struct prov_key *key, EVP_PKEY_CTX *settings, const uint8_t *data, size_t size,
                         uint8_t *signature, size_t *signature_size, size_t room);

#endif
