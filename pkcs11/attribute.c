/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/attribute.h"

#include "common/bytes.h"

#include <stdlib.h>
#include <string.h>

#define DATA_MAXIMUM ((CK_ULONG)-1 >> 2)
#define TEMPLATE_MAXIMUM 4096

void attributes_free(struct attributes *attributes)
{
    for (size_t i = 0; i < attributes->count; i++) {
        bytes_wipe(attributes->items[i].pValue, attributes->items[i].ulValueLen);
        free(attributes->items[i].pValue);
    }
    free(attributes->items);
    *attributes = (struct attributes){0};
}

static CK_ATTRIBUTE *slot_for(struct attributes *attributes, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (attributes->items[i].type == type)
            return &attributes->items[i];
    if (attributes->count == attributes->capacity) {
        size_t capacity = attributes->capacity + 12;
        CK_ATTRIBUTE *grown = realloc(attributes->items, capacity * sizeof *grown);

        if (grown == NULL)
            return NULL;
        attributes->items = grown;
        attributes->capacity = capacity;
    }
    attributes->items[attributes->count] = (CK_ATTRIBUTE){.type = type};
    return &attributes->items[attributes->count];
}

CK_RV attributes_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    CK_ATTRIBUTE *slot = slot_for(attributes, type);
    void *copy = size != 0 ? malloc(size) : NULL;

    if (slot == NULL || (size != 0 && copy == NULL)) {
        free(copy);
        return CKR_HOST_MEMORY;
    }
    if (size != 0)
        memcpy(copy, value, size);
    if (slot == &attributes->items[attributes->count])
        attributes->count++;
    bytes_wipe(slot->pValue, slot->ulValueLen);
    free(slot->pValue);
    slot->pValue = copy;
    slot->ulValueLen = size;
    return CKR_OK;
}

CK_RV attributes_set_bool(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL wire = value ? CK_TRUE : CK_FALSE;

    return attributes_set(attributes, type, &wire, sizeof wire);
}

CK_RV attributes_set_ulong(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return attributes_set(attributes, type, &value, sizeof value);
}

CK_RV attributes_copy(struct attributes *to, const struct attributes *from)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < from->count; i++)
        rv = attributes_set(to, from->items[i].type, from->items[i].pValue, from->items[i].ulValueLen);
    return rv;
}

const CK_ATTRIBUTE *attributes_find(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (attributes->items[i].type == type)
            return &attributes->items[i];
    return NULL;
}

bool attributes_get_bool(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
    const CK_ATTRIBUTE *found = attributes_find(attributes, type);

    if (found == NULL || found->ulValueLen != sizeof(CK_BBOOL))
        return otherwise;
    return *(const CK_BBOOL *)found->pValue != CK_FALSE;
}

CK_ULONG attributes_get_ulong(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise)
{
    return template_get_ulong(attributes->items, attributes->count, type, otherwise);
}

bool caller_has_data(const void *data, CK_ULONG size)
{
    return size == 0 || (data != NULL && size <= DATA_MAXIMUM);
}

bool caller_has_template(const CK_ATTRIBUTE *items, CK_ULONG count)
{
    return count == 0 || (items != NULL && count <= TEMPLATE_MAXIMUM);
}

const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (items[i].type == type && items[i].pValue != NULL)
            return &items[i];
    return NULL;
}

CK_ULONG template_get_ulong(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                            CK_ULONG otherwise)
{
    const CK_ATTRIBUTE *found = template_find(items, count, type);
    CK_ULONG value;

    if (found == NULL || found->ulValueLen != sizeof value)
        return otherwise;
    memcpy(&value, found->pValue, sizeof value);
    return value;
}
