/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_ASSEMBLERSA_H
#define DEVID_PKCS11_SOFT_ASSEMBLERSA_H

#include "pkcs11/attribute.h"

#include "common/bytes.h"

/* soft_assemble for RSA. */
CK_RV soft_assemble_rsa(const struct attributes *attributes, struct bytes *der);

#endif
