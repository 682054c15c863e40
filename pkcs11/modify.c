/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/import.h"
#include "pkcs11/secret.h"
#include "pkcs11/soft/plain.h"
#include "pkcs11/template.h"

/* C_SetAttributeValue, C_CopyObject, C_GetObjectSize: what is done to objects that are there. */

static CK_RV current(const void *object, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    return object_attribute(object, type, value);
}

static CK_RV check_template(const struct object *object, bool copy, const CK_ATTRIBUTE *items, CK_ULONG count,
                            struct attributes *changes)
{
    const struct template_target target = {object->object_class, object->key_type, object, current, copy};

    return template_change(&target, items, count, changes);
}

/* What a certificate says of itself stays what it says. */
static CK_RV check_certificate(const struct object *object, const struct attributes *changes)
{
    static const CK_ATTRIBUTE_TYPE said[] = {CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE};

    if (object->object_class != CKO_CERTIFICATE)
        return CKR_OK;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (attributes_find(changes, said[i]) != NULL)
            return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                            "attribute 0x%lx would differ from what the certificate says", said[i]);
    return CKR_OK;
}

/* --- changes
 * ---------------------------------------------------------------------------------------------------- */

/*
 * The device first, the file second: cut off in between, the file still has its key, and at worst the key
 * stays in the device without the file's knowing, where the next try finds it.
 */
static CK_RV persist(const struct object *object, const struct attributes *changes)
{
    if (attributes_find(changes, CKA_DEVID_PERSISTENT) == NULL)
        return CKR_OK;
    if (object->file == NULL)
        return p11_fail(CKR_ATTRIBUTE_READ_ONLY, "a key of the session cannot be made persistent");
    return key_persist(object->key, attributes_get_ulong(changes, CKA_DEVID_PERSISTENT, 0));
}

static void undo_persist(const struct object *object, const struct attributes *changes)
{
    CK_ULONG before = attributes_get_ulong(&object->attributes, CKA_DEVID_PERSISTENT, 0);

    if (attributes_find(changes, CKA_DEVID_PERSISTENT) != NULL && key_persist(object->key, before) != CKR_OK)
        log_warning("the key is not where its file says; it is loaded when it is used");
}

static CK_RV modify(struct session *session, const struct object *object, const CK_ATTRIBUTE *items,
                    CK_ULONG count)
{
    struct attributes changes = {0};
    CK_RV rv = session_may_write(session, object->file != NULL);

    if (rv == CKR_OK && !object_attribute_bool(object, CKA_MODIFIABLE))
        rv = p11_fail(CKR_ACTION_PROHIBITED, "the object has CKA_MODIFIABLE false");
    if (rv == CKR_OK)
        rv = check_template(object, false, items, count, &changes);
    if (rv == CKR_OK)
        rv = check_certificate(object, &changes);
    if (rv == CKR_OK && changes.count != 0) {
        rv = persist(object, &changes);
        if (rv == CKR_OK) {
            token_lock(session->token);
            rv = objects_modify(session->token, object->handle, &changes);
            token_unlock(session->token);
            if (rv != CKR_OK)
                undo_persist(object, &changes);
        }
    }
    attributes_free(&changes);
    return rv;
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle, CK_ATTRIBUTE *items,
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
    if (rv == CKR_OK)
        rv = modify(session, object, items, count);
    object_return(object);
    return session_leave(session, rv);
}

/* --- copies
 * ----------------------------------------------------------------------------------------------------- */

static CK_RV only_in_session(void)
{
    return p11_fail(CKR_ACTION_PROHIBITED,
                    "such a key is copied as a session object only; set CKA_TOKEN to false in the template");
}

/* A secret key whose value is in this process is taken in anew, by the token's own backend. */
static CK_RV copy_secret(struct session *session, const struct object *copy, CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = copy->key->backend;
    struct bytes value = BYTES_EMPTY;
    CK_RV rv;

    if (!backend->extractable)
        return only_in_session();
    rv = backend->key_attribute(copy->key->material, CKA_VALUE, &value);
    if (rv == CKR_OK)
        rv = secret_add(session, &copy->attributes, &value, handle);
    bytes_free(&value);
    return rv;
}

/* The key's block: in software its PrivateKeyInfo, else what the device wrapped. */
static CK_RV block_of(const struct key *key, struct bytes *block)
{
    return key->backend->plain != NULL
               ? key->backend->plain(key->instance, key->material, block)
               : key->backend->key_attribute(key->material, CKA_DEVID_TSS2_KEY, block);
}

/* A key in software goes into the token's device. */
static CK_RV take_in(struct session *session, struct object *copy, const struct bytes *info,
                     CK_OBJECT_HANDLE *handle)
{
    struct attributes numbers = {0};
    CK_RV rv;

    if (copy->key->backend->plain == NULL)
        return only_in_session();
    rv = soft_plain_attributes(info, &numbers);
    if (rv == CKR_OK)
        rv = attributes_copy(&copy->attributes, &numbers);
    attributes_free(&numbers);
    return rv == CKR_OK ? import_add(session, &copy->attributes, handle) : rv;
}

/* A private key of the token stands in a file of its own with its public half, which is made for it. */
static CK_RV copy_private(struct session *session, struct object *copy, CK_OBJECT_HANDLE *handle)
{
    struct bytes block = BYTES_EMPTY;
    CK_RV rv = import_may_add(session, &copy->attributes);

    /* what stays in the device is the original's */
    if (rv == CKR_OK && attributes_find(&copy->attributes, CKA_DEVID_PERSISTENT) != NULL)
        rv = attributes_set_ulong(&copy->attributes, CKA_DEVID_PERSISTENT, 0);

    if (rv == CKR_OK)
        rv = block_of(copy->key, &block);
    if (rv == CKR_OK && copy->key->backend == session->token->backend)
        rv = import_add_block(session, &copy->attributes, copy->key->backend, &block, handle);
    else if (rv == CKR_OK)
        rv = take_in(session, copy, &block, handle);
    bytes_free(&block);
    return rv;
}

/* A copy in the session is of the same key. */
static CK_RV add_copy(struct session *session, struct object *copy, CK_OBJECT_HANDLE *handle)
{
    bool token = object_attribute_bool(copy, CKA_TOKEN);
    CK_RV rv = session_may_write(session, token);

    if (rv == CKR_OK && token && copy->object_class == CKO_SECRET_KEY)
        return copy_secret(session, copy, handle);
    if (rv == CKR_OK && token && copy->object_class == CKO_PRIVATE_KEY)
        return copy_private(session, copy, handle);
    if (rv == CKR_OK)
        rv = session_publish_object(session, copy);
    if (rv == CKR_OK)
        *handle = copy->handle;
    return rv;
}

static CK_RV publish_copy(struct session *session, const struct object *object,
                          const struct attributes *changes, CK_OBJECT_HANDLE *handle)
{
    struct object *copy = object_copy(object, changes);
    CK_RV rv = copy != NULL ? add_copy(session, copy, handle) : CKR_HOST_MEMORY;

    object_return(copy);
    return rv;
}

static CK_RV copy_object(struct session *session, const struct object *object, const CK_ATTRIBUTE *items,
                         CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
    struct attributes changes = {0};
    CK_RV rv = CKR_OK;

    if (!object_attribute_bool(object, CKA_COPYABLE))
        return p11_fail(CKR_ACTION_PROHIBITED, "the object has CKA_COPYABLE false");
    rv = check_template(object, true, items, count, &changes);
    if (rv == CKR_OK)
        rv = check_certificate(object, &changes);
    if (rv == CKR_OK)
        rv = publish_copy(session, object, &changes, handle);
    attributes_free(&changes);
    return rv;
}

CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle, CK_ATTRIBUTE *items,
                   CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
    struct object *object = NULL;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!caller_has_template(items, count) || copy == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = session_find_object(session, object_handle, &object);
    if (rv == CKR_OK)
        rv = copy_object(session, object, items, count, copy);
    object_return(object);
    return session_leave(session, rv);
}

/* --- size
 * ------------------------------------------------------------------------------------------------------- */

/* PKCS#11 leaves to the token what it counts: here, what the attributes hold. */
CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle, CK_ULONG *size)
{
    struct object *object = NULL;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (size == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = session_find_object(session, object_handle, &object);
    if (rv == CKR_OK) {
        *size = 0;
        for (size_t i = 0; i < object->attributes.count; i++)
            *size += sizeof(CK_ATTRIBUTE_TYPE) + object->attributes.items[i].ulValueLen;
    }
    object_return(object);
    return session_leave(session, rv);
}
