/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_NESTED_H
#define DEVID_PKCS11_NESTED_H

#include "pkcs11/object.h"
#include "pkcs11/template.h"

/*
 * Attributes whose value is a template: CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE. What a
 * caller gives has pointers; what an object and its file keep is packed, the same on every machine: for each
 * attribute its type, its size (32 bits each, big-endian) and its value, of which numbers have 64 bits.
 */

/* Packs a caller's array; *packed is the caller's. CKR_ATTRIBUTE_VALUE_INVALID (said): no array of
 * attributes, too many, one that no key has, a template in the template, a secret, or a value of the wrong
 * form. CKR_TEMPLATE_INCONSISTENT: one that is given twice. */
CK_RV nested_pack(const CK_ATTRIBUTE *item, struct bytes *packed);
/* And back. CKR_DATA_INVALID: it is not packed so. */
CK_RV nested_unpack(const void *packed, size_t size, struct attributes *out);

/* C_GetAttributeValue's answer (2.40, 5.7): the array, and what its elements have room for.
 * CKR_BUFFER_TOO_SMALL. */
CK_RV nested_answer(const struct bytes *packed, CK_ATTRIBUTE *item);

/* Whether the object has all that the template `type` of the key says; a key without one asks nothing. */
CK_RV nested_match(const struct object *key, CK_ATTRIBUTE_TYPE type, const struct object *object,
                   bool *matches);

/* A number that the template says, or `otherwise`. */
CK_ULONG nested_get_ulong(const struct object *key, CK_ATTRIBUTE_TYPE type, CK_ATTRIBUTE_TYPE which,
                          CK_ULONG otherwise);
/* Adds what the template `type` of the key says to `out`, for a new object of the class and key type; what
 * the caller says comes after it, and must not say otherwise. CKR_TEMPLATE_INCONSISTENT (said): it does not
 * fit such an object. */
CK_RV nested_apply(const struct object *key, CK_ATTRIBUTE_TYPE type, enum template_purpose purpose,
                   CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type, struct attributes *out);

#endif
