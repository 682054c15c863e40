/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_decrypt(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                   const uint8_t *input, size_t input_size, struct bytes *out)
{
    struct file_plain *plain;
    CK_RV rv = file_key_take(key, &plain);

    (void)instance;
    if (rv != CKR_OK)
        return rv;
    rv = soft_private_decrypt(plain->private, scheme, parameters, input, input_size, out);
    file_key_return(plain);
    return rv;
}
