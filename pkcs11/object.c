/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/publicobject.h"
#include "pkcs11/import.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/nested.h"
#include "pkcs11/secret.h"
#include "pkcs11/session.h"
#include "pkcs11/soft/x509.h"
#include "pkcs11/template.h"

#include <string.h>

/* --- certificates
 * -------------------------------------------------------------------------------------------- */

/* Java gives the serial number's octets without the header of the DER INTEGER that the standard wants. */
static bool is_bare_serial(const CK_ATTRIBUTE *given, const CK_ATTRIBUTE *said)
{
    return said->type == CKA_SERIAL_NUMBER && said->ulValueLen > 2 &&
           given->ulValueLen == said->ulValueLen - 2 &&
           memcmp(given->pValue, (const uint8_t *)said->pValue + 2, given->ulValueLen) == 0;
}

/* What the certificate says must not contradict what the caller says of it; what the caller left out is
 * filled in. */
static CK_RV complete_certificate(struct attributes *attributes)
{
    const CK_ATTRIBUTE *value = attributes_find(attributes, CKA_VALUE);
    struct bytes der = {value->pValue, value->ulValueLen};
    struct attributes said = {0};
    CK_RV rv = soft_certificate_valid(&der) ? soft_certificate_attributes(&der, &said) : CKR_DATA_INVALID;

    if (rv == CKR_DATA_INVALID)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE is not an X.509 certificate in DER");
    for (size_t i = 0; rv == CKR_OK && i < said.count; i++) {
        const CK_ATTRIBUTE *item = &said.items[i];
        const CK_ATTRIBUTE *given = attributes_find(attributes, item->type);

        if (given == NULL || given->ulValueLen == 0 || is_bare_serial(given, item))
            rv = attributes_set(attributes, item->type, item->pValue, item->ulValueLen);
        else if (item->type != CKA_ID &&
                 !bytes_equal(given->pValue, given->ulValueLen, item->pValue, item->ulValueLen))
            rv = p11_fail(CKR_TEMPLATE_INCONSISTENT, "attribute 0x%lx differs from what the certificate says",
                          item->type);
    }
    attributes_free(&said);
    return rv;
}

static CK_RV create_certificate(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                                CK_OBJECT_HANDLE *handle)
{
    struct object *object = object_new(CKO_CERTIFICATE, NULL);
    CK_RV rv = CKR_HOST_MEMORY;

    if (object != NULL)
        rv = template_check(TEMPLATE_CREATE, CKO_CERTIFICATE, ANY_KEY, items, count, &object->attributes);
    if (rv == CKR_OK &&
        attributes_get_ulong(&object->attributes, CKA_CERTIFICATE_TYPE, CKC_X_509) != CKC_X_509)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "only X.509 certificates are stored");
    if (rv == CKR_OK)
        rv = session_may_write(session, object_attribute_bool(object, CKA_TOKEN));
    if (rv == CKR_OK)
        rv = session_may_own(session, object_attribute_bool(object, CKA_PRIVATE));
    if (rv == CKR_OK)
        rv = complete_certificate(&object->attributes);
    if (rv == CKR_OK)
        rv = session_publish_object(session, object);
    if (rv == CKR_OK)
        *handle = object->handle;
    object_return(object);
    return rv;
}

typedef CK_RV creator(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                      CK_OBJECT_HANDLE *handle);

/* One row a class that C_CreateObject makes. */
static const struct {
    CK_OBJECT_CLASS object_class;
    creator *create;
} creators[] = {
    {CKO_CERTIFICATE, create_certificate},
    {CKO_PUBLIC_KEY,  create_public_key },
    {CKO_DATA,        create_data       },
    {CKO_PRIVATE_KEY, import_private_key},
    {CKO_SECRET_KEY,  create_secret_key },
};

static creator *creator_of(CK_OBJECT_CLASS object_class)
{
    for (size_t i = 0; i < sizeof creators / sizeof creators[0]; i++)
        if (creators[i].object_class == object_class)
            return creators[i].create;
    return NULL;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *object)
{
    CK_OBJECT_CLASS object_class;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_template(items, count) || object == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    object_class = template_get_ulong(items, count, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    if (object_class == CK_UNAVAILABLE_INFORMATION)
        return session_leave(session, p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_CLASS"));
    if (creator_of(object_class) != NULL)
        rv = creator_of(object_class)(session, items, count, object);
    else
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "objects of class %lu cannot be created here",
                      object_class);
    return session_leave(session, rv);
}

/* --- any object
 * ---------------------------------------------------------------------------------------------- */

static CK_RV destroy(struct session *session, const struct object *object)
{
    CK_RV rv = session_may_write(session, object->file != NULL);

    if (rv == CKR_OK)
        rv = session_may_own(session, object_attribute_bool(object, CKA_PRIVATE));
    if (rv == CKR_OK && !object_attribute_bool(object, CKA_DESTROYABLE))
        rv = p11_fail(CKR_ACTION_PROHIBITED, "the object has CKA_DESTROYABLE false");
    if (rv == CKR_OK && object->file != NULL && object->key != NULL && object->object_class != CKO_PUBLIC_KEY)
        rv = key_persist(object->key, 0);
    if (rv != CKR_OK)
        return rv;
    token_lock(session->token);
    if (object->file != NULL)
        rv = objects_delete(session->token, object->handle);
    else
        objects_remove(&session->token->objects, object->handle);
    token_unlock(session->token);
    return rv;
}

static bool went_before(const struct session *session, CK_OBJECT_HANDLE handle)
{
    bool went;

    token_lock(session->token);
    went = objects_followed(&session->token->objects, handle);
    token_unlock(session->token);
    return went;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle)
{
    struct object *object = NULL;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session_find_object(session, object_handle, &object);
    if (rv == CKR_OK)
        rv = destroy(session, object);
    else if (rv == CKR_OBJECT_HANDLE_INVALID && went_before(session, object_handle))
        rv = CKR_OK;
    object_return(object);
    return session_leave(session, rv);
}

/* PKCS#11 2.40, 5.7: one attribute's answer; the call's is the worst of them. */
static CK_RV answer(const struct object *object, CK_ATTRIBUTE *item)
{
    const struct attribute_rule *rule;
    struct bytes value;
    CK_RV rv = object_attribute(object, item->type, &value);

    if (rv != CKR_OK) {
        item->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return rv;
    }
    rule = template_rule(object->object_class, object->key_type, item->type);
    if (rule != NULL && rule->kind == KIND_TEMPLATE) {
        rv = nested_answer(&value, item);
    } else if (item->pValue != NULL && item->ulValueLen < value.size) {
        item->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        rv = CKR_BUFFER_TOO_SMALL;
    } else {
        if (item->pValue != NULL && value.size != 0)
            memcpy(item->pValue, value.data, value.size);
        item->ulValueLen = value.size;
    }
    bytes_free(&value);
    return rv;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle, CK_ATTRIBUTE *items,
                          CK_ULONG count)
{
    struct object *object = NULL;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (items == NULL || !caller_has_template(items, count))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = session_find_object(session, object_handle, &object);
    for (CK_ULONG i = 0; object != NULL && i < count; i++) {
        CK_RV one = answer(object, &items[i]);

        if (one != CKR_OK)
            rv = one;
    }
    object_return(object);
    return session_leave(session, rv);
}
