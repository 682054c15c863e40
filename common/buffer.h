/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_BUFFER_H
#define DEVID_COMMON_BUFFER_H

#include "common/bytes.h"

#include <stdarg.h>

/*
 * A growing run of bytes that knows from the start how large it may become. After the first addition that
 * does not fit (or finds no memory) `failed` is set and nothing more is added; so a caller may add many
 * times and check once. Memory is wiped when it is given up. `data` is always NUL-terminated beyond `size`
 * once anything was added, so that text can be read in place.
 */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t maximum;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_free(struct buffer *buffer);

/* False when the buffer has failed, now or before. */
bool buffer_add(struct buffer *buffer, const void *data, size_t size);
bool buffer_add_text(struct buffer *buffer, const char *text);
bool buffer_addf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buffer_add_u8(struct buffer *buffer, uint8_t value);
bool buffer_add_u16(struct buffer *buffer, uint16_t value);
bool buffer_add_u32(struct buffer *buffer, uint32_t value);

/* The content as a C string ("" when nothing was added), owned by the buffer until its next change. */
const char *buffer_text(const struct buffer *buffer);

/* Moves the content to *out (transferred) and leaves the buffer empty. False when the buffer had failed. */
__attribute__((warn_unused_result)) bool buffer_take(struct buffer *buffer, struct bytes *out);

/* The same as a malloc'ed C string that the caller frees; NULL when the buffer had failed. */
__attribute__((warn_unused_result)) char *buffer_take_text(struct buffer *buffer);

#endif
