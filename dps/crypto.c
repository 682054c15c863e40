/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>

bool dps_crypto_sha256(struct dps_tls *tls, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    void *previous = dps_tls_enter(tls);
    size_t written = 0;
    bool made = EVP_Q_digest(NULL, "SHA256", NULL, data, size, out, &written) == 1;

    ERR_clear_error();
    dps_tls_leave(previous);
    return made && written == DPS_SHA256_SIZE;
}

bool dps_crypto_hmac_sha256(struct dps_tls *tls, const void *key, size_t key_size, const void *data,
                            size_t size, uint8_t out[DPS_SHA256_SIZE])
{
    void *previous = dps_tls_enter(tls);
    size_t written = 0;
    bool made = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_size, data, size, out, DPS_SHA256_SIZE,
                          &written) != NULL;

    ERR_clear_error();
    dps_tls_leave(previous);
    return made && written == DPS_SHA256_SIZE;
}
