/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/keyline.h"

#include "devid/pkcs11.h"
#include "pkcs11/nested.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct keyline keylines[] = {
    {"Label",                CKA_LABEL, FORM_TEXT},
    {"ID",             CKA_ID, FORM_HEX},
    {"Subject",                   CKA_SUBJECT, FORM_HEX},
    {"Policy-PCR",              CKA_DEVID_POLICY_PCR, FORM_TEXT},
    {"Start-Date",              CKA_START_DATE, FORM_DATE},
    {"End-Date",              CKA_END_DATE, FORM_DATE},
    {"Private",           CKA_PRIVATE, FORM_BOOL},
    {"Modifiable",             CKA_MODIFIABLE, FORM_BOOL},
    {"Copyable",           CKA_COPYABLE, FORM_BOOL},
    {"Destroyable",             CKA_DESTROYABLE, FORM_BOOL},
    {"Trusted",             CKA_TRUSTED, FORM_BOOL},
    {"Certificate-Category",             CKA_CERTIFICATE_CATEGORY, FORM_NUMBER},
    {"Sign",              CKA_SIGN, FORM_BOOL},
    {"Sign-Recover",             CKA_SIGN_RECOVER, FORM_BOOL},
    {"Decrypt",           CKA_DECRYPT, FORM_BOOL},
    {"Unwrap",             CKA_UNWRAP, FORM_BOOL},
    {"Derive",             CKA_DERIVE, FORM_BOOL},
    {"Verify",             CKA_VERIFY, FORM_BOOL},
    {"Verify-Recover",          CKA_VERIFY_RECOVER, FORM_BOOL},
    {"Encrypt",             CKA_ENCRYPT, FORM_BOOL},
    {"Wrap",              CKA_WRAP, FORM_BOOL},
    {"Sensitive",             CKA_SENSITIVE, FORM_BOOL},
    {"Extractable", CKA_EXTRACTABLE, FORM_BOOL},
    {"Wrap-With-Trusted",           CKA_WRAP_WITH_TRUSTED, FORM_BOOL},
    {"Always-Authenticate",                 CKA_ALWAYS_AUTHENTICATE, FORM_BOOL},
    {"Local",             CKA_LOCAL, FORM_BOOL},
    {"Always-Sensitive",         CKA_ALWAYS_SENSITIVE, FORM_BOOL},
    {"Never-Extractable",             CKA_NEVER_EXTRACTABLE, FORM_BOOL},
    {"Key-Gen-Mechanism",              CKA_KEY_GEN_MECHANISM, FORM_NUMBER},
    {"Allowed-Mechanisms",             CKA_ALLOWED_MECHANISMS, FORM_NUMBERS},
    {"Wrap-Template",               CKA_WRAP_TEMPLATE, FORM_TEMPLATE},
    {"Unwrap-Template",             CKA_UNWRAP_TEMPLATE, FORM_TEMPLATE},
    {"Derive-Template",               CKA_DERIVE_TEMPLATE, FORM_TEMPLATE},
    {"Application",             CKA_APPLICATION, FORM_TEXT},
    {"Object-ID",               CKA_OBJECT_ID, FORM_HEX},
    {"Check-Value",             CKA_CHECK_VALUE, FORM_HEX},
    {"TPM2B-Public",       CKA_DEVID_TPM2B_PUBLIC, FORM_HEX},
    {"Persistent",             CKA_DEVID_PERSISTENT, FORM_NUMBER},
    {0             },
};

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

static CK_RV read_text(const struct keyline *line, const char *value, struct attributes *out)
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

static CK_RV read_hex(const struct keyline *line, const char *value, struct attributes *out)
{
    struct bytes bytes;
    CK_RV rv;

    if (!bytes_from_hex(value, strlen(value), &bytes))
        return CKR_DATA_INVALID;
    rv = attributes_set(out, line->type, bytes.data, bytes.size);
    bytes_free(&bytes);
    return rv;
}

static CK_RV read_template(const struct keyline *line, const char *value, struct attributes *out)
{
    CK_RV rv = read_hex(line, value, out);
    const CK_ATTRIBUTE *packed = attributes_find(out, line->type);
    struct attributes inner = {0};

    if (rv == CKR_OK)
        rv = nested_unpack(packed->pValue, packed->ulValueLen, &inner);
    attributes_free(&inner);
    return rv;
}

static CK_RV read_date(const struct keyline *line, const char *value, struct attributes *out)
{
    size_t length = strspn(value, "0123456789");

    if (value[length] != '\0' || (length != sizeof(CK_DATE) && length != 0))
        return CKR_DATA_INVALID;
    return attributes_set(out, line->type, value, length);
}

static CK_RV read_bool(const struct keyline *line, const char *value, struct attributes *out)
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

static CK_RV read_number(const struct keyline *line, const char *value, struct attributes *out)
{
    CK_ULONG number;

    return next_number(&value, &number) && *value == '\0' ? attributes_set_ulong(out, line->type, number)
                                                          : CKR_DATA_INVALID;
}

static CK_RV read_numbers(const struct keyline *line, const char *value, struct attributes *out)
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
    CK_RV (*read)(const struct keyline *line, const char *value, struct attributes *out);
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

const struct keyline *keyline_named(const char *name, const char *prefix)
{
    if (strncasecmp(name, prefix, strlen(prefix)) != 0)
        return NULL;
    for (const struct keyline *line = keylines; line->name != NULL; line++)
        if (strcasecmp(line->name, name + strlen(prefix)) == 0)
            return line;
    return NULL;
}

CK_RV keyline_read(const struct keyline *line, const char *value, struct attributes *out)
{
    return forms[line->form].read(line, value, out);
}

void keyline_write(const struct keyline *line, const char *prefix, const CK_ATTRIBUTE *item,
                   struct buffer *out)
{
    buffer_addf(out, "%s%s: ", prefix, line->name);
    forms[line->form].write(item, out);
    buffer_add_text(out, "\n");
}
