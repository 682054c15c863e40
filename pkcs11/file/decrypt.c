/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_decrypt(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                   const uint8_t *input, size_t input_size, struct bytes *out)
{
    (void)instance;
    return soft_private_decrypt(key, scheme, parameters, input, input_size, out);
}
