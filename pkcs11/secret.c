/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/secret.h"

#include "pkcs11/failure.h"
#include "pkcs11/lock.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/template.h"

#define FILE_MAXIMUM 65536

/* --- where a key goes, and whether it may
 * ---------------------------------------------------------------------- */

static bool is_open(const struct attributes *attributes)
{
    return attributes_get_bool(attributes, CKA_EXTRACTABLE, false) ||
           !attributes_get_bool(attributes, CKA_SENSITIVE, true);
}

const struct backend *secret_backend(const struct session *session, const struct attributes *attributes)
{
    const struct backend *own = session->token->backend;

    return own->extractable || !is_open(attributes) || attributes_get_bool(attributes, CKA_TOKEN, false)
               ? own
               : backend_in_software();
}

CK_RV secret_may_add(const struct session *session, const struct attributes *attributes)
{
    CK_RV rv = session_may_write(session, attributes_get_bool(attributes, CKA_TOKEN, false));

    if (rv == CKR_OK)
        rv = session_may_own(session, attributes_get_bool(attributes, CKA_PRIVATE, true));
    if (rv == CKR_OK && is_open(attributes) && !secret_backend(session, attributes)->extractable)
        rv = p11_fail(CKR_TEMPLATE_INCONSISTENT,
                      "a key in this token never leaves it: CKA_SENSITIVE is true, CKA_EXTRACTABLE is false; "
                      "only a key of the session (CKA_TOKEN false) may have it otherwise");
    return rv;
}

/* --- objects
 * ------------------------------------------------------------------------------------------------------ */

static CK_RV add_block(const struct token *token, struct object *object, const struct bytes *block,
                       struct buffer *text)
{
    struct bytes locked;
    CK_RV rv;

    if (!lock_key_wanted(token, object->key, object_attribute_bool(object, CKA_PRIVATE)))
        return soft_pem_encode(object->key->backend->pem_label, block, text);
    rv = lock_key(token, block, &object->key, &locked);
    if (rv == CKR_OK)
        rv = lock_key_encode(object->key, &locked, text);
    bytes_free(&locked);
    return rv;
}

static CK_RV store(struct session *session, struct object *object, const struct bytes *block)
{
    struct buffer text;
    CK_RV rv;

    buffer_init(&text, FILE_MAXIMUM);
    rv = keyfile_write_plain_lines(&object->attributes, &text);
    if (rv == CKR_OK)
        rv = add_block(session->token, object, block, &text);
    if (rv == CKR_OK) {
        token_lock(session->token);
        rv = objects_store(session->token, ".pem", &text, &object, 1);
        token_unlock(session->token);
    }
    buffer_free(&text);
    return rv;
}

/* An empty CKA_CHECK_VALUE says that there is to be none; any other is worked out when it is asked for. */
static CK_RV describe(struct object *object, const struct attributes *attributes)
{
    const CK_ATTRIBUTE *check = attributes_find(attributes, CKA_CHECK_VALUE);
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < attributes->count; i++)
        if (&attributes->items[i] != check || check->ulValueLen == 0)
            rv = object_add_asked(object, &attributes->items[i]);
    return rv;
}

CK_RV secret_add_block(struct session *session, const struct attributes *attributes,
                       const struct backend *backend, const struct bytes *block, CK_OBJECT_HANDLE *handle)
{
    struct object *object = NULL;
    struct key *key = NULL;
    CK_RV rv = key_load(backend, token_instance(session->token, backend), block, &key);

    if (rv != CKR_OK)
        return rv;
    object = object_new(CKO_SECRET_KEY, key);
    rv = object != NULL ? describe(object, attributes) : CKR_HOST_MEMORY;
    if (rv == CKR_OK && object_attribute_bool(object, CKA_TOKEN))
        rv = store(session, object, block);
    else if (rv == CKR_OK)
        rv = session_publish_object(session, object);
    if (rv == CKR_OK)
        *handle = object->handle;
    object_return(object);
    key_return(key);
    return rv;
}

/* --- from a plain value
 * ------------------------------------------------------------------------------------------- */

static CK_RV check_value(const struct attributes *attributes, const struct secret_type *type,
                         const struct bytes *value)
{
    const CK_ATTRIBUTE *given = attributes_find(attributes, CKA_CHECK_VALUE);
    uint8_t check[SOFT_CHECK_VALUE];
    CK_RV rv;

    if (!secret_type_has_size(type, value->size))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "a %s key cannot be of %zu bytes", type->name,
                        value->size);
    if (attributes_get_ulong(attributes, CKA_VALUE_LEN, value->size) != value->size)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "CKA_VALUE_LEN is not the size of the key, %zu bytes",
                        value->size);
    if (given == NULL || given->ulValueLen == 0)
        return CKR_OK;
    rv = soft_check_value(type->type, value, check);
    if (rv == CKR_OK && !bytes_equal(given->pValue, given->ulValueLen, check, sizeof check))
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_CHECK_VALUE is not that of this key");
    return rv;
}

static CK_RV import(struct session *session, const struct backend *backend,
                    const struct attributes *attributes, const struct bytes *value, struct bytes *block)
{
    struct attributes whole = {0};
    CK_RV rv;

    if (backend->import == NULL)
        return backend_missing(backend, "take in keys");
    rv = attributes_copy(&whole, attributes);
    if (rv == CKR_OK)
        rv = attributes_set(&whole, CKA_VALUE, value->data, value->size);
    if (rv == CKR_OK)
        rv = backend->import(token_instance(session->token, backend), &whole, block);
    attributes_free(&whole);
    return rv;
}

static CK_RV add_to(const struct backend *backend, struct session *session,
                    const struct attributes *attributes, const struct bytes *value, CK_OBJECT_HANDLE *handle)
{
    const struct secret_type *type =
        secret_type(attributes_get_ulong(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION));
    struct bytes block = BYTES_EMPTY;
    CK_RV rv;

    if (type == NULL)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "secret keys of this CKA_KEY_TYPE are not kept here");
    rv = check_value(attributes, type, value);
    if (rv == CKR_OK)
        rv = secret_may_add(session, attributes);
    if (rv == CKR_OK)
        rv = import(session, backend, attributes, value, &block);
    if (rv == CKR_OK)
        rv = secret_add_block(session, attributes, backend, &block, handle);
    bytes_free(&block);
    return rv;
}

CK_RV secret_add(struct session *session, const struct attributes *attributes, const struct bytes *value,
                 CK_OBJECT_HANDLE *handle)
{
    return add_to(secret_backend(session, attributes), session, attributes, value, handle);
}

CK_RV secret_add_derived(struct session *session, const struct attributes *attributes,
                         const struct bytes *value, CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = attributes_get_bool(attributes, CKA_TOKEN, false)
                                        ? secret_backend(session, attributes)
                                        : backend_in_software();

    return add_to(backend, session, attributes, value, handle);
}

CK_RV create_secret_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                        CK_OBJECT_HANDLE *handle)
{
    CK_KEY_TYPE type = template_get_ulong(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    struct attributes asked = {0};
    const CK_ATTRIBUTE *given;
    struct bytes value;
    CK_RV rv;

    if (type == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_KEY_TYPE");
    rv = template_check(TEMPLATE_CREATE, CKO_SECRET_KEY, type, items, count, &asked);
    if (rv == CKR_OK) {
        given = attributes_find(&asked, CKA_VALUE);
        value = (struct bytes){given->pValue, given->ulValueLen};
        rv = secret_add(session, &asked, &value, handle);
    }
    attributes_free(&asked);
    return rv;
}
