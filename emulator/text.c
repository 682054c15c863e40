/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/text.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *emu_base64_encode(const void *data, size_t size)
{
    char *text;

    if (size > INT_MAX / 2)
        return NULL;
    text = malloc(4 * ((size + 2) / 3) + 1);
    if (text != NULL)
        EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    return text;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text without white space in compact[], which has room; answers the length and how much of it is
 * padding. */
static size_t squeeze(const char *text, unsigned char *compact, size_t *padding)
{
    size_t length = 0;

    *padding = 0;
    for (; *text != '\0'; text++)
        if (!is_space(*text))
            compact[length++] = (unsigned char)*text;
    while (*padding < 2 && *padding < length && compact[length - 1 - *padding] == '=')
        ++*padding;
    return length;
}

bool emu_base64_decode(const char *text, struct bytes *out)
{
    size_t size = strlen(text);
    unsigned char *compact = malloc(size + 1);
    size_t padding;
    size_t length;
    int decoded;

    *out = BYTES_EMPTY;
    if (compact == NULL || size > INT_MAX / 2) {
        free(compact);
        return false;
    }
    length = squeeze(text, compact, &padding);
    if (length % 4 != 0 || memchr(compact, '=', length - padding) != NULL || !bytes_alloc(out, length + 1)) {
        free(compact);
        return false;
    }
    decoded = EVP_DecodeBlock(out->data, compact, (int)length);
    bytes_wipe(compact, length);
    free(compact);
    if (decoded < 0 || (size_t)decoded < padding) {
        bytes_free(out);
        return false;
    }
    out->size = (size_t)decoded - padding;
    return true;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

char *emu_percent_decode(const char *text, size_t length)
{
    char *out = malloc(length + 1);
    size_t size = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        int high;
        int low;

        if (text[i] != '%') {
            out[size++] = text[i];
            continue;
        }
        high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
        low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0 || high * 16 + low == 0) {
            free(out);
            return NULL;
        }
        out[size++] = (char)(high * 16 + low);
        i += 2;
    }
    out[size] = '\0';
    return out;
}

void emu_guid(char out[static EMU_GUID_SIZE])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    unsigned char random[16];
    const unsigned char *next = random;

    if (RAND_bytes(random, sizeof random) != 1)
        abort();
    random[6] = (unsigned char)((random[6] & 0x0f) | 0x40);
    random[8] = (unsigned char)((random[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (i != 0)
            *out++ = '-';
        bytes_to_hex(next, groups[i], out);
        next += groups[i];
        out += 2 * groups[i];
    }
}

void emu_time_text(struct timespec when, char out[static EMU_TIME_SIZE])
{
    struct tm parts;
    size_t length;

    gmtime_r(&when.tv_sec, &parts);
    length = strftime(out, EMU_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + length, EMU_TIME_SIZE - length, ".%07ldZ", when.tv_nsec / 100);
}

const char *emu_json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

json_t *emu_json_read(const struct bytes *text, char *message, size_t size)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)text->data, text->size, JSON_REJECT_DUPLICATES, &error);

    if (value == NULL)
        snprintf(message, size, "The body is not JSON: %s (line %d, column %d).", error.text, error.line,
                 error.column);
    return value;
}
