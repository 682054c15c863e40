/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/objecttext.h"

#include "pkcs11/failure.h"
#include "pkcs11/lock.h"
#include "pkcs11/soft/der.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"

#define FILE_MAXIMUM (256 * 1024)
#define DATA_MAXIMUM (128 * 1024)

/* --- blocks
 * ---------------------------------------------------------------------------------------------------- */

static CK_RV certificate_block(const struct token *token, const struct object *object, struct buffer *text)
{
    const CK_ATTRIBUTE *value = attributes_find(&object->attributes, CKA_VALUE);
    struct bytes der = {value->pValue, value->ulValueLen};

    (void)token;
    return soft_pem_encode(CERTIFICATE_PEM, &der, text);
}

static CK_RV public_block(const struct token *token, const struct object *object, struct buffer *text)
{
    struct bytes der;
    CK_RV rv = soft_public_info(&object->key->public, &der);

    (void)token;
    if (rv == CKR_OK)
        rv = soft_pem_encode(PUBLIC_KEY_PEM, &der, text);
    bytes_free(&der);
    return rv;
}

static CK_RV data_block(const struct token *token, const struct object *object, struct buffer *text)
{
    const CK_ATTRIBUTE *value = attributes_find(&object->attributes, CKA_VALUE);
    size_t size = value != NULL ? value->ulValueLen : 0;
    struct bytes der = BYTES_EMPTY;
    struct buffer octets;
    CK_RV rv = CKR_HOST_MEMORY;

    if (size > DATA_MAXIMUM)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "CKA_VALUE of a data object in the token holds up to %d bytes", DATA_MAXIMUM);
    buffer_init(&octets, DATA_MAXIMUM + 8);
    der_add_header(&octets, DER_OCTET_STRING, size);
    if (size != 0)
        buffer_add(&octets, value->pValue, size);
    if (buffer_take(&octets, &der))
        rv = lock_encode(token, lock_wanted(token, object_attribute_bool(object, CKA_PRIVATE)), DATA_PEM,
                         &der, text);
    bytes_free(&der);
    buffer_free(&octets);
    return rv;
}

CK_RV objecttext_read_data(const struct bytes *der, struct bytes *value)
{
    struct reader reader;

    reader_init(&reader, der->data, der->size);
    *value = der_content(&reader, DER_OCTET_STRING);
    return reader_done(&reader)
               ? CKR_OK
               : p11_fail(CKR_DATA_INVALID,
                          "a " DATA_PEM " block holds no OCTET STRING, or its length is wrong");
}

/* --- files
 * ----------------------------------------------------------------------------------------------------- */

static const CK_ATTRIBUTE_TYPE certificate_lines[] = {
    CKA_LABEL, CKA_ID, CKA_PRIVATE, CKA_CERTIFICATE_CATEGORY, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE,
};
#define CERTIFICATE_LINES (sizeof certificate_lines / sizeof certificate_lines[0])

/* One row a class. `lines`: the attributes that are written above the block, for a class where others follow
 * from the block itself; NULL: all that have a line. */
static const struct form {
    CK_OBJECT_CLASS object_class;
    const char *suffix;
    CK_RV (*write)(const struct token *token, const struct object *object, struct buffer *text);
    const CK_ATTRIBUTE_TYPE *lines;
    size_t line_count;
} forms[] = {
    {CKO_CERTIFICATE, ".crt.pem",  certificate_block, certificate_lines, CERTIFICATE_LINES},
    {CKO_PUBLIC_KEY,  ".pub.pem",  public_block,      NULL,              0                },
    {CKO_DATA,        ".data.pem", data_block,        NULL,              0                },
};

static const struct form *form_of(const struct object *object)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].object_class == object->object_class)
            return &forms[i];
    return NULL;
}

static CK_RV write_lines(const struct form *form, const struct attributes *attributes, struct buffer *text)
{
    struct attributes kept = {0};
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < form->line_count; i++) {
        const CK_ATTRIBUTE *item = attributes_find(attributes, form->lines[i]);

        if (item != NULL)
            rv = attributes_set(&kept, item->type, item->pValue, item->ulValueLen);
    }
    if (rv == CKR_OK)
        rv = keyfile_write_plain_lines(form->lines != NULL ? &kept : attributes, text);
    attributes_free(&kept);
    return rv;
}

CK_RV objecttext_write(const struct token *token, const struct object *object, struct buffer *text,
                       const char **suffix)
{
    const struct form *form = form_of(object);
    CK_RV rv;

    buffer_init(text, FILE_MAXIMUM);
    if (form == NULL)
        return CKR_FUNCTION_NOT_SUPPORTED;
    *suffix = form->suffix;
    rv = write_lines(form, &object->attributes, text);
    return rv == CKR_OK ? form->write(token, object, text) : rv;
}

CK_RV objecttext_write_block(const struct token *token, const struct object *object, struct buffer *text)
{
    const struct form *form = form_of(object);

    return form != NULL ? form->write(token, object, text) : CKR_FUNCTION_NOT_SUPPORTED;
}
