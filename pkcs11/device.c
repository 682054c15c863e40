/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/device.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/objecttext.h"
#include "pkcs11/session.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 64
#define FILE_MAXIMUM (256 * 1024)

/* They belong to the device: who wants them away removes the files. */
static CK_RV set_common(struct object *object, const char *label)
{
    CK_RV rv = attributes_set(&object->attributes, CKA_LABEL, label, strlen(label));

    if (rv == CKR_OK)
        rv = attributes_set_bool(&object->attributes, CKA_MODIFIABLE, false);
    if (rv == CKR_OK)
        rv = attributes_set_bool(&object->attributes, CKA_DESTROYABLE, false);
    return rv;
}

static CK_RV make_key(const struct device_object *from, struct object **out)
{
    struct public_key public;
    struct key *key;
    CK_RV rv = public_key_copy(&public, from->public);

    *out = NULL;
    if (rv != CKR_OK)
        return rv;
    key = key_new_public(&public); /* transferred */
    if (key != NULL)
        *out = object_new(CKO_PUBLIC_KEY, key);
    key_return(key);
    if (*out == NULL)
        return CKR_HOST_MEMORY;
    rv = set_common(*out, from->label);
    if (rv == CKR_OK)
        rv = attributes_set_bool(&(*out)->attributes, CKA_VERIFY, false); /* it signs nothing */
    if (rv == CKR_OK)
        rv = attributes_set(&(*out)->attributes, CKA_DEVID_TPM2B_PUBLIC, from->area.data, from->area.size);
    if (rv == CKR_OK && from->handle != 0)
        rv = attributes_set_ulong(&(*out)->attributes, CKA_DEVID_PERSISTENT, from->handle);
    return rv;
}

static CK_RV make_certificate(const struct device_object *from, size_t place, struct object **out)
{
    const struct bytes *der = &from->certificates[place];
    CK_RV rv;

    *out = object_new(CKO_CERTIFICATE, NULL);
    if (*out == NULL)
        return CKR_HOST_MEMORY;
    rv = set_common(*out, from->label);
    return rv == CKR_OK ? attributes_set(&(*out)->attributes, CKA_VALUE, der->data, der->size) : rv;
}

static CK_RV add_text(const struct token *token, const struct object *object, struct buffer *text,
                      const char **suffix)
{
    struct buffer one;
    CK_RV rv = objecttext_write(token, object, &one, suffix);

    if (rv == CKR_OK && !buffer_add(text, one.data, one.size))
        rv = CKR_HOST_MEMORY;
    buffer_free(&one);
    return rv;
}

static CK_RV write_text(const struct token *token, const struct device_object *from, struct buffer *text,
                        const char **suffix)
{
    size_t count = from->public != NULL ? 1 : from->certificate_count;
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < count; i++) {
        struct object *object;

        rv = from->public != NULL ? make_key(from, &object) : make_certificate(from, i, &object);
        if (rv == CKR_OK)
            rv = add_text(token, object, text, suffix);
        object_return(object);
    }
    return rv;
}

/* A device_object_sink. */
static CK_RV write_file(void *data, const struct device_object *from)
{
    struct token *token = data;
    const char *suffix = "";
    char name[NAME_SIZE];
    struct buffer text;
    CK_RV rv;

    buffer_init(&text, FILE_MAXIMUM);
    rv = write_text(token, from, &text, &suffix);
    if (rv == CKR_OK && snprintf(name, sizeof name, "%s%s", from->name, suffix) >= (int)sizeof name)
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK) {
        token_lock(token);
        rv = store_replace(&token->store, name, text.data, text.size);
        token_unlock(token);
    }
    buffer_free(&text);
    return rv;
}

CK_RV device_objects_write(struct token *token, bool persist)
{
    const struct backend *backend = token->backend;

    if (backend->device_objects == NULL)
        return CKR_OK;
    return backend->device_objects(token_instance(token, backend), persist, write_file, token);
}

CK_RV device_setup(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if ((flags & ~DEVID_SETUP_PERSIST) != 0)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = session_may_write(session, true);
    if (rv == CKR_OK && session->token->backend->device_objects == NULL)
        rv = backend_missing(session->token->backend, "show objects of a device");
    if (rv == CKR_OK)
        rv = device_objects_write(session->token, (flags & DEVID_SETUP_PERSIST) != 0);
    return session_leave(session, rv);
}

CK_RV device_read_index(CK_SESSION_HANDLE handle, CK_ULONG index, CK_BYTE *out, CK_ULONG *size)
{
    const struct backend *backend = backend_by_name("tpm");
    struct bytes content = BYTES_EMPTY;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (size == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = backend->read_index(token_instance(session->token, backend), index, &content);
    if (rv == CKR_OK && out != NULL && *size < content.size)
        rv = CKR_BUFFER_TOO_SMALL;
    if (rv == CKR_OK && out != NULL && content.size != 0)
        memcpy(out, content.data, content.size);
    if (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL)
        *size = content.size;
    bytes_free(&content);
    return session_leave(session, rv);
}
