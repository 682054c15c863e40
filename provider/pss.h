/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PSS_H
#define DEVID_PROVIDER_PSS_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * EMSA-PSS-ENCODE (RFC 8017, 9.1.1) of a digest with a random salt from `libctx`, for a modulus of `bits`
 * bits. The block is as long as the modulus; `room` must be enough for it. False: it does not fit the
 * modulus, or libcrypto failed.
 */
__attribute__((warn_unused_result)) bool prov_pss_encode(OSSL_LIB_CTX *libctx, const EVP_MD *digest,
                                                         const EVP_MD *mgf1, const uint8_t *hash,
                                                         size_t hash_size, size_t salt_size, size_t bits,
                                                         uint8_t *block, size_t room);

#endif
