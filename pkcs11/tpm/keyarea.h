/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_KEYAREA_H
#define DEVID_PKCS11_TPM_KEYAREA_H

#include "pkcs11/tpm/key.h"

/* The public area of a key, without what makes it this one (`unique`). CKR_TEMPLATE_INCONSISTENT: it would be
 * of no use. CKR_ATTRIBUTE_VALUE_INVALID: there are no such keys in TPMs. Each is said. */
CK_RV tpm_key_area(const struct key_request *request, TPMT_PUBLIC *area);

/* The attributes of an object that comes from outside: it never had these. */
#define TPM_MADE_INSIDE (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)

#endif
