/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pss.h"
#include "common/bytes.h"

#include <openssl/rand.h>
#include <string.h>

/* out ^= MGF1(seed) (RFC 8017, B.2.1) */
static bool mask(EVP_MD_CTX *context, const EVP_MD *digest, const uint8_t *seed, size_t seed_size,
                 uint8_t *out, size_t size)
{
    uint8_t block[EVP_MAX_MD_SIZE];
    unsigned block_size = 0;

    for (uint32_t counter = 0; size > 0; counter++) {
        const uint8_t number[] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
                                  (uint8_t)counter};

        if (EVP_DigestInit_ex2(context, digest, NULL) != 1 ||
            EVP_DigestUpdate(context, seed, seed_size) != 1 ||
            EVP_DigestUpdate(context, number, sizeof number) != 1 ||
            EVP_DigestFinal_ex(context, block, &block_size) != 1)
            return false;
        for (size_t i = 0; i < block_size && size > 0; i++, size--)
            *out++ ^= block[i];
    }
    return true;
}

static bool hash_salted(EVP_MD_CTX *context, const EVP_MD *digest, const uint8_t *hash, size_t hash_size,
                        const uint8_t *salt, size_t salt_size, uint8_t *out)
{
    static const uint8_t zeros[8];

    return EVP_DigestInit_ex2(context, digest, NULL) == 1 &&
           EVP_DigestUpdate(context, zeros, sizeof zeros) == 1 &&
           EVP_DigestUpdate(context, hash, hash_size) == 1 &&
           EVP_DigestUpdate(context, salt, salt_size) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
}

bool prov_pss_encode(OSSL_LIB_CTX *libctx, const EVP_MD *digest, const EVP_MD *mgf1, const uint8_t *hash,
                     size_t hash_size, size_t salt_size, size_t bits, uint8_t *block, size_t room)
{
    size_t size = (bits + 7) / 8;        /* of the modulus */
    size_t encoded = (bits - 1 + 7) / 8; /* emLen: one less when bits - 1 is a multiple of 8 */
    uint8_t *start = block + (size - encoded);
    uint8_t *salt;
    EVP_MD_CTX *context;
    size_t masked;
    bool ok;

    if (hash_size != (size_t)EVP_MD_get_size(digest) || room < size || encoded < hash_size + 2 ||
        salt_size > encoded - hash_size - 2)
        return false;
    masked = encoded - hash_size - 1;
    salt = start + masked - salt_size;
    memset(block, 0, size);
    salt[-1] = 1;
    start[encoded - 1] = 0xbc;
    context = EVP_MD_CTX_new();
    ok = context != NULL && RAND_bytes_ex(libctx, salt, salt_size, 0) == 1 &&
         hash_salted(context, digest, hash, hash_size, salt, salt_size, start + masked) &&
         mask(context, mgf1, start + masked, hash_size, start, masked);
    start[0] &= (uint8_t)(0xff >> (8 * encoded - (bits - 1)));
    EVP_MD_CTX_free(context);
    return ok;
}
