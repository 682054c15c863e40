/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/base64.h"

#include <string.h>

/* All bits set when low <= c <= high, else none; without a branch or a table. All three are below 2^31. */
static unsigned within(unsigned c, unsigned low, unsigned high)
{
    return (((c - low) | (high - c)) >> 31) - 1U;
}

/* The character for six bits. */
static char encode(unsigned value)
{
    return (char)((within(value, 0, 25) & ('A' + value)) | (within(value, 26, 51) & ('a' + value - 26)) |
                  (within(value, 52, 61) & ('0' + value - 52)) | (within(value, 62, 62) & '+') |
                  (within(value, 63, 63) & '/'));
}

/* The six bits of a character; anything above 63: it is none of the alphabet. */
static unsigned decode(unsigned char c)
{
    unsigned value = (within(c, 'A', 'Z') & (c - 'A')) | (within(c, 'a', 'z') & (c - 'a' + 26)) |
                     (within(c, '0', '9') & (c - '0' + 52)) | (within(c, '+', '+') & 62) |
                     (within(c, '/', '/') & 63);
    unsigned known = within(c, 'A', 'Z') | within(c, 'a', 'z') | within(c, '0', '9') | within(c, '+', '+') |
                     within(c, '/', '/');

    return value | (~known & 64);
}

bool dps_base64_add(struct buffer *text, const void *data, size_t size)
{
    const uint8_t *from = data;

    for (size_t i = 0; i < size; i += 3) {
        size_t here = size - i < 3 ? size - i : 3;
        unsigned bits = (unsigned)from[i] << 16;
        char quad[4] = {0, 0, '=', '='};

        bits |= here > 1 ? (unsigned)from[i + 1] << 8 : 0;
        bits |= here > 2 ? (unsigned)from[i + 2] : 0;
        for (size_t j = 0; j <= here; j++)
            quad[j] = encode((bits >> (18 - 6 * j)) & 63);
        buffer_add(text, quad, sizeof quad);
    }
    return !text->failed;
}

/* How many bytes the last of `length` characters leave out: 0, 1 or 2. */
static size_t count_padding(const char *text, size_t length)
{
    if (length == 0 || text[length - 1] != '=')
        return 0;
    return text[length - 2] == '=' ? 2 : 1;
}

bool dps_base64_read(const char *text, size_t length, struct bytes *out)
{
    size_t padding;
    unsigned wrong = 0;

    *out = BYTES_EMPTY;
    if (length % 4 != 0)
        return false;
    padding = count_padding(text, length);
    if (!bytes_alloc(out, length / 4 * 3))
        return false;
    for (size_t i = 0; i < length; i += 4) {
        size_t used = i + 4 == length ? 4 - padding : 4;
        unsigned bits = 0;

        for (size_t j = 0; j < 4; j++) {
            unsigned value = j < used ? decode((unsigned char)text[i + j]) : 0;

            wrong |= value & 64;
            bits = bits << 6 | (value & 63);
        }
        wrong |= used == 2 ? bits & 0xffff : used == 3 ? bits & 0xff : 0;
        out->data[i / 4 * 3] = (uint8_t)(bits >> 16);
        out->data[i / 4 * 3 + 1] = (uint8_t)(bits >> 8);
        out->data[i / 4 * 3 + 2] = (uint8_t)bits;
    }
    out->size -= padding;
    if (wrong != 0)
        bytes_free(out);
    return wrong == 0;
}
