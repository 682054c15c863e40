/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/unpad.h"
#include "provider/error.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

enum { BLOCK = 32, LENGTH_PART = 0xffff };

/* HMAC-SHA256 of the ciphertext and a number. */
static bool expand(const struct prov_key *key, const uint8_t *ciphertext, size_t size, unsigned number,
                   uint8_t block[BLOCK])
{
    EVP_MAC *mac = EVP_MAC_fetch(key->provider->libctx, "HMAC", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_end(),
    };
    const uint8_t tail[] = {(uint8_t)(number >> 8), (uint8_t)number};
    size_t written = 0;
    bool ok = context != NULL &&
              EVP_MAC_init(context, key->private->rejection, sizeof key->private->rejection, params) == 1 &&
              EVP_MAC_update(context, ciphertext, size) == 1 &&
              EVP_MAC_update(context, tail, sizeof tail) == 1 &&
              EVP_MAC_final(context, block, &written, BLOCK) == 1;

    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return ok;
}

int prov_unpad_rejected(const struct prov_key *key, const uint8_t *ciphertext, size_t size, uint8_t *out,
                        size_t modulus_size, size_t *out_size)
{
    uint8_t block[BLOCK];
    size_t longest = modulus_size - RSA_PKCS1_PADDING_SIZE;
    bool ok = expand(key, ciphertext, size, LENGTH_PART, block);

    memset(out, 0, modulus_size);
    *out_size = (((size_t)block[0] << 16) + ((size_t)block[1] << 8) + block[2]) % (longest + 1);
    for (size_t done = 0; ok && done < *out_size; done += BLOCK) {
        size_t part = *out_size - done < BLOCK ? *out_size - done : BLOCK;

        ok = expand(key, ciphertext, size, (unsigned)(done / BLOCK), block);
        memcpy(out + done, block, part);
    }
    bytes_wipe(block, sizeof block);
    if (!ok)
        prov_raise(&key->provider->core, PROV_R_LIBCRYPTO, "%s: no HMAC", key->private->name);
    return ok;
}

void prov_unpad_choose(bool broken, const uint8_t *substitute, size_t substitute_size, size_t modulus_size,
                       uint8_t *data, size_t *size)
{
    size_t mask = (size_t)0 - (size_t)broken;

    for (size_t i = 0; i < modulus_size; i++)
        data[i] = (uint8_t)((data[i] & ~mask) | (substitute[i] & mask));
    *size = (*size & ~mask) | (substitute_size & mask);
}

/* 0xff when equal, else 0, without a branch. */
static uint8_t same(size_t a, size_t b)
{
    size_t difference = a ^ b;

    return (uint8_t)(((difference | (0 - difference)) >> (8 * sizeof difference - 1)) - 1);
}

static uint8_t is_version(const uint8_t *data, unsigned version)
{
    return same(((unsigned)data[0] << 8) | data[1], version);
}

int prov_unpad_premaster(const struct provider *provider, unsigned client, unsigned negotiated, uint8_t *data,
                         size_t *size)
{
    uint8_t random[PROV_PREMASTER_SIZE];
    uint8_t good;

    if (RAND_priv_bytes_ex(provider->libctx, random, sizeof random, 0) != 1) {
        prov_raise(&provider->core, PROV_R_LIBCRYPTO, "no random numbers");
        return 0;
    }
    good = is_version(data, client) | (is_version(data, negotiated) & (uint8_t)~same(negotiated, 0));
    good &= same(*size, PROV_PREMASTER_SIZE);
    for (size_t i = 0; i < PROV_PREMASTER_SIZE; i++)
        data[i] = (uint8_t)((data[i] & good) | (random[i] & ~good));
    *size = PROV_PREMASTER_SIZE;
    bytes_wipe(random, sizeof random);
    return 1;
}
