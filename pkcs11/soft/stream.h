/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_STREAM_H
#define DEVID_PKCS11_SOFT_STREAM_H

#include "pkcs11/soft/private.h"

#include <stdbool.h>

/* A secret key at work on data that comes in parts, as the backend's stream_... members have it. */
struct soft_stream;

/* CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID: the scheme is not for the key, or none of streams. */
CK_RV soft_stream_begin(struct soft_private *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, bool encrypt, struct soft_stream **out);
CK_RV soft_stream_update(struct soft_stream *stream, const uint8_t *input, size_t size, uint8_t *out);
CK_RV soft_stream_final(struct soft_stream *stream, uint8_t *tag, size_t size);
void soft_stream_end(struct soft_stream *stream); /* NULL is accepted */

/* The first `size` bytes of a MAC over data that is whole. */
CK_RV soft_mac_once(struct soft_private *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                    const uint8_t *data, size_t data_size, uint8_t *out, size_t size);

#endif
