/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_BASE64_H
#define DPS_BASE64_H

#include "common/buffer.h"

/*
 * RFC 4648 section 4, strictly: padding is needed, the bits that it leaves over are zero, and nothing else
 * stands between or behind the characters, white space included. Keys pass through here, so the time taken
 * and the memory touched depend on the length of the text alone, except where a text is refused.
 */

/* Adds the text for data[size]. False: the buffer is full. */
bool dps_base64_add(struct buffer *text, const void *data, size_t size);

/* Reads text[length]. False: it is not base64, or there is no memory (then *out is empty). */
__attribute__((warn_unused_result)) bool dps_base64_read(const char *text, size_t length, struct bytes *out);

#endif
