/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/nested.h"

#include "common/buffer.h"
#include "pkcs11/failure.h"

#include <string.h>

#define ITEMS_MAXIMUM 64
#define PACKED_MAXIMUM 16384
#define NUMBER_SIZE 8

/* --- packing
 * ----------------------------------------------------------------------------------------------------- */

static bool is_numbers(const struct attribute_rule *rule)
{
    return rule->kind == KIND_ULONG || rule->kind == KIND_MECHANISMS;
}

static void pack_number(CK_ULONG number, struct buffer *out)
{
    for (unsigned i = NUMBER_SIZE; i-- > 0;)
        buffer_add_u8(out, (uint8_t)((uint64_t)number >> 8 * i));
}

static void pack_u32(size_t number, struct buffer *out)
{
    for (unsigned i = 4; i-- > 0;)
        buffer_add_u8(out, (uint8_t)(number >> 8 * i));
}

static void pack_item(const CK_ATTRIBUTE *item, struct buffer *out)
{
    const struct attribute_rule *rule = template_rule_of_any(item->type);
    size_t count = item->ulValueLen / sizeof(CK_ULONG);

    pack_u32(item->type, out);
    pack_u32(is_numbers(rule) ? count * NUMBER_SIZE : item->ulValueLen, out);
    if (!is_numbers(rule)) {
        buffer_add(out, item->pValue, item->ulValueLen);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        CK_ULONG number;

        memcpy(&number, (const uint8_t *)item->pValue + i * sizeof number, sizeof number);
        pack_number(number, out);
    }
}

/* Of any class: what is a secret of one is not stated in a template of another. */
static bool is_secret(CK_ATTRIBUTE_TYPE type)
{
    size_t count;
    const struct attribute_rule *rules = template_rules(&count);

    for (size_t i = 0; i < count; i++)
        if (rules[i].type == type && (rules[i].flags & RULE_SECRET) != 0)
            return true;
    return false;
}

static CK_RV check_item(const CK_ATTRIBUTE *item)
{
    const struct attribute_rule *rule = template_rule_of_any(item->type);

    if (rule == NULL)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "the template in the template has attribute 0x%lx, which "
                        "no key here has",
                        item->type);
    if (rule->kind == KIND_TEMPLATE || is_secret(item->type))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "%s does not belong in the template in a template",
                        rule->name);
    if (!template_value_fits(rule, item))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the value of %s has the wrong form", rule->name);
    return CKR_OK;
}

/* The array may lie where no CK_ATTRIBUTE would. */
static CK_RV read_items(const CK_ATTRIBUTE *item, struct attributes *out)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < item->ulValueLen / sizeof *item; i++) {
        CK_ATTRIBUTE one;

        memcpy(&one, (const uint8_t *)item->pValue + i * sizeof one, sizeof one);
        rv = check_item(&one);
        if (rv == CKR_OK && attributes_find(out, one.type) != NULL)
            rv = p11_fail(CKR_TEMPLATE_INCONSISTENT, "the template in the template has %s twice",
                          template_rule_of_any(one.type)->name);
        if (rv == CKR_OK)
            rv = attributes_set(out, one.type, one.pValue, one.ulValueLen);
    }
    return rv;
}

CK_RV nested_pack(const CK_ATTRIBUTE *item, struct bytes *packed)
{
    struct attributes items = {0};
    struct buffer out;
    CK_RV rv;

    *packed = BYTES_EMPTY;
    if (!caller_has_data(item->pValue, item->ulValueLen) || item->ulValueLen % sizeof *item != 0 ||
        item->ulValueLen / sizeof *item > ITEMS_MAXIMUM)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the value is no array of up to %d attributes",
                        ITEMS_MAXIMUM);
    buffer_init(&out, PACKED_MAXIMUM);
    rv = read_items(item, &items);
    for (size_t i = 0; rv == CKR_OK && i < items.count; i++)
        pack_item(&items.items[i], &out);
    if (rv == CKR_OK && out.failed)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the template in the template is too long");
    if (rv == CKR_OK && out.size != 0 && !buffer_take(&out, packed))
        rv = CKR_HOST_MEMORY;
    buffer_free(&out);
    attributes_free(&items);
    return rv;
}

/* --- and back
 * ---------------------------------------------------------------------------------------------------- */

static CK_RV unpack_numbers(CK_ATTRIBUTE_TYPE type, const uint8_t *data, size_t size, struct attributes *out)
{
    CK_ULONG numbers[PACKED_MAXIMUM / NUMBER_SIZE];
    size_t count = size / NUMBER_SIZE;

    if (size % NUMBER_SIZE != 0 || count > sizeof numbers / sizeof numbers[0])
        return CKR_DATA_INVALID;
    for (size_t i = 0; i < count; i++) {
        uint64_t number = 0;

        for (size_t b = 0; b < NUMBER_SIZE; b++)
            number = number << 8 | data[i * NUMBER_SIZE + b];
        numbers[i] = (CK_ULONG)number;
    }
    return attributes_set(out, type, numbers, count * sizeof numbers[0]);
}

static CK_RV unpack_item(CK_ATTRIBUTE_TYPE type, const uint8_t *data, size_t size, struct attributes *out)
{
    const struct attribute_rule *rule = template_rule_of_any(type);
    const CK_ATTRIBUTE *made;
    CK_RV rv;

    if (rule == NULL || attributes_find(out, type) != NULL)
        return CKR_DATA_INVALID;
    rv = is_numbers(rule) ? unpack_numbers(type, data, size, out) : attributes_set(out, type, data, size);
    made = rv == CKR_OK ? attributes_find(out, type) : NULL;
    return made == NULL || check_item(made) == CKR_OK ? rv : CKR_DATA_INVALID;
}

CK_RV nested_unpack(const void *packed, size_t size, struct attributes *out)
{
    struct reader reader;
    CK_RV rv = CKR_OK;

    *out = (struct attributes){0};
    reader_init(&reader, packed, size);
    while (rv == CKR_OK && !reader_done(&reader)) {
        CK_ATTRIBUTE_TYPE type = reader_u32(&reader);
        size_t length = reader_u32(&reader);
        const uint8_t *data = reader_take(&reader, length);

        rv = data != NULL ? unpack_item(type, data, length, out) : CKR_DATA_INVALID;
    }
    if (rv != CKR_OK)
        attributes_free(out);
    return rv;
}

static CK_RV answer_element(const CK_ATTRIBUTE *from, CK_ATTRIBUTE *to)
{
    CK_RV rv = CKR_OK;

    to->type = from->type;
    if (to->pValue != NULL && to->ulValueLen < from->ulValueLen) {
        to->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (to->pValue != NULL && from->ulValueLen != 0)
        memcpy(to->pValue, from->pValue, from->ulValueLen);
    to->ulValueLen = from->ulValueLen;
    return rv;
}

CK_RV nested_answer(const struct bytes *packed, CK_ATTRIBUTE *item)
{
    struct attributes inner;
    CK_ULONG room = item->ulValueLen;
    CK_RV rv = nested_unpack(packed->data, packed->size, &inner);

    if (rv != CKR_OK)
        return CKR_GENERAL_ERROR;
    item->ulValueLen = inner.count * sizeof(CK_ATTRIBUTE);
    if (item->pValue != NULL && room < item->ulValueLen) {
        item->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        rv = CKR_BUFFER_TOO_SMALL;
    } else if (item->pValue != NULL) {
        for (size_t i = 0; i < inner.count; i++) {
            CK_RV one = answer_element(&inner.items[i], (CK_ATTRIBUTE *)item->pValue + i);

            rv = one != CKR_OK ? one : rv;
        }
    }
    attributes_free(&inner);
    return rv;
}

/* --- a key's template at work
 * ---------------------------------------------------------------------------------- */

static CK_RV template_of(const struct object *key, CK_ATTRIBUTE_TYPE type, struct attributes *out)
{
    const CK_ATTRIBUTE *stored = key != NULL ? attributes_find(&key->attributes, type) : NULL;

    *out = (struct attributes){0};
    return stored == NULL ? CKR_OK : nested_unpack(stored->pValue, stored->ulValueLen, out);
}

CK_RV nested_match(const struct object *key, CK_ATTRIBUTE_TYPE type, const struct object *object,
                   bool *matches)
{
    struct attributes wanted;
    CK_RV rv = template_of(key, type, &wanted);

    *matches = rv == CKR_OK && object_matches(object, wanted.items, wanted.count);
    attributes_free(&wanted);
    return rv;
}

CK_ULONG nested_get_ulong(const struct object *key, CK_ATTRIBUTE_TYPE type, CK_ATTRIBUTE_TYPE which,
                          CK_ULONG otherwise)
{
    struct attributes said;
    CK_ULONG value = otherwise;

    if (template_of(key, type, &said) == CKR_OK)
        value = attributes_get_ulong(&said, which, otherwise);
    attributes_free(&said);
    return value;
}

CK_RV nested_apply(const struct object *key, CK_ATTRIBUTE_TYPE type, enum template_purpose purpose,
                   CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type, struct attributes *out)
{
    struct attributes said;
    CK_RV rv = template_of(key, type, &said);

    if (rv == CKR_OK)
        rv = template_check(purpose, object_class, key_type, said.items, said.count, out);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY) {
        p11_failure_clear();
        rv = p11_fail(CKR_TEMPLATE_INCONSISTENT,
                      "what the key's own template (attribute 0x%lx) says does not fit the new key", type);
    }
    attributes_free(&said);
    return rv;
}
