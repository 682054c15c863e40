/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/random.h"

CK_RV file_random(void *instance, uint8_t *out, size_t size)
{
    (void)instance;
    return soft_random(out, size);
}

CK_RV file_seed(void *instance, const uint8_t *seed, size_t size)
{
    (void)instance;
    return soft_random_seed(seed, size);
}
