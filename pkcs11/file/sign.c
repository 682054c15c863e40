/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                const uint8_t *input, size_t input_size, uint8_t *out, size_t size)
{
    (void)instance;
    return soft_private_sign(key, scheme, parameters, input, input_size, out, size);
}
