/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_MASK_H
#define DEVID_PKCS11_SOFT_MASK_H

#include <stdint.h>

/* Conditions without branches, for what must take the same time whatever the data: a mask is all ones for
 * true, zero for false. Numbers are below 2^31. */

static inline uint32_t mask_is_zero(uint32_t a)
{
    return 0U - ((~a & (a - 1)) >> 31);
}

static inline uint32_t mask_less(uint32_t a, uint32_t b)
{
    return 0U - ((a ^ ((a ^ b) | ((a - b) ^ b))) >> 31);
}

static inline uint32_t mask_choose(uint32_t mask, uint32_t yes, uint32_t no)
{
    return (mask & yes) | (~mask & no);
}

/* Moves what begins at `start` to the front of the block, by steps of powers of two; zeros follow. */
static inline void mask_move_to_front(uint8_t *block, uint32_t size, uint32_t start)
{
    for (uint32_t step = 1; step < size; step <<= 1) {
        uint32_t mask = ~mask_is_zero(start & step);

        for (uint32_t i = 0; i < size; i++)
            block[i] = (uint8_t)mask_choose(mask, i + step < size ? block[i + step] : 0, block[i]);
    }
}

#endif
