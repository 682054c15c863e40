/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/keyfile.h"

#include "pkcs11/failure.h"
#include "pkcs11/keyline.h"
#include "pkcs11/template.h"

#include <stdlib.h>
#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

static const char *prefix_of(CK_OBJECT_CLASS object_class)
{
    return object_class == CKO_PUBLIC_KEY ? "Public-" : "";
}

bool keyfile_is(const struct keyfile_block *block, const char *label)
{
    return block->label_size == strlen(label) && memcmp(block->label, label, block->label_size) == 0;
}

static const char *prefix_above(const struct keyfile_block *block, CK_OBJECT_CLASS object_class)
{
    return keyfile_is(block, PUBLIC_KEY_PEM) ? "" : prefix_of(object_class);
}

/* The first line from `from` on that begins with the word, or NULL. */
static const char *find_line(const char *from, const char *end, const char *word)
{
    size_t length = strlen(word);

    while (from < end) {
        const char *newline = memchr(from, '\n', (size_t)(end - from));

        if ((size_t)(end - from) >= length && memcmp(from, word, length) == 0)
            return from;
        if (newline == NULL)
            return NULL;
        from = newline + 1;
    }
    return NULL;
}

static const char *line_end(const char *from, const char *end)
{
    const char *newline = memchr(from, '\n', (size_t)(end - from));

    return newline != NULL ? newline : end;
}

/* The label of a BEGIN line: what stands before its closing dashes. */
static bool read_label(const char *begin, const char *end, struct keyfile_block *block)
{
    const char *stop = line_end(begin, end);

    block->label = begin + strlen(BEGIN);
    while (stop > block->label && (stop[-1] == '\r' || stop[-1] == ' '))
        stop--;
    if ((size_t)(stop - block->label) < strlen(DASHES) ||
        memcmp(stop - strlen(DASHES), DASHES, strlen(DASHES)) != 0)
        return false;
    block->label_size = (size_t)(stop - block->label) - strlen(DASHES);
    return true;
}

bool keyfile_next(const char *text, size_t size, size_t *offset, struct keyfile_block *block)
{
    const char *end = text + size;
    const char *start = text + *offset;
    const char *begin = find_line(start, end, BEGIN);
    const char *last;

    if (begin == NULL) {
        *offset = size;
        return false;
    }
    last = find_line(begin, end, END);
    if (last == NULL || !read_label(begin, end, block)) {
        *offset = (size_t)(begin - text);
        return false;
    }
    last = line_end(last, end);
    block->lines = start;
    block->lines_size = (size_t)(begin - start);
    block->text = begin;
    block->text_size = (size_t)(last - begin);
    *offset = (size_t)(last - text);
    return true;
}

bool keyfile_has_public(const struct keyfile_block *block)
{
    const char *end = block->lines + block->lines_size;
    const char *line = find_line(block->lines, end, KEYFILE_NO_PUBLIC);
    const char *rest = line != NULL ? line + strlen(KEYFILE_NO_PUBLIC) : end;

    return line == NULL || (rest < end && *rest != '\r' && *rest != '\n');
}

bool keyfile_hex_line(const struct keyfile_block *block, const char *name, struct bytes *value)
{
    const char *end = block->lines + block->lines_size;
    const char *line = find_line(block->lines, end, name);
    size_t length = strlen(name);
    const char *stop;

    *value = BYTES_EMPTY;
    if (line == NULL || (size_t)(end - line) < length + 2 || line[length] != ':' || line[length + 1] != ' ')
        return false;
    line += length + 2;
    stop = line_end(line, end);
    if (stop > line && stop[-1] == '\r')
        stop--;
    return bytes_from_hex(line, (size_t)(stop - line), value);
}

/* `length` counts NULs too, which no value of ours has. */
static CK_RV read_line(char *text, size_t length, const char *prefix, CK_OBJECT_CLASS object_class,
                       struct attributes *out)
{
    bool whole = strlen(text) == length;
    char *colon = strchr(text, ':');
    const struct keyline *line;
    char *value;
    CK_RV rv;

    if (colon == NULL)
        return CKR_OK;
    *colon = '\0';
    line = keyline_named(text, prefix);
    value = colon + 1 + strspn(colon + 1, " ");
    value[strcspn(value, "\r")] = '\0';
    if (line == NULL || template_rule(object_class, ANY_KEY, line->type) == NULL)
        return CKR_OK;
    rv = whole ? keyline_read(line, value, out) : CKR_DATA_INVALID;
    if (rv == CKR_DATA_INVALID)
        p11_fail(rv, "line '%s: %.40s' has a value that does not fit", text, value);
    return rv;
}

CK_RV keyfile_read_lines(const struct keyfile_block *block, CK_OBJECT_CLASS object_class,
                         struct attributes *out)
{
    const char *end = block->lines + block->lines_size;
    CK_RV rv = CKR_OK;

    for (const char *from = block->lines; rv == CKR_OK && from < end;) {
        const char *stop = line_end(from, end);
        size_t length = (size_t)(stop - from);
        char *text = calloc(1, length + 1);

        if (text == NULL)
            return CKR_HOST_MEMORY;
        memcpy(text, from, length);
        rv = read_line(text, length, prefix_above(block, object_class), object_class, out);
        free(text);
        from = stop + 1;
    }
    return rv;
}

static CK_RV write_lines(const struct attributes *attributes, const char *prefix, struct buffer *out)
{
    for (const struct keyline *line = keylines; line->name != NULL; line++) {
        const CK_ATTRIBUTE *item = attributes_find(attributes, line->type);

        if (item != NULL && (line->form != FORM_DATE || item->ulValueLen != 0)) /* no date, no line */
            keyline_write(line, prefix, item, out);
    }
    return out->failed ? CKR_DEVICE_MEMORY : CKR_OK;
}

CK_RV keyfile_write_lines(const struct attributes *attributes, CK_OBJECT_CLASS object_class,
                          struct buffer *out)
{
    return write_lines(attributes, prefix_of(object_class), out);
}

CK_RV keyfile_write_plain_lines(const struct attributes *attributes, struct buffer *out)
{
    return write_lines(attributes, "", out);
}

/* --- changing the lines of a file
 * ------------------------------------------------------------------------------ */

/* Whether the line from `from` to `stop` states an attribute of the set. */
static bool states_one(const char *from, const char *stop, const char *prefix, const struct attributes *set)
{
    const char *colon = memchr(from, ':', (size_t)(stop - from));
    const struct keyline *line;
    char name[64];

    if (colon == NULL || (size_t)(colon - from) >= sizeof name)
        return false;
    memcpy(name, from, (size_t)(colon - from));
    name[colon - from] = '\0';
    line = keyline_named(name, prefix);
    return line != NULL && attributes_find(set, line->type) != NULL;
}

CK_RV keyfile_edit_lines(const struct keyfile_block *block, CK_OBJECT_CLASS object_class,
                         const struct attributes *changed, struct buffer *out)
{
    const char *prefix = prefix_above(block, object_class);
    const char *end = block->lines + block->lines_size;

    for (const char *from = block->lines; from < end;) {
        const char *stop = line_end(from, end);
        const char *next = stop < end ? stop + 1 : end;

        if (!states_one(from, stop, prefix, changed))
            buffer_add(out, from, (size_t)(next - from));
        from = next;
    }
    for (const struct keyline *line = keylines; line->name != NULL; line++) {
        const CK_ATTRIBUTE *item = attributes_find(changed, line->type);

        if (item != NULL)
            keyline_write(line, prefix, item, out);
    }
    return out->failed ? CKR_DEVICE_MEMORY : CKR_OK;
}
