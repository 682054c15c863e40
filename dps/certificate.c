/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/certificate.h"

#include "dps/base64.h"

#include <string.h>

#define REQUEST_MAXIMUM (64 * 1024)
#define LINE 64
#define SEQUENCE 0x30

static const char *const openings[] = {"-----BEGIN CERTIFICATE REQUEST-----",
                                       "-----BEGIN NEW CERTIFICATE REQUEST-----"};

/* Whether it is one DER sequence from end to end, which tells DER from other things; the service reads on. */
static bool is_der(const uint8_t *data, size_t size)
{
    struct reader reader;
    size_t length;

    reader_init(&reader, data, size);
    if (reader_u8(&reader) != SEQUENCE)
        return false;
    length = reader_u8(&reader);
    if (length == 0x81)
        length = reader_u8(&reader);
    else if (length == 0x82)
        length = reader_u16(&reader);
    else if (length >= 0x80)
        return false;
    return !reader.failed && reader.size == length && length > 0;
}

/* The base64 text between the armour, its lines joined. */
static bool join_lines(const char *text, size_t size, struct buffer *out)
{
    for (size_t i = 0; i < size && text[i] != '-'; i++)
        if (strchr(" \t\r\n", text[i]) == NULL)
            buffer_add(out, text + i, 1);
    return !out->failed;
}

static const char *find_block(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        const char *found = memmem(text, size, openings[i], strlen(openings[i]));

        if (found != NULL)
            return found + strlen(openings[i]);
    }
    return NULL;
}

bool dps_certificate_read_request(const void *data, size_t size, char **out)
{
    const char *block = find_block(data, size);
    struct bytes der = BYTES_EMPTY;
    struct buffer text;
    bool read;

    *out = NULL;
    buffer_init(&text, REQUEST_MAXIMUM);
    if (block != NULL)
        read = join_lines(block, size - (size_t)(block - (const char *)data), &text) &&
               dps_base64_read(buffer_text(&text), text.size, &der) && is_der(der.data, der.size);
    else
        read = is_der(data, size) && dps_base64_add(&text, data, size);
    if (read)
        *out = buffer_take_text(&text);
    bytes_free(&der);
    buffer_free(&text);
    return *out != NULL;
}

bool dps_certificate_add_pem(struct buffer *pem, const char *base64)
{
    size_t length = strlen(base64);
    struct bytes der;
    bool is = dps_base64_read(base64, length, &der) && is_der(der.data, der.size);

    bytes_free(&der);
    if (!is)
        return false;
    buffer_add_text(pem, "-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < length; i += LINE)
        buffer_addf(pem, "%.*s\n", LINE, base64 + i);
    return buffer_add_text(pem, "-----END CERTIFICATE-----\n");
}
