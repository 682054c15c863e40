/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 128

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_free(struct buffer *buffer)
{
    if (buffer->data != NULL) {
        bytes_wipe(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer_init(buffer, buffer->maximum);
}

/* Makes room for `size` more bytes and a NUL. realloc would leave the old content behind, hence the copy. */
static bool reserve(struct buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity != 0 ? buffer->capacity : FIRST_CAPACITY;
    uint8_t *grown;

    if (buffer->failed || size > buffer->maximum || buffer->size > buffer->maximum - size) {
        buffer->failed = true;
        return false;
    }
    if (buffer->data != NULL && buffer->size + size < buffer->capacity)
        return true;
    while (capacity <= buffer->size + size)
        capacity *= 2;
    grown = calloc(1, capacity);
    if (grown == NULL) {
        buffer->failed = true;
        return false;
    }
    if (buffer->data != NULL) {
        memcpy(grown, buffer->data, buffer->size);
        bytes_wipe(buffer->data, buffer->capacity);
        free(buffer->data);
    }
    buffer->data = grown;
    buffer->capacity = capacity;
    return true;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    if (!reserve(buffer, size))
        return false;
    if (size != 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return true;
}

bool buffer_add_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

bool buffer_addf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(buffer, (size_t)length)) {
        buffer->failed = true;
        return false;
    }
    va_start(arguments, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
    return true;
}

bool buffer_add_u8(struct buffer *buffer, uint8_t value)
{
    return buffer_add(buffer, &value, 1);
}

bool buffer_add_u16(struct buffer *buffer, uint16_t value)
{
    uint8_t wire[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    return buffer_add(buffer, wire, sizeof wire);
}

bool buffer_add_u32(struct buffer *buffer, uint32_t value)
{
    return buffer_add_u16(buffer, (uint16_t)(value >> 16)) && buffer_add_u16(buffer, (uint16_t)value);
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data != NULL ? (const char *)buffer->data : "";
}

bool buffer_take(struct buffer *buffer, struct bytes *out)
{
    *out = BYTES_EMPTY;
    if (buffer->failed)
        return false;
    if (!reserve(buffer, 0))
        return false;
    *out = (struct bytes){buffer->data, buffer->size}; /* transferred */
    buffer_init(buffer, buffer->maximum);
    return true;
}

char *buffer_take_text(struct buffer *buffer)
{
    struct bytes taken;

    return buffer_take(buffer, &taken) ? (char *)taken.data : NULL;
}
