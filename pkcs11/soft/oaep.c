/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/oaep.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/mask.h"

#include "pkcs11/failure.h"

/* 00 || seed || DB, with the masks taken off both in place. */
static CK_RV unmask(struct bytes *block, const struct p11_parameters *parameters, size_t hash_size)
{
    uint8_t *seed = block->data + 1;
    uint8_t *db = seed + hash_size;
    size_t db_size = block->size - 1 - hash_size;
    CK_RV rv = soft_mgf1_xor(parameters->mgf_hash, db, db_size, seed, hash_size);

    return rv == CKR_OK ? soft_mgf1_xor(parameters->mgf_hash, seed, hash_size, db, db_size) : rv;
}

/* DB is the label's hash, zeros, 01, the message. Answers a mask, and where in the block the message is. */
static uint32_t check(const struct bytes *block, const uint8_t *label_hash, uint32_t hash_size,
                      uint32_t *start)
{
    uint32_t good = mask_is_zero(block->data[0]);
    uint32_t found = 0;

    *start = 0;
    for (uint32_t i = 0; i < hash_size; i++)
        good &= mask_is_zero(block->data[1 + hash_size + i] ^ (uint32_t)label_hash[i]);
    for (uint32_t i = 1 + 2 * hash_size; i < block->size; i++) {
        uint32_t one = mask_is_zero(block->data[i] ^ 1U);
        uint32_t zero = mask_is_zero(block->data[i]);

        *start = mask_choose(~found & one, i + 1, *start);
        good &= found | one | zero;
        found |= one;
    }
    return good & found;
}

CK_RV soft_unpad_oaep(const struct bytes *block, const struct p11_parameters *parameters, struct bytes *out)
{
    size_t hash_size = soft_hash_size(parameters->hash);
    uint8_t label_hash[HASH_SIZE_MAXIMUM];
    struct bytes copy = BYTES_EMPTY;
    uint32_t start = 0;
    CK_RV rv = CKR_OK;

    *out = BYTES_EMPTY;
    if (hash_size == 0 || block->size < 2 * hash_size + 2)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "OAEP with this hash does not fit a key of %zu bits",
                        8 * block->size);
    if (!bytes_copy(&copy, block->data, block->size))
        return CKR_HOST_MEMORY;
    rv = soft_hash_once(parameters->hash, parameters->label.data, parameters->label.size, label_hash);
    if (rv == CKR_OK)
        rv = unmask(&copy, parameters, hash_size);
    if (rv == CKR_OK && check(&copy, label_hash, (uint32_t)hash_size, &start) == 0)
        rv = p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the block was not encrypted for this key so");
    if (rv == CKR_OK) {
        mask_move_to_front(copy.data, (uint32_t)copy.size, start);
        if (!bytes_copy(out, copy.data, copy.size - start))
            rv = CKR_HOST_MEMORY;
    }
    bytes_free(&copy);
    return rv;
}
