/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/der.h"

#define LENGTH_BYTES 4

static const struct reader nothing = {.failed = true};

/* X.690, 10.1: the short form below 128, else as few bytes as do. */
static size_t read_length(struct reader *from)
{
    uint8_t first = reader_u8(from);
    size_t count = first & 0x7f;
    size_t length = 0;

    if (first < 0x80)
        return first;
    if (count == 0 || count > LENGTH_BYTES)
        from->failed = true;
    for (size_t i = 0; !from->failed && i < count; i++) {
        length = length << 8 | reader_u8(from);
        if (i == 0 && length == 0)
            from->failed = true;
    }
    if (length < 0x80)
        from->failed = true;
    return length;
}

struct reader der_enter(struct reader *from, uint8_t tag)
{
    struct reader content = nothing;
    const uint8_t *data;
    size_t length;

    if (reader_u8(from) != tag)
        from->failed = true;
    length = read_length(from);
    data = reader_take(from, length);
    if (!from->failed)
        reader_init(&content, data, length);
    return content;
}

/* struct bytes has no const; a view is not written to. */
static struct bytes view(const uint8_t *data, size_t size)
{
    return (struct bytes){(uint8_t *)(uintptr_t)data, size};
}

struct bytes der_element(struct reader *from)
{
    const uint8_t *start = from->data;

    if (from->size == 0)
        from->failed = true;
    else
        der_enter(from, from->data[0]);
    return from->failed ? BYTES_EMPTY : view(start, (size_t)(from->data - start));
}

struct bytes der_content(struct reader *from, uint8_t tag)
{
    struct reader content = der_enter(from, tag);

    return from->failed ? BYTES_EMPTY : view(content.data, content.size);
}

/* X.690, 8.3.2: the first nine bits are not all the same. */
struct bytes der_number(struct reader *from)
{
    struct bytes number = der_content(from, DER_INTEGER);

    if (number.size == 0 || (number.data[0] & 0x80) != 0 ||
        (number.size > 1 && number.data[0] == 0 && (number.data[1] & 0x80) == 0))
        from->failed = true;
    if (from->failed)
        return BYTES_EMPTY;
    return number.data[0] == 0 ? view(number.data + 1, number.size - 1) : number;
}

struct bytes der_bits(struct reader *from)
{
    struct bytes bits = der_content(from, DER_BIT_STRING);

    if (bits.size == 0 || bits.data[0] != 0)
        from->failed = true;
    return from->failed ? BYTES_EMPTY : view(bits.data + 1, bits.size - 1);
}

bool der_next_is(const struct reader *from, uint8_t tag)
{
    return !from->failed && from->size != 0 && from->data[0] == tag;
}

/* The bytes that a length of 128 and more takes behind the first. */
static size_t length_bytes(size_t size)
{
    size_t count = 0;

    for (; size != 0; size >>= 8)
        count++;
    return count;
}

size_t der_header_size(size_t size)
{
    return size < 0x80 ? 2 : 2 + length_bytes(size);
}

void der_add_header(struct buffer *to, uint8_t tag, size_t size)
{
    size_t count = length_bytes(size);

    buffer_add_u8(to, tag);
    if (size >= 0x80)
        buffer_add_u8(to, (uint8_t)(0x80 | count));
    else
        count = 1;
    while (count-- > 0)
        buffer_add_u8(to, (uint8_t)(size >> 8 * count));
}
