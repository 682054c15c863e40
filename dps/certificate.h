/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_CERTIFICATE_H
#define DPS_CERTIFICATE_H

#include "common/buffer.h"

/* Certificates as the service's JSON has them: base64 of the DER, without lines and armour. */

/* Reads a certificate request, PEM or DER, into *out as such text (the caller frees it). False: it is
 * neither, or there is no memory. */
__attribute__((warn_unused_result)) bool dps_certificate_read_request(const void *data, size_t size,
                                                                      char **out);

/* Adds such text as a PEM certificate. False: it is no base64 of a DER structure, or the buffer is full. */
bool dps_certificate_add_pem(struct buffer *pem, const char *base64);

#endif
