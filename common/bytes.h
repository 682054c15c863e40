/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_COMMON_BYTES_H
#define DEVID_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A run of bytes that its holder owns. `data` is NULL when `size` is 0, except after bytes_copy or
 * bytes_alloc of zero bytes, where either may be. Secrets live here: bytes_free wipes before it frees.
 */
struct bytes {
    uint8_t *data;
    size_t size;
};

#define BYTES_EMPTY ((struct bytes){0})

/* Makes *out a zeroed run of `size` bytes. False: no memory, *out empty. */
__attribute__((warn_unused_result)) bool bytes_alloc(struct bytes *out, size_t size);

/* Makes *out a copy of data[size]. False: no memory, *out empty. What *out held before is not freed. */
__attribute__((warn_unused_result)) bool bytes_copy(struct bytes *out, const void *data, size_t size);

/* Frees what *to holds and moves *from there; *from is empty afterwards. */
void bytes_move(struct bytes *to, struct bytes *from);

/* Wipes and frees; *bytes is empty afterwards. An empty one is accepted. */
void bytes_free(struct bytes *bytes);

/* Overwrites memory so that no compiler leaves it out. NULL with 0 is accepted. */
void bytes_wipe(void *data, size_t size);

/* Equal size and content; the time taken depends on the sizes only. */
bool bytes_equal(const void *a, size_t a_size, const void *b, size_t b_size);

/* `text` as lower-case hexadecimal, 2 * size characters and a NUL; `out` must hold 2 * size + 1. */
void bytes_to_hex(const void *data, size_t size, char *out);

/* Reads an even number of hexadecimal digits of either case. False: not such text, or no memory; *out empty.
 */
__attribute__((warn_unused_result)) bool bytes_from_hex(const char *text, size_t length, struct bytes *out);

/*
 * Reads big-endian wire data front to back. After the first read beyond the end `failed` is set, every
 * later read answers 0 or NULL, and nothing was read outside; so a caller may check once, at the end.
 */
struct reader {
    const uint8_t *data;
    size_t size; /* what is left */
    bool failed;
};

void reader_init(struct reader *reader, const void *data, size_t size);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
/* The next `size` bytes, owned by the data under the reader; NULL on failure. */
const uint8_t *reader_take(struct reader *reader, size_t size);
/* True when nothing failed and nothing is left. */
bool reader_done(const struct reader *reader);

#endif
