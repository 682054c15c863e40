/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_TEMPLATE_H
#define DEVID_PKCS11_TPM_TEMPLATE_H

#include <tss2/tss2_tpm2_types.h>

/* What the templates of the TPM's own keys have in common. */

/* TCG TPM v2.0 Provisioning Guidance, 7.5.1; the Windows, Azure and systemd tools make it so too. */
#define TPM_STORAGE_ATTRIBUTES                                                                               \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

#define TPM_AES_128_CFB                                                                                      \
    {                                                                                                        \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB                              \
    }

#endif
