/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_derive(void *instance, void *key, const struct public_key *peer, struct bytes *secret)
{
    struct file_plain *plain;
    CK_RV rv = file_key_take(key, &plain);

    (void)instance;
    if (rv != CKR_OK)
        return rv;
    rv = soft_private_derive(plain->private, peer, secret);
    file_key_return(plain);
    return rv;
}
