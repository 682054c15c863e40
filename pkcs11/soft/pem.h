/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PEM_H
#define DEVID_PKCS11_SOFT_PEM_H

#include "common/buffer.h"

#include <p11-kit/pkcs11.h>

/* Decodes the one PEM block that `text` begins with. CKR_DATA_INVALID: it is broken, or encrypted by PEM's
 * own means (RFC 1421 headers). *der is freed with bytes_free. */
CK_RV soft_pem_decode(const char *text, size_t size, struct bytes *der);

/* Adds the block to `out`. */
CK_RV soft_pem_encode(const char *label, const struct bytes *der, struct buffer *out);

#endif
