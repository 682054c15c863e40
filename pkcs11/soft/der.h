/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_DER_H
#define DEVID_PKCS11_SOFT_DER_H

#include "common/buffer.h"

/*
 * Reading DER in place: nothing is copied, so nothing secret is left behind. Each function takes the next
 * element off `from`, which must have the tag and a definite, minimal length; otherwise from->failed is set,
 * and the answer is an empty view. Views are owned by the data under the reader.
 */

#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_NULL 0x05
#define DER_SEQUENCE 0x30
#define DER_CONTEXT(n) (0xa0 + (n)) /* [n], constructed */

/* The content of the element, to be read further. */
struct reader der_enter(struct reader *from, uint8_t tag);
/* The whole element with tag and length, whatever its tag is. */
struct bytes der_element(struct reader *from);
/* The digits of an INTEGER that is not negative, without leading zeros: nothing for zero. */
struct bytes der_number(struct reader *from);
/* The content of a BIT STRING of whole bytes. */
struct bytes der_bits(struct reader *from);
/* The content of any other element. */
struct bytes der_content(struct reader *from, uint8_t tag);
/* Whether the next element has the tag. */
bool der_next_is(const struct reader *from, uint8_t tag);

/* Adds the tag and length of an element whose content, of `size` bytes, the caller adds next. */
void der_add_header(struct buffer *to, uint8_t tag, size_t size);
/* How many bytes that is. */
size_t der_header_size(size_t size);

#endif
