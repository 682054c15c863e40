/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_ATTRIBUTE_H
#define DEVID_PKCS11_ATTRIBUTE_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>

/* Attributes that an object owns: each type at most once, values copied. Values are wiped when freed. */
struct attributes {
    CK_ATTRIBUTE *items;
    size_t count;
    size_t capacity;
};

void attributes_free(struct attributes *attributes);

/* Sets a copy of the value, in place of an old one. CKR_OK or CKR_HOST_MEMORY. */
CK_RV attributes_set(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const void *value, size_t size);
CK_RV attributes_set_bool(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV attributes_set_ulong(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
CK_RV attributes_copy(struct attributes *to, const struct attributes *from);

/* NULL: not set. Owned by the set, valid until its next change. */
const CK_ATTRIBUTE *attributes_find(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type);
bool attributes_get_bool(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool otherwise);
CK_ULONG attributes_get_ulong(const struct attributes *attributes, CK_ATTRIBUTE_TYPE type,
                              CK_ULONG otherwise);

/* Whether what a caller hands in can be what it says: NULL has nothing in it, and no length is longer than
 * anything real. */
bool caller_has_data(const void *data, CK_ULONG size);
bool caller_has_template(const CK_ATTRIBUTE *items, CK_ULONG count);

/* The same as above on a caller's template, whose values are not to be trusted: sizes are checked, and NULL values are
 * taken for absent ones. */
const CK_ATTRIBUTE *template_find(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type);
CK_ULONG template_get_ulong(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                            CK_ULONG otherwise);

#endif
