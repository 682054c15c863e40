/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/rejection.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/mask.h"

#include <openssl/evp.h>

#include <string.h>

#define KEY_SIZE 32
#define CANDIDATES 128 /* lengths to choose from */
#define PADDING_MINIMUM 8
#define BLOCK_MAXIMUM 2048

/* --- the message that stands for a broken one
 * ----------------------------------------------------------------- */

static bool hmac(const uint8_t *key, const uint8_t *data, size_t size, uint8_t out[KEY_SIZE])
{
    size_t made = 0;

    return EVP_Q_mac(soft_libctx(), "HMAC", NULL, "SHA256", NULL, key, KEY_SIZE, data, size, out, KEY_SIZE,
                     &made) != NULL &&
           made == KEY_SIZE;
}

/* KDK = HMAC(SHA-256(d as long as the modulus), ciphertext) */
static bool derive_key(const struct bytes *exponent, const uint8_t *ciphertext, size_t size,
                       uint8_t key[KEY_SIZE])
{
    uint8_t padded[BLOCK_MAXIMUM] = {0};
    uint8_t digest[KEY_SIZE];
    bool good = size <= sizeof padded && exponent->size <= size;

    if (good) {
        memcpy(padded + (size - exponent->size), exponent->data, exponent->size);
        good = soft_hash_once(HASH_SHA256, padded, size, digest) == CKR_OK &&
               hmac(digest, ciphertext, size, key);
    }
    bytes_wipe(padded, sizeof padded);
    bytes_wipe(digest, sizeof digest);
    return good;
}

/* PRF: blocks of HMAC(KDK, counter || label || length in bits), both numbers of two bytes. */
static bool expand(const uint8_t key[KEY_SIZE], const char *label, uint8_t *out, size_t size)
{
    uint8_t input[2 + 16 + 2];
    size_t length = strlen(label);
    uint8_t block[KEY_SIZE];
    bool good = true;

    memcpy(input + 2, label, length);
    input[2 + length] = (uint8_t)(size * 8 >> 8);
    input[3 + length] = (uint8_t)(size * 8);
    for (size_t done = 0, counter = 0; good && done < size; done += sizeof block, counter++) {
        size_t part = size - done < sizeof block ? size - done : sizeof block;

        input[0] = (uint8_t)(counter >> 8);
        input[1] = (uint8_t)counter;
        good = hmac(key, input, 4 + length, block);
        memcpy(out + done, block, part);
    }
    bytes_wipe(block, sizeof block);
    return good;
}

/* The last candidate that is a possible length. */
static bool choose_length(const uint8_t key[KEY_SIZE], uint32_t limit, uint32_t *length)
{
    uint8_t candidates[2 * CANDIDATES];
    uint32_t bits = limit;

    if (!expand(key, "length", candidates, sizeof candidates))
        return false;
    bits |= bits >> 1;
    bits |= bits >> 2;
    bits |= bits >> 4;
    bits |= bits >> 8;
    *length = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        uint32_t candidate = ((uint32_t)candidates[2 * i] << 8 | candidates[2 * i + 1]) & bits;

        *length = mask_choose(mask_less(candidate, limit), candidate, *length);
    }
    return true;
}

/* --- the padding
 * --------------------------------------------------------------------------------------------- */

/* 00 02, eight bytes and more that are not zero, 00, the message. Answers a mask, and where the message is.
 */
static uint32_t check_padding(const uint8_t *block, uint32_t size, uint32_t *start)
{
    uint32_t good = mask_is_zero(block[0]) & mask_is_zero(block[1] ^ 2U);
    uint32_t found = 0;
    uint32_t zero = 0;

    for (uint32_t i = 2; i < size; i++) {
        uint32_t here = mask_is_zero(block[i]);

        zero = mask_choose(~found & here, i, zero);
        found |= here;
    }
    *start = zero + 1;
    return good & found & ~mask_less(zero, 2 + PADDING_MINIMUM);
}

CK_RV soft_unpad_pkcs1(const struct bytes *block, const uint8_t *ciphertext, const struct bytes *exponent,
                       struct bytes *out)
{
    uint32_t size = (uint32_t)block->size;
    struct bytes message = BYTES_EMPTY;
    uint8_t key[KEY_SIZE];
    uint32_t length = 0;
    uint32_t start = 0;
    uint32_t good;
    CK_RV rv = CKR_HOST_MEMORY;

    *out = BYTES_EMPTY;
    if (!bytes_alloc(&message, size) || !derive_key(exponent, ciphertext, size, key) ||
        !choose_length(key, size - 2 - PADDING_MINIMUM, &length) ||
        !expand(key, "message", message.data, size))
        goto out;
    good = check_padding(block->data, size, &start);
    start = mask_choose(good, start, size - length);
    for (uint32_t i = 0; i < size; i++)
        message.data[i] = (uint8_t)mask_choose(good, block->data[i], message.data[i]);
    mask_move_to_front(message.data, size, start);
    rv = bytes_copy(out, message.data, size - start) ? CKR_OK : CKR_HOST_MEMORY;
out:
    bytes_wipe(key, sizeof key);
    bytes_free(&message);
    return rv;
}
