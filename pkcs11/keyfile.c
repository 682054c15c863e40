/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/keyfile.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/nested.h"
#include "pkcs11/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

enum line_form { FORM_TEXT, FORM_HEX, FORM_DATE, FORM_BOOL, FORM_NUMBER, FORM_NUMBERS, FORM_TEMPLATE };

/* One row a line. The form is how the value is written, not what PKCS#11 calls its type. */
static const struct line {
    const char *name;
    CK_ATTRIBUTE_TYPE type;
    enum line_form form;
} lines[] = {
    {"Label",                CKA_LABEL,                FORM_TEXT    },
    {"ID",                   CKA_ID,                   FORM_HEX     },
    {"Subject",              CKA_SUBJECT,              FORM_HEX     },
    {"Policy-PCR",           CKA_DEVID_POLICY_PCR,     FORM_TEXT    },
    {"Start-Date",           CKA_START_DATE,           FORM_DATE    },
    {"End-Date",             CKA_END_DATE,             FORM_DATE    },
    {"Private",              CKA_PRIVATE,              FORM_BOOL    },
    {"Modifiable",           CKA_MODIFIABLE,           FORM_BOOL    },
    {"Copyable",             CKA_COPYABLE,             FORM_BOOL    },
    {"Destroyable",          CKA_DESTROYABLE,          FORM_BOOL    },
    {"Trusted",              CKA_TRUSTED,              FORM_BOOL    },
    {"Certificate-Category", CKA_CERTIFICATE_CATEGORY, FORM_NUMBER  },
    {"Sign",                 CKA_SIGN,                 FORM_BOOL    },
    {"Sign-Recover",         CKA_SIGN_RECOVER,         FORM_BOOL    },
    {"Decrypt",              CKA_DECRYPT,              FORM_BOOL    },
    {"Unwrap",               CKA_UNWRAP,               FORM_BOOL    },
    {"Derive",               CKA_DERIVE,               FORM_BOOL    },
    {"Verify",               CKA_VERIFY,               FORM_BOOL    },
    {"Verify-Recover",       CKA_VERIFY_RECOVER,       FORM_BOOL    },
    {"Encrypt",              CKA_ENCRYPT,              FORM_BOOL    },
    {"Wrap",                 CKA_WRAP,                 FORM_BOOL    },
    {"Sensitive",            CKA_SENSITIVE,            FORM_BOOL    },
    {"Extractable",          CKA_EXTRACTABLE,          FORM_BOOL    },
    {"Wrap-With-Trusted",    CKA_WRAP_WITH_TRUSTED,    FORM_BOOL    },
    {"Always-Authenticate",  CKA_ALWAYS_AUTHENTICATE,  FORM_BOOL    },
    {"Local",                CKA_LOCAL,                FORM_BOOL    },
    {"Always-Sensitive",     CKA_ALWAYS_SENSITIVE,     FORM_BOOL    },
    {"Never-Extractable",    CKA_NEVER_EXTRACTABLE,    FORM_BOOL    },
    {"Key-Gen-Mechanism",    CKA_KEY_GEN_MECHANISM,    FORM_NUMBER  },
    {"Allowed-Mechanisms",   CKA_ALLOWED_MECHANISMS,   FORM_NUMBERS },
    {"Wrap-Template",        CKA_WRAP_TEMPLATE,        FORM_TEMPLATE},
    {"Unwrap-Template",      CKA_UNWRAP_TEMPLATE,      FORM_TEMPLATE},
    {"Derive-Template",      CKA_DERIVE_TEMPLATE,      FORM_TEMPLATE},
    {"Application",          CKA_APPLICATION,          FORM_TEXT    },
    {"Object-ID",            CKA_OBJECT_ID,            FORM_HEX     },
    {"Check-Value",          CKA_CHECK_VALUE,          FORM_HEX     },
    {"TPM2B-Public",         CKA_DEVID_TPM2B_PUBLIC,   FORM_HEX     },
    {"Persistent",           CKA_DEVID_PERSISTENT,     FORM_NUMBER  },
};

#define LINES (sizeof lines / sizeof lines[0])

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

/* Text is written with %XX for what would break the line or the file: control characters, '%', a dash after a
 * dash, blanks at either end. */
static void write_text(const CK_ATTRIBUTE *item, struct buffer *out)
{
    const unsigned char *text = item->pValue;

    for (CK_ULONG i = 0; i < item->ulValueLen; i++) {
        bool edge = i == 0 || i + 1 == item->ulValueLen;

        if (text[i] < 0x20 || text[i] == 0x7f || text[i] == '%' ||
            (text[i] == '-' && i > 0 && text[i - 1] == '-') || (text[i] == ' ' && edge))
            buffer_addf(out, "%%%02X", text[i]);
        else
            buffer_add_u8(out, text[i]);
    }
}

static CK_RV read_text(const struct line *line, const char *value, struct attributes *out)
{
    struct buffer text;
    CK_RV rv = CKR_DATA_INVALID;

    buffer_init(&text, strlen(value));
    while (*value != '\0') {
        struct bytes byte = BYTES_EMPTY;

        if (*value != '%') {
            buffer_add_u8(&text, (uint8_t)*value++);
            continue;
        }
        if (value[1] == '\0' || value[2] == '\0' || !bytes_from_hex(value + 1, 2, &byte))
            goto out;
        buffer_add_u8(&text, byte.data[0]);
        bytes_free(&byte);
        value += 3;
    }
    rv = text.failed ? CKR_DATA_INVALID : attributes_set(out, line->type, text.data, text.size);
out:
    buffer_free(&text);
    return rv;
}

static CK_RV read_hex(const struct line *line, const char *value, struct attributes *out)
{
    struct bytes bytes;
    CK_RV rv;

    if (!bytes_from_hex(value, strlen(value), &bytes))
        return CKR_DATA_INVALID;
    rv = attributes_set(out, line->type, bytes.data, bytes.size);
    bytes_free(&bytes);
    return rv;
}

static CK_RV read_template(const struct line *line, const char *value, struct attributes *out)
{
    CK_RV rv = read_hex(line, value, out);
    const CK_ATTRIBUTE *packed = attributes_find(out, line->type);
    struct attributes inner = {0};

    if (rv == CKR_OK)
        rv = nested_unpack(packed->pValue, packed->ulValueLen, &inner);
    attributes_free(&inner);
    return rv;
}

static CK_RV read_date(const struct line *line, const char *value, struct attributes *out)
{
    size_t length = strspn(value, "0123456789");

    if (value[length] != '\0' || (length != sizeof(CK_DATE) && length != 0))
        return CKR_DATA_INVALID;
    return attributes_set(out, line->type, value, length);
}

static CK_RV read_bool(const struct line *line, const char *value, struct attributes *out)
{
    bool yes = strcmp(value, "yes") == 0;

    return yes || strcmp(value, "no") == 0 ? attributes_set_bool(out, line->type, yes) : CKR_DATA_INVALID;
}

/* A number that strtoul reads whole: decimal or 0x... */
static bool next_number(const char **value, CK_ULONG *number)
{
    char *end;

    if (!isdigit((unsigned char)**value))
        return false;
    errno = 0;
    *number = strtoul(*value, &end, 0);
    *value = end + strspn(end, " ");
    return errno == 0;
}

static CK_RV read_number(const struct line *line, const char *value, struct attributes *out)
{
    CK_ULONG number;

    return next_number(&value, &number) && *value == '\0' ? attributes_set_ulong(out, line->type, number)
                                                          : CKR_DATA_INVALID;
}

static CK_RV read_numbers(const struct line *line, const char *value, struct attributes *out)
{
    struct buffer numbers;
    CK_ULONG number;
    CK_RV rv = CKR_OK;

    buffer_init(&numbers, strlen(value) * sizeof number); /* a digit each at least */
    while (rv == CKR_OK && *value != '\0')
        rv = next_number(&value, &number) && buffer_add(&numbers, &number, sizeof number) ? CKR_OK
                                                                                          : CKR_DATA_INVALID;
    if (rv == CKR_OK)
        rv = attributes_set(out, line->type, numbers.data, numbers.size);
    buffer_free(&numbers);
    return rv;
}

static void write_hex(const CK_ATTRIBUTE *item, struct buffer *out)
{
    for (CK_ULONG i = 0; i < item->ulValueLen; i++)
        buffer_addf(out, "%02x", ((const unsigned char *)item->pValue)[i]);
}

static void write_date(const CK_ATTRIBUTE *item, struct buffer *out)
{
    buffer_add(out, item->pValue, item->ulValueLen);
}

static void write_bool(const CK_ATTRIBUTE *item, struct buffer *out)
{
    buffer_add_text(out, *(const CK_BBOOL *)item->pValue != CK_FALSE ? "yes" : "no");
}

static void write_numbers(const CK_ATTRIBUTE *item, struct buffer *out)
{
    const CK_ULONG *numbers = item->pValue;

    for (size_t i = 0; i < item->ulValueLen / sizeof *numbers; i++)
        buffer_addf(out, "%s0x%lx", i != 0 ? " " : "", numbers[i]);
}

static const struct {
    CK_RV (*read)(const struct line *line, const char *value, struct attributes *out);
    void (*write)(const CK_ATTRIBUTE *item, struct buffer *out);
} forms[] = {
    [FORM_TEXT] = {read_text,     write_text   },
      [FORM_HEX] = {read_hex,      write_hex    },
    [FORM_DATE] = {read_date,     write_date   },
      [FORM_BOOL] = {read_bool,     write_bool   },
    [FORM_NUMBER] = {read_number,   write_numbers},
      [FORM_NUMBERS] = {read_numbers,  write_numbers},
    [FORM_TEMPLATE] = {read_template, write_hex    },
};

static const struct line *line_named(const char *name, const char *prefix)
{
    if (strncasecmp(name, prefix, strlen(prefix)) != 0)
        return NULL;
    for (size_t i = 0; i < LINES; i++)
        if (strcasecmp(lines[i].name, name + strlen(prefix)) == 0)
            return &lines[i];
    return NULL;
}

/* `length` counts NULs too, which no value of ours has. */
static CK_RV read_line(char *text, size_t length, const char *prefix, CK_OBJECT_CLASS object_class,
                       struct attributes *out)
{
    bool whole = strlen(text) == length;
    char *colon = strchr(text, ':');
    const struct line *line;
    char *value;
    CK_RV rv;

    if (colon == NULL)
        return CKR_OK;
    *colon = '\0';
    line = line_named(text, prefix);
    value = colon + 1 + strspn(colon + 1, " ");
    value[strcspn(value, "\r")] = '\0';
    if (line == NULL || template_rule(object_class, ANY_KEY, line->type) == NULL)
        return CKR_OK;
    rv = whole ? forms[line->form].read(line, value, out) : CKR_DATA_INVALID;
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

static void write_line(const struct line *line, const char *prefix, const CK_ATTRIBUTE *item,
                       struct buffer *out)
{
    buffer_addf(out, "%s%s: ", prefix, line->name);
    forms[line->form].write(item, out);
    buffer_add_text(out, "\n");
}

static CK_RV write_lines(const struct attributes *attributes, const char *prefix, struct buffer *out)
{
    for (size_t i = 0; i < LINES; i++) {
        const CK_ATTRIBUTE *item = attributes_find(attributes, lines[i].type);

        if (item != NULL && (lines[i].form != FORM_DATE || item->ulValueLen != 0)) /* no date, no line */
            write_line(&lines[i], prefix, item, out);
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
    const struct line *line;
    char name[64];

    if (colon == NULL || (size_t)(colon - from) >= sizeof name)
        return false;
    memcpy(name, from, (size_t)(colon - from));
    name[colon - from] = '\0';
    line = line_named(name, prefix);
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
    for (size_t i = 0; i < LINES; i++) {
        const CK_ATTRIBUTE *item = attributes_find(changed, lines[i].type);

        if (item != NULL)
            write_line(&lines[i], prefix, item, out);
    }
    return out->failed ? CKR_DEVICE_MEMORY : CKR_OK;
}
