/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_KEYWRAP_H
#define DEVID_PKCS11_SOFT_KEYWRAP_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

/*
 * AES key wrap: RFC 3394, which takes whole blocks of 8 bytes, two at least; `padded` is RFC 5649, which
 * takes any length but none. `iv` is empty for the RFC's own, else of 8 bytes (padded: of 4). *out is freed
 * with bytes_free. Wrapping: CKR_KEY_SIZE_RANGE, said: not such a length. Unwrapping:
 * CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID, said: wrapped with another key, or changed since.
 * CKR_HOST_MEMORY.
 */
CK_RV soft_key_wrap(bool padded, const struct bytes *key, const struct bytes *iv, const struct bytes *input,
                    struct bytes *out);
CK_RV soft_key_unwrap(bool padded, const struct bytes *key, const struct bytes *iv, const struct bytes *input,
                      struct bytes *out);

#endif
