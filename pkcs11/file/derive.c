/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/private.h"

CK_RV file_derive(void *instance, void *key, const struct public_key *peer, struct bytes *secret)
{
    (void)instance;
    return soft_private_derive(key, peer, secret);
}
