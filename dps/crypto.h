/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_CRYPTO_H
#define DPS_CRYPTO_H

#include "dps/tls.h"

#include <stddef.h>

/* The two primitives of attestation that may be needed on plain data, computed in the client's own OpenSSL
 * context. False: OpenSSL refused, which only a lack of memory explains. */

#define DPS_SHA256_SIZE 32

__attribute__((warn_unused_result)) bool dps_crypto_sha256(struct dps_tls *tls, const void *data, size_t size,
                                                           uint8_t out[DPS_SHA256_SIZE]);

__attribute__((warn_unused_result)) bool dps_crypto_hmac_sha256(struct dps_tls *tls, const void *key,
                                                                size_t key_size, const void *data,
                                                                size_t size, uint8_t out[DPS_SHA256_SIZE]);

#endif
