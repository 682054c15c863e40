/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING_MAXIMUM (256 * 1024)
#define DIGITS_MAXIMUM 70

int cli_scan_peek_at(const struct cli_scan *scan, size_t ahead)
{
    return scan->size - scan->at > ahead ? (unsigned char)scan->text[scan->at + ahead] : -1;
}

int cli_scan_peek(const struct cli_scan *scan)
{
    return cli_scan_peek_at(scan, 0);
}

void cli_scan_step(struct cli_scan *scan)
{
    if (cli_scan_peek(scan) == '\n') {
        scan->line++;
        scan->line_start = scan->at + 1;
    }
    if (scan->at < scan->size)
        scan->at++;
}

bool cli_scan_take(struct cli_scan *scan, char c)
{
    if (cli_scan_peek(scan) != (unsigned char)c)
        return false;
    cli_scan_step(scan);
    return true;
}

bool cli_scan_fail(const struct cli_scan *scan, const char *format, ...)
{
    va_list arguments;
    int length;

    if (scan->message[0] != '\0') /* the first failure is the one to tell */
        return false;
    length = snprintf(scan->message, scan->message_size, "line %u, column %zu: ", scan->line,
                      scan->at - scan->line_start + 1);
    va_start(arguments, format);
    if (length > 0 && (size_t)length < scan->message_size)
        vsnprintf(scan->message + length, scan->message_size - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_control(int c)
{
    return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
}

/* LF or CR LF. */
static bool at_line_end(const struct cli_scan *scan)
{
    return cli_scan_peek(scan) == '\n' || (cli_scan_peek(scan) == '\r' && cli_scan_peek_at(scan, 1) == '\n');
}

static void take_line_end(struct cli_scan *scan)
{
    cli_scan_take(scan, '\r');
    cli_scan_take(scan, '\n');
}

static bool skip_comment(struct cli_scan *scan)
{
    while (cli_scan_peek(scan) >= 0 && !at_line_end(scan)) {
        if (is_control(cli_scan_peek(scan)))
            return cli_scan_fail(scan, "a comment has no control characters");
        cli_scan_step(scan);
    }
    return true;
}

bool cli_scan_space(struct cli_scan *scan, bool lines)
{
    for (;;) {
        if (cli_scan_peek(scan) == ' ' || cli_scan_peek(scan) == '\t')
            cli_scan_step(scan);
        else if (lines && at_line_end(scan))
            take_line_end(scan);
        else if (lines && cli_scan_peek(scan) == '#') {
            if (!skip_comment(scan))
                return false;
        } else
            return true;
    }
}

/* --- strings ------------------------------------------------------------------------------------------- */

static bool add_utf8(struct buffer *out, unsigned long c)
{
    if (c < 0x80)
        return buffer_add_u8(out, (uint8_t)c);
    if (c < 0x800)
        return buffer_add_u8(out, (uint8_t)(0xc0 | c >> 6)) &&
               buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    if (c < 0x10000)
        return buffer_add_u8(out, (uint8_t)(0xe0 | c >> 12)) &&
               buffer_add_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f))) &&
               buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    return buffer_add_u8(out, (uint8_t)(0xf0 | c >> 18)) &&
           buffer_add_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f))) &&
           buffer_add_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f))) &&
           buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
}

static int hex_value(int c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

static bool read_code_point(struct cli_scan *scan, size_t digits, struct buffer *out)
{
    unsigned long c = 0;

    for (size_t i = 0; i < digits; i++) {
        int value = hex_value(cli_scan_peek(scan));

        if (value < 0)
            return cli_scan_fail(scan, "%zu hexadecimal digits are to follow here", digits);
        c = c * 16 + (unsigned long)value;
        cli_scan_step(scan);
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return cli_scan_fail(scan, "there is no such character");
    return add_utf8(out, c);
}

static bool read_escape(struct cli_scan *scan, struct buffer *out)
{
    static const char names[] = "btnfr\"\\";
    static const char values[] = "\b\t\n\f\r\"\\";
    int c = cli_scan_peek(scan);
    const char *found = c > 0 ? strchr(names, c) : NULL;

    if (found == NULL && c != 'u' && c != 'U')
        return cli_scan_fail(scan, "there is no such escape; write \\\\ for a backslash");
    cli_scan_step(scan);
    if (found != NULL)
        return buffer_add_u8(out, (uint8_t)values[found - names]);
    return read_code_point(scan, c == 'u' ? 4 : 8, out);
}

/* A backslash at the end of a line of a long string swallows all space up to the next text. */
static bool swallow_space(struct cli_scan *scan)
{
    struct cli_scan ahead = *scan;

    while (cli_scan_peek(&ahead) == ' ' || cli_scan_peek(&ahead) == '\t')
        cli_scan_step(&ahead);
    if (!at_line_end(&ahead))
        return false;
    *scan = ahead;
    for (;;) {
        if (at_line_end(scan))
            take_line_end(scan);
        else if (cli_scan_peek(scan) == ' ' || cli_scan_peek(scan) == '\t')
            cli_scan_step(scan);
        else
            return true;
    }
}

static bool three_of(const struct cli_scan *scan, int quote)
{
    return cli_scan_peek(scan) == quote && cli_scan_peek_at(scan, 1) == quote &&
           cli_scan_peek_at(scan, 2) == quote;
}

static bool add_character(struct cli_scan *scan, bool basic, bool multi, struct buffer *out)
{
    int c = cli_scan_peek(scan);

    if (multi && at_line_end(scan)) {
        take_line_end(scan);
        return buffer_add_u8(out, '\n');
    }
    if (c < 0 || at_line_end(scan))
        return cli_scan_fail(scan, "the string has no end");
    if (is_control(c))
        return cli_scan_fail(scan, "a string has no control characters");
    cli_scan_step(scan);
    if (!basic || c != '\\')
        return buffer_add_u8(out, (uint8_t)c);
    return (multi && swallow_space(scan)) || read_escape(scan, out);
}

/* Up to two quotes may stand before the three that end a long string. */
static bool end_long(struct cli_scan *scan, int quote, struct buffer *out)
{
    if (!three_of(scan, quote))
        return false;
    for (int i = 0; i < 2 && cli_scan_peek_at(scan, 3) == quote; i++) {
        buffer_add_u8(out, (uint8_t)quote);
        cli_scan_step(scan);
    }
    for (int i = 0; i < 3; i++)
        cli_scan_step(scan);
    return true;
}

static bool read_string(struct cli_scan *scan, bool one_line, struct buffer *out)
{
    int quote = cli_scan_peek(scan);
    bool multi = three_of(scan, quote);

    if (multi && one_line)
        return cli_scan_fail(scan, "a key is no string of several lines");
    for (int i = 0; i < (multi ? 3 : 1); i++)
        cli_scan_step(scan);
    if (multi && at_line_end(scan))
        take_line_end(scan);
    for (;;) {
        if (multi ? end_long(scan, quote, out) : cli_scan_take(scan, (char)quote))
            return !out->failed || cli_scan_fail(scan, "the string is too long");
        if (!add_character(scan, quote == '"', multi, out))
            return cli_scan_fail(scan, "the string is too long");
    }
}

json_t *cli_scan_string(struct cli_scan *scan, bool one_line)
{
    struct buffer buffer;
    json_t *string = NULL;

    buffer_init(&buffer, STRING_MAXIMUM);
    if (read_string(scan, one_line, &buffer)) {
        string = json_stringn(buffer_text(&buffer), buffer.size);
        if (string == NULL)
            cli_scan_fail(scan, "the string is not UTF-8");
    }
    buffer_free(&buffer);
    return string;
}

/* --- numbers and keys ---------------------------------------------------------------------------------- */

static int base_of(const struct cli_scan *scan)
{
    if (cli_scan_peek(scan) != '0')
        return 10;
    switch (cli_scan_peek_at(scan, 1)) {
    case 'x':
        return 16;
    case 'o':
        return 8;
    case 'b':
        return 2;
    default:
        return 10;
    }
}

/* Digits with single underscores between them, without those. */
static bool read_digits(struct cli_scan *scan, int base, struct buffer *digits)
{
    bool may_underscore = false;
    size_t first = digits->size;

    for (;;) {
        int c = cli_scan_peek(scan);
        int value = hex_value(c);

        if (c == '_' && may_underscore) {
            may_underscore = false;
        } else if (value >= 0 && value < base) {
            may_underscore = true;
            buffer_add_u8(digits, (uint8_t)c);
        } else {
            break;
        }
        cli_scan_step(scan);
    }
    if (!may_underscore)
        return cli_scan_fail(scan, "a digit is missing here");
    if (base == 10 && digits->size - first > 1 && digits->data[first] == '0')
        return cli_scan_fail(scan, "a number does not begin with 0");
    return true;
}

/* The sign, the prefix of a base, the digits. */
static bool read_number(struct cli_scan *scan, struct buffer *digits, json_int_t *out)
{
    int sign = cli_scan_peek(scan);
    int base;

    if (sign == '+' || sign == '-') {
        buffer_add_u8(digits, (uint8_t)sign);
        cli_scan_step(scan);
    }
    base = base_of(scan);
    if (base != 10) {
        if (digits->size != 0)
            return cli_scan_fail(scan, "such a number has no sign");
        cli_scan_step(scan);
        cli_scan_step(scan);
    }
    if (!read_digits(scan, base, digits))
        return false;
    errno = 0;
    *out = strtoll(buffer_text(digits), NULL, base);
    return (errno == 0 && !digits->failed) || cli_scan_fail(scan, "the number is too large");
}

json_t *cli_scan_integer(struct cli_scan *scan)
{
    struct buffer digits;
    json_int_t value = 0;
    bool good;

    buffer_init(&digits, DIGITS_MAXIMUM + 2);
    good = read_number(scan, &digits, &value);
    buffer_free(&digits);
    if (good && cli_scan_peek(scan) > 0 && strchr(".eE:-", cli_scan_peek(scan)) != NULL)
        good = cli_scan_fail(scan, "fractions, dates and times are not read here");
    return good ? json_integer(value) : NULL;
}

static bool is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool cli_scan_key(struct cli_scan *scan, struct buffer *out)
{
    size_t before = out->size;
    json_t *string;
    bool good;

    if (cli_scan_peek(scan) == '"' || cli_scan_peek(scan) == '\'') {
        string = cli_scan_string(scan, true);
        good = string != NULL && buffer_add(out, json_string_value(string), json_string_length(string));
        json_decref(string);
        return good || cli_scan_fail(scan, "the key is too long");
    }
    while (is_bare(cli_scan_peek(scan))) {
        buffer_add_u8(out, (uint8_t)cli_scan_peek(scan));
        cli_scan_step(scan);
    }
    if (out->failed)
        return cli_scan_fail(scan, "the key is too long");
    return out->size != before || cli_scan_fail(scan, "a key is to stand here");
}
