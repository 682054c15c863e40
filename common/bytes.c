/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

bool bytes_alloc(struct bytes *out, size_t size)
{
    *out = BYTES_EMPTY;
    out->data = calloc(1, size != 0 ? size : 1);
    if (out->data == NULL)
        return false;
    out->size = size;
    return true;
}

bool bytes_copy(struct bytes *out, const void *data, size_t size)
{
    if (!bytes_alloc(out, size))
        return false;
    if (size != 0)
        memcpy(out->data, data, size);
    return true;
}

void bytes_move(struct bytes *to, struct bytes *from)
{
    struct bytes moved = *from;

    *from = BYTES_EMPTY;
    bytes_free(to);
    *to = moved;
}

void bytes_free(struct bytes *bytes)
{
    if (bytes->data != NULL) {
        bytes_wipe(bytes->data, bytes->size);
        free(bytes->data);
    }
    *bytes = BYTES_EMPTY;
}

void bytes_wipe(void *data, size_t size)
{
    if (size != 0)
        explicit_bzero(data, size);
}

bool bytes_equal(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;

    if (a_size != b_size)
        return false;
    for (size_t i = 0; i < a_size; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}

void bytes_to_hex(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool bytes_from_hex(const char *text, size_t length, struct bytes *out)
{
    *out = BYTES_EMPTY;
    if (length % 2 != 0 || !bytes_alloc(out, length / 2))
        return false;
    for (size_t i = 0; i < out->size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            bytes_free(out);
            return false;
        }
        out->data[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void reader_init(struct reader *reader, const void *data, size_t size)
{
    *reader = (struct reader){.data = data, .size = size};
}

const uint8_t *reader_take(struct reader *reader, size_t size)
{
    const uint8_t *taken = reader->data;

    if (reader->failed || size > reader->size) {
        reader->failed = true;
        return NULL;
    }
    reader->data += size;
    reader->size -= size;
    return taken;
}

static uint32_t reader_number(struct reader *reader, size_t size)
{
    const uint8_t *taken = reader_take(reader, size);
    uint32_t value = 0;

    for (size_t i = 0; taken != NULL && i < size; i++)
        value = value << 8 | taken[i];
    return value;
}

uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_number(reader, 1);
}

uint16_t reader_u16(struct reader *reader)
{
    return (uint16_t)reader_number(reader, 2);
}

uint32_t reader_u32(struct reader *reader)
{
    return reader_number(reader, 4);
}

bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->size == 0;
}
