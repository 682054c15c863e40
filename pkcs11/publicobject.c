/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/publicobject.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/public.h"
#include "pkcs11/template.h"

#include <string.h>

#define RSA_BITS_MINIMUM 1024
#define RSA_BITS_MAXIMUM 8192

/* --- the key in a template
 * -------------------------------------------------------------------------------------- */

/* A big-endian number without the zeros in front. */
static CK_RV read_number(const struct attributes *asked, CK_ATTRIBUTE_TYPE type, struct bytes *number)
{
    const CK_ATTRIBUTE *item = attributes_find(asked, type);
    const uint8_t *digits = item->pValue;
    size_t size = item->ulValueLen;

    for (; size > 0 && *digits == 0; size--)
        digits++;
    if (size == 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "attribute 0x%lx is no positive number", type);
    return bytes_copy(number, digits, size) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV read_rsa(const struct attributes *asked, struct public_key *key)
{
    CK_RV rv = read_number(asked, CKA_MODULUS, &key->modulus);

    if (rv == CKR_OK)
        rv = read_number(asked, CKA_PUBLIC_EXPONENT, &key->exponent);
    if (rv == CKR_OK && (public_key_bits(key) < RSA_BITS_MINIMUM || public_key_bits(key) > RSA_BITS_MAXIMUM))
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_MODULUS has %zu bits, not %d to %d",
                      public_key_bits(key), RSA_BITS_MINIMUM, RSA_BITS_MAXIMUM);
    return rv;
}

static CK_RV read_ec(const struct attributes *asked, struct public_key *key)
{
    const CK_ATTRIBUTE *params = attributes_find(asked, CKA_EC_PARAMS);
    const CK_ATTRIBUTE *point = attributes_find(asked, CKA_EC_POINT);

    key->curve = p11_curve_by_params(params->pValue, params->ulValueLen);
    if (key->curve == NULL || key->curve->key_type != key->type)
        return p11_fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names no curve for this type of key");
    return public_key_read_point(key->curve, point->pValue, point->ulValueLen, &key->point)
               ? CKR_OK
               : p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_EC_POINT is no uncompressed point on %s",
                          key->curve->name);
}

static const struct {
    CK_KEY_TYPE type;
    CK_RV (*read)(const struct attributes *asked, struct public_key *key);
} readers[] = {
    {CKK_RSA,           read_rsa},
    {CKK_EC,            read_ec },
    {CKK_EC_EDWARDS,    read_ec },
    {CKK_EC_MONTGOMERY, read_ec },
};

static CK_RV read_key(CK_KEY_TYPE type, const struct attributes *asked, struct public_key *key)
{
    CK_RV rv = CKR_ATTRIBUTE_VALUE_INVALID;

    *key = (struct public_key){.type = type};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (readers[i].type == type)
            rv = readers[i].read(asked, key);
    if (rv == CKR_OK && !soft_public_valid(key))
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the numbers of the template make no public key");
    if (rv != CKR_OK)
        public_key_free(key);
    return rv;
}

/* --- public keys
 * ------------------------------------------------------------------------------------------------ */

static CK_RV set_id(struct object *object)
{
    uint8_t id[SOFT_KEY_ID_SIZE];
    CK_RV rv;

    if (attributes_find(&object->attributes, CKA_ID) != NULL)
        return CKR_OK;
    rv = soft_public_id(&object->key->public, id);
    return rv == CKR_OK ? attributes_set(&object->attributes, CKA_ID, id, sizeof id) : rv;
}

static CK_RV make_public(struct session *session, CK_KEY_TYPE type, const struct attributes *asked,
                         CK_OBJECT_HANDLE *handle)
{
    struct object *object = NULL;
    struct public_key public;
    struct key *key;
    CK_RV rv = read_key(type, asked, &public);

    if (rv != CKR_OK)
        return rv;
    key = key_new_public(&public); /* transferred */
    if (key != NULL)
        object = object_new(CKO_PUBLIC_KEY, key);
    key_return(key);
    if (object == NULL)
        return CKR_HOST_MEMORY;
    rv = CKR_OK;
    for (size_t i = 0; rv == CKR_OK && i < asked->count; i++)
        rv = object_add_asked(object, &asked->items[i]);
    if (rv == CKR_OK)
        rv = set_id(object);
    if (rv == CKR_OK)
        rv = session_publish_object(session, object);
    if (rv == CKR_OK)
        *handle = object->handle;
    object_return(object);
    return rv;
}

CK_RV create_public_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                        CK_OBJECT_HANDLE *handle)
{
    CK_KEY_TYPE type = template_get_ulong(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    struct attributes asked = {0};
    bool known = false;
    CK_RV rv;

    if (type == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_KEY_TYPE");
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        known = known || readers[i].type == type;
    if (!known)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "public keys of type 0x%lx are not kept here", type);
    rv = template_check(TEMPLATE_CREATE, CKO_PUBLIC_KEY, type, items, count, &asked);
    if (rv == CKR_OK)
        rv = session_may_write(session, attributes_get_bool(&asked, CKA_TOKEN, false));
    if (rv == CKR_OK)
        rv = session_may_own(session, attributes_get_bool(&asked, CKA_PRIVATE, false));
    if (rv == CKR_OK)
        rv = make_public(session, type, &asked, handle);
    attributes_free(&asked);
    return rv;
}

/* --- data
 * ------------------------------------------------------------------------------------------------------- */

CK_RV create_data(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                  CK_OBJECT_HANDLE *handle)
{
    struct object *object = object_new(CKO_DATA, NULL);
    CK_RV rv = CKR_HOST_MEMORY;

    if (object != NULL)
        rv = template_check(TEMPLATE_CREATE, CKO_DATA, ANY_KEY, items, count, &object->attributes);
    if (rv == CKR_OK)
        rv = session_may_write(session, object_attribute_bool(object, CKA_TOKEN));
    if (rv == CKR_OK)
        rv = session_may_own(session, object_attribute_bool(object, CKA_PRIVATE));
    if (rv == CKR_OK)
        rv = session_publish_object(session, object);
    if (rv == CKR_OK)
        *handle = object->handle;
    object_return(object);
    return rv;
}
