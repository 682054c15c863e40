/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/assemble.h"

CK_RV file_import(void *instance, const struct attributes *attributes, struct bytes *block)
{
    (void)instance;
    return soft_assemble(attributes, block);
}
