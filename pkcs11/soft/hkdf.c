/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hkdf.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"

#include <string.h>

CK_RV soft_hkdf_extract(enum p11_hash hash, const struct bytes *secret, const struct bytes *salt,
                        uint8_t *out)
{
    const struct soft_piece piece = {secret->data, secret->size};

    return soft_hmac(hash, salt->data, salt->size, &piece, 1, out);
}

/* T(n) = HMAC(key, T(n - 1) || info || n); T(0) is empty. */
CK_RV soft_hkdf_expand(enum p11_hash hash, const struct bytes *key, const struct bytes *info, uint8_t *out,
                       size_t size)
{
    uint8_t block[HASH_SIZE_MAXIMUM];
    size_t step = soft_hash_size(hash);
    uint8_t number = 0;
    CK_RV rv = step != 0 && size <= SOFT_HKDF_BLOCKS * step ? CKR_OK : CKR_GENERAL_ERROR;

    for (size_t done = 0; rv == CKR_OK && done < size; done += step) {
        const struct soft_piece pieces[] = {
            {block,      number != 0 ? step : 0},
            {info->data, info->size            },
            {&number,    sizeof number         },
        };

        number++;
        rv = soft_hmac(hash, key->data, key->size, pieces, 3, block);
        if (rv == CKR_OK)
            memcpy(out + done, block, size - done < step ? size - done : step);
    }
    bytes_wipe(block, sizeof block);
    return rv;
}
