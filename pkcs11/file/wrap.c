/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/plain.h"

CK_RV file_plain(void *instance, void *key, struct bytes *plain)
{
    struct file_plain *taken;
    CK_RV rv = file_key_take(key, &taken);

    (void)instance;
    if (rv != CKR_OK)
        return rv;
    rv = soft_private_plain(taken->private, plain);
    file_key_return(taken);
    return rv;
}
