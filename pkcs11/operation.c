/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/operation.h"

#include "pkcs11/failure.h"
#include "pkcs11/parameters.h"
#include "pkcs11/session.h"
#include "pkcs11/stream.h"

#include <string.h>

#define COLLECTED_MAXIMUM 65536

static CK_RV check_key(const struct object *object, const struct mechanism *row, CK_OBJECT_CLASS object_class,
                       CK_ATTRIBUTE_TYPE usage)
{
    const CK_ATTRIBUTE *allowed = attributes_find(&object->attributes, CKA_ALLOWED_MECHANISMS);

    if (object->key == NULL) /* a valid handle, of an object that is not a key */
        return CKR_KEY_HANDLE_INVALID;
    if (object->object_class != (mechanism_is_secret(row) ? CKO_SECRET_KEY : object_class))
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT, "%s needs another class of key", row->name);
    if (!mechanism_takes(row, object->key_type))
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT, "%s does not go with this type of key", row->name);
    if (usage != ANY_USAGE && !object_attribute_bool(object, usage))
        return p11_fail(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's attributes do not permit %s", row->name);
    if (allowed == NULL)
        return CKR_OK;
    for (size_t i = 0; i < allowed->ulValueLen / sizeof(CK_MECHANISM_TYPE); i++)
        if (((const CK_MECHANISM_TYPE *)allowed->pValue)[i] == row->type)
            return CKR_OK;
    return p11_fail(CKR_MECHANISM_INVALID, "%s is not among the key's CKA_ALLOWED_MECHANISMS", row->name);
}

static CK_RV prepare(struct operation *operation, const CK_MECHANISM *mechanism)
{
    const struct object *object = operation->object;
    CK_RV rv = operation->row->parse(mechanism, operation->row, &operation->parameters);

    operation->parameters.message = object->object_class == CKO_PRIVATE_KEY &&
                                    operation->row->digest != HASH_NONE &&
                                    key_hashes(object->key, operation->row->scheme, operation->row->digest);
    if (rv == CKR_OK && operation->row->digest != HASH_NONE && !operation->parameters.message)
        rv = soft_hash_new(operation->row->digest, &operation->hash);
    return rv;
}

/* The key's own backend counts: a token serves key files of every kind. */
static bool is_served(const struct session *session, const struct object *object, const struct mechanism *row)
{
    if (object == NULL || object->key == NULL || object->key->backend == NULL)
        return token_supports(session->token, row);
    return object->key->backend->supports(object->key->instance, row);
}

static bool asks(const struct object *object)
{
    return object->object_class == CKO_PRIVATE_KEY && object_attribute_bool(object, CKA_ALWAYS_AUTHENTICATE);
}

CK_RV operation_begin(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                      CK_OBJECT_HANDLE key, CK_FLAGS flag, CK_OBJECT_CLASS object_class,
                      CK_ATTRIBUTE_TYPE usage)
{
    struct operation begun = {0};
    CK_RV rv;

    if (mechanism == NULL)
        return CKR_ARGUMENTS_BAD;
    if (operation->row != NULL)
        return CKR_OPERATION_ACTIVE;
    begun.token = session->token;
    begun.row = mechanism_row(mechanism->mechanism);
    begun.object = begun.row != NULL ? token_find_object(session->token, key) : NULL;
    buffer_init(&begun.data,
                begun.row != NULL && (begun.row->scheme == SCHEME_GCM || begun.row->digest != HASH_NONE)
                    ? STREAM_COLLECTED_MAXIMUM
                    : COLLECTED_MAXIMUM);
    if (begun.row == NULL || (begun.row->flags & flag) == 0 || !is_served(session, begun.object, begun.row))
        rv = p11_fail(CKR_MECHANISM_INVALID, "mechanism 0x%lx is not offered for this operation",
                      mechanism->mechanism);
    else if (begun.object == NULL)
        rv = CKR_KEY_HANDLE_INVALID;
    else if (!session_sees(session, begun.object))
        rv = session_may_own(session, true);
    else
        rv = check_key(begun.object, begun.row, object_class, usage);
    if (rv == CKR_OK)
        rv = prepare(&begun, mechanism);
    if (rv == CKR_OK)
        begun.asks = asks(begun.object);
    if (rv != CKR_OK)
        operation_end(&begun);
    else
        *operation = begun; /* transferred */
    return rv;
}

CK_RV operation_begin_stream(struct operation *operation, enum p11_scheme scheme, bool encrypt)
{
    const struct key *key = operation->object->key;

    if (key->backend->stream_begin == NULL)
        return backend_missing(key->backend, "encrypt or decrypt with secret keys");
    return key->backend->stream_begin(key->instance, key->material, scheme, &operation->parameters, encrypt,
                                      &operation->stream);
}

/* The parts of a message for a MAC go to the backend as they come, if it takes them so. */
static CK_RV feed_mac(struct operation *operation, const void *data, size_t size)
{
    CK_RV rv = operation_may_use_key(operation);

    if (rv == CKR_OK && operation->stream == NULL)
        rv = operation_begin_stream(operation, operation->row->scheme, true);
    return rv == CKR_OK ? operation->object->key->backend->stream_update(operation->stream, data, size, NULL)
                        : rv;
}

static bool is_mac(const struct operation *operation)
{
    return operation->row->scheme == SCHEME_HMAC || operation->row->scheme == SCHEME_CMAC;
}

CK_RV operation_update(struct operation *operation, const void *data, size_t size)
{
    if (!caller_has_data(data, size))
        return CKR_ARGUMENTS_BAD;
    if (operation->hash != NULL)
        return soft_hash_update(operation->hash, data, size);
    if (is_mac(operation) && operation->object->key->backend->stream_begin != NULL)
        return feed_mac(operation, data, size);
    return buffer_add(&operation->data, data, size)
               ? CKR_OK
               : p11_fail(CKR_DATA_LEN_RANGE, "%s takes a digest or a short block, not %zu bytes and more",
                          operation->row->name, operation->data.size);
}

CK_RV operation_may_use_key(const struct operation *operation)
{
    if (object_attribute_bool(operation->object, CKA_PRIVATE) && !token_is_open(operation->token))
        return p11_fail(CKR_USER_NOT_LOGGED_IN, "the user logged out while the operation was under way");
    if (operation->asks && !operation->authenticated)
        return p11_fail(CKR_USER_NOT_LOGGED_IN, "the key has CKA_ALWAYS_AUTHENTICATE: each use needs a "
                                                "C_Login with CKU_CONTEXT_SPECIFIC after its Init");
    return CKR_OK;
}

CK_RV operation_in_one_step(const struct object *key)
{
    return asks(key) ? p11_fail(CKR_USER_NOT_LOGGED_IN,
                                "the key has CKA_ALWAYS_AUTHENTICATE and can only be used by operations that "
                                "have an Init, to log in after")
                     : CKR_OK;
}

CK_RV operation_input(struct operation *operation, const void *data, size_t data_size,
                      uint8_t digest[HASH_SIZE_MAXIMUM], const uint8_t **input, size_t *size)
{
    CK_RV rv = CKR_OK;

    *input = data != NULL ? data : (const void *)"";
    *size = data_size;
    if (operation->hash == NULL && operation->data.size == 0)
        return CKR_OK;
    rv = operation_update(operation, data, data_size);
    if (rv == CKR_OK && operation->hash != NULL)
        rv = soft_hash_final(operation->hash, digest);
    *input = operation->hash != NULL ? digest : (const uint8_t *)buffer_text(&operation->data);
    *size = operation->hash != NULL ? soft_hash_size(operation->row->digest) : operation->data.size;
    return rv;
}

size_t operation_signature_size(const struct operation *operation)
{
    return is_mac(operation) ? operation->parameters.mac_size
                             : public_key_signature_size(&operation->object->key->public);
}

CK_RV operation_sign(struct operation *operation, const void *data, size_t data_size, uint8_t *signature,
                     size_t size)
{
    const struct key *key = operation->object->key;
    uint8_t digest[HASH_SIZE_MAXIMUM];
    const uint8_t *input;
    size_t input_size;
    CK_RV rv = operation_may_use_key(operation);

    if (rv == CKR_OK && operation->stream != NULL) {
        rv = operation_update(operation, data, data_size);
        return rv == CKR_OK ? key->backend->stream_final(operation->stream, signature, size) : rv;
    }
    if (rv == CKR_OK && key->backend->sign == NULL)
        rv = backend_missing(key->backend, "sign");
    if (rv == CKR_OK)
        rv = operation_input(operation, data, data_size, digest, &input, &input_size);
    if (rv == CKR_OK)
        rv = key->backend->sign(key->instance, key->material, operation->row->scheme, &operation->parameters,
                                input, input_size, signature, size);
    return rv;
}

bool operation_has_room(size_t needed, const void *out, CK_ULONG *size, CK_RV *rv)
{
    CK_ULONG room = *size;

    *size = needed;
    *rv = out != NULL && room < needed ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return out != NULL && room >= needed;
}

void operation_end(struct operation *operation)
{
    if (operation->stream != NULL)
        operation->object->key->backend->stream_end(operation->stream);
    object_return(operation->object);
    if (operation->hash != NULL)
        soft_hash_free(operation->hash);
    buffer_free(&operation->data);
    parameters_free(&operation->parameters);
    bytes_wipe(operation->held, sizeof operation->held);
    *operation = (struct operation){0};
}
