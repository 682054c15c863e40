/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/wrap.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/nested.h"
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/soft/keywrap.h"
#include "pkcs11/stream.h"

#include <string.h>

/* --- the key that wraps
 * -------------------------------------------------------------------------------------- */

/* Its class and what permits it, by scheme. */
static const struct wrapper {
    enum p11_scheme scheme;
    CK_OBJECT_CLASS wraps;
    CK_ATTRIBUTE_TYPE wrap_usage;
    CK_OBJECT_CLASS unwraps;
    CK_ATTRIBUTE_TYPE unwrap_usage;
} wrappers[] = {
    {SCHEME_PKCS1,        CKO_PUBLIC_KEY, CKA_WRAP, CKO_PRIVATE_KEY, CKA_UNWRAP},
    {SCHEME_OAEP,         CKO_PUBLIC_KEY, CKA_WRAP, CKO_PRIVATE_KEY, CKA_UNWRAP},
    {SCHEME_KEY_WRAP,     CKO_SECRET_KEY, CKA_WRAP, CKO_SECRET_KEY,  CKA_UNWRAP},
    {SCHEME_KEY_WRAP_PAD, CKO_SECRET_KEY, CKA_WRAP, CKO_SECRET_KEY,  CKA_UNWRAP},
    {SCHEME_CBC,          CKO_SECRET_KEY, CKA_WRAP, CKO_SECRET_KEY,  CKA_UNWRAP},
    {SCHEME_CBC_PAD,      CKO_SECRET_KEY, CKA_WRAP, CKO_SECRET_KEY,  CKA_UNWRAP},
    {SCHEME_CREDENTIAL,   CKO_PUBLIC_KEY, CKA_WRAP, CKO_PUBLIC_KEY,
     ANY_USAGE                                                                 }, /* the endorsement key is shown so */
};

/* The codes that PKCS#11 2.40, 5.13 has for it. */
static const struct {
    CK_RV general;
    CK_RV wrapping;
    CK_RV unwrapping;
} codes[] = {
    {CKR_KEY_HANDLE_INVALID,    CKR_WRAPPING_KEY_HANDLE_INVALID,    CKR_UNWRAPPING_KEY_HANDLE_INVALID   },
    {CKR_KEY_TYPE_INCONSISTENT, CKR_WRAPPING_KEY_TYPE_INCONSISTENT, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
    {CKR_KEY_SIZE_RANGE,        CKR_WRAPPING_KEY_SIZE_RANGE,        CKR_UNWRAPPING_KEY_SIZE_RANGE       },
};

static CK_RV code_of(CK_RV rv, CK_FLAGS flag)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].general == rv)
            return flag == CKF_WRAP ? codes[i].wrapping : codes[i].unwrapping;
    return rv;
}

CK_RV wrap_begin(struct session *session, struct operation *operation, const CK_MECHANISM *mechanism,
                 CK_OBJECT_HANDLE key, CK_FLAGS flag)
{
    const struct mechanism *row = mechanism_row(mechanism->mechanism);
    struct wrapper wrapper = wrappers[0];
    CK_RV rv;

    for (size_t i = 0; row != NULL && i < sizeof wrappers / sizeof wrappers[0]; i++)
        if (wrappers[i].scheme == row->scheme)
            wrapper = wrappers[i];
    rv = operation_begin(session, operation, mechanism, key, flag,
                         flag == CKF_WRAP ? wrapper.wraps : wrapper.unwraps,
                         flag == CKF_WRAP ? wrapper.wrap_usage : wrapper.unwrap_usage);
    if (rv == CKR_OK && wrap_is_cbc(row) && operation->object->key->backend->plain == NULL)
        rv = p11_fail(CKR_MECHANISM_INVALID, "%s encrypts with a key of this backend, but wraps no keys",
                      row->name);
    if (rv == CKR_OK)
        rv = operation_may_use_key(operation);
    return code_of(rv, flag);
}

CK_RV wrap_plain(const struct key *key, struct bytes *plain)
{
    if (key->backend == NULL || key->backend->plain == NULL)
        return p11_fail(CKR_FUNCTION_NOT_SUPPORTED, "a key of this backend does not leave it");
    return key->backend->plain(key->instance, key->material, plain);
}

bool wrap_is_cbc(const struct mechanism *row)
{
    return row->scheme == SCHEME_CBC || row->scheme == SCHEME_CBC_PAD;
}

CK_RV wrap_by_cbc(struct operation *operation, bool encrypt, const struct bytes *input, struct bytes *out)
{
    struct call call = {.input = input->data, .input_size = input->size};
    CK_ULONG size = input->size + OPERATION_BLOCK;
    CK_RV rv;

    *out = BYTES_EMPTY;
    if (!bytes_alloc(out, size))
        return CKR_HOST_MEMORY;
    call.out = out->data;
    call.size = &size;
    rv = stream_once(operation, &call, encrypt);
    if (rv != CKR_OK) {
        bytes_free(out);
        return rv;
    }
    bytes_wipe(out->data + size, out->size - size);
    out->size = size;
    return CKR_OK;
}

/* --- the key that is wrapped
 * ---------------------------------------------------------------------------------------- */

static CK_RV refuse(const char *why)
{
    return p11_fail(CKR_KEY_NOT_WRAPPABLE, "the key cannot be wrapped so: %s", why);
}

/* PKCS#11 2.40, 5.13 (C_WrapKey) and 4.9. `trusted`: what the wrapping key is. */
static CK_RV may_be_wrapped(const struct object *target, const struct mechanism *row, bool trusted)
{
    if (target->object_class != CKO_SECRET_KEY && target->object_class != CKO_PRIVATE_KEY)
        return target->key == NULL ? CKR_KEY_HANDLE_INVALID : refuse("it is a public key");
    if (row->key_type == CKK_RSA && target->object_class != CKO_SECRET_KEY)
        return refuse("RSA wraps secret keys only");
    if (row->scheme == SCHEME_CBC && target->object_class != CKO_SECRET_KEY)
        return refuse("CKM_AES_CBC wraps secret keys only; CKM_AES_CBC_PAD wraps private ones too");
    if (!object_attribute_bool(target, CKA_EXTRACTABLE))
        return p11_fail(CKR_KEY_UNEXTRACTABLE, "the key has CKA_EXTRACTABLE false");
    if (target->key->backend != NULL && !target->key->backend->extractable)
        return p11_fail(CKR_KEY_UNEXTRACTABLE, "a key in a TPM never leaves it, whatever its file says");
    if (object_attribute_bool(target, CKA_WRAP_WITH_TRUSTED) && !trusted)
        return refuse("it has CKA_WRAP_WITH_TRUSTED, and the wrapping key has not CKA_TRUSTED");
    return CKR_OK;
}

static CK_RV seal_by_cbc(struct operation *operation, const struct bytes *plain, struct bytes *wrapped)
{
    bool pads = operation->row->scheme == SCHEME_CBC_PAD; /* else zeros, to the end of a block */
    size_t rest = pads ? 0 : (0 - plain->size) % OPERATION_BLOCK;
    struct bytes filled;
    CK_RV rv;

    *wrapped = BYTES_EMPTY;
    if (!bytes_alloc(&filled, plain->size + rest))
        return CKR_HOST_MEMORY;
    memcpy(filled.data, plain->data, plain->size);
    memset(filled.data + plain->size, 0, rest);
    rv = wrap_by_cbc(operation, true, &filled, wrapped);
    bytes_free(&filled);
    return rv;
}

static CK_RV seal(struct operation *operation, const struct bytes *plain, struct bytes *wrapped)
{
    const struct key *key = operation->object->key;
    bool padded = operation->row->scheme == SCHEME_KEY_WRAP_PAD;
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv;

    if (operation->row->key_type == CKK_RSA) {
        rv = soft_encrypt(&key->public, operation->row->scheme, &operation->parameters, plain->data,
                          plain->size, wrapped);
        return rv == CKR_DATA_LEN_RANGE ? CKR_KEY_SIZE_RANGE : rv;
    }
    if (wrap_is_cbc(operation->row))
        return seal_by_cbc(operation, plain, wrapped);
    rv = wrap_plain(key, &secret);
    if (rv == CKR_OK)
        rv = soft_key_wrap(padded, &secret, &operation->parameters.iv, plain, wrapped);
    bytes_free(&secret);
    return rv;
}

static CK_RV wrap_target(struct operation *operation, const struct object *target, struct bytes *wrapped)
{
    struct bytes plain = BYTES_EMPTY;
    bool matches = false;
    CK_RV rv = may_be_wrapped(target, operation->row, object_attribute_bool(operation->object, CKA_TRUSTED));

    if (rv == CKR_OK)
        rv = nested_match(operation->object, CKA_WRAP_TEMPLATE, target, &matches);
    if (rv == CKR_OK && !matches)
        rv = refuse("it is not as the wrapping key's CKA_WRAP_TEMPLATE wants it");
    if (rv == CKR_OK)
        rv = operation_in_one_step(target);
    if (rv == CKR_OK)
        rv = wrap_plain(target->key, &plain);
    if (rv == CKR_OK)
        rv = seal(operation, &plain, wrapped);
    bytes_free(&plain);
    return rv;
}

static CK_RV find_target(struct session *session, CK_OBJECT_HANDLE handle, struct object **target)
{
    CK_RV rv = session_find_object(session, handle, target);

    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV wrap_with_key(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping,
                           CK_OBJECT_HANDLE handle, struct bytes *wrapped)
{
    struct operation operation = {0};
    struct object *target = NULL;
    CK_RV rv = wrap_begin(session, &operation, mechanism, wrapping, CKF_WRAP);

    if (rv == CKR_OK)
        rv = find_target(session, handle, &target);
    if (rv == CKR_OK)
        rv = wrap_target(&operation, target, wrapped);
    object_return(target);
    operation_end(&operation);
    return rv;
}

/* CKM_DEVID_TSS2_KEY: what the key's file holds, which its TPM has encrypted already. */
static CK_RV wrap_as_file(struct session *session, const CK_MECHANISM *mechanism, const struct mechanism *row,
                          CK_OBJECT_HANDLE handle, struct bytes *wrapped)
{
    struct p11_parameters none = {0};
    struct object *target = NULL;
    CK_RV rv = row->parse(mechanism, row, &none);

    if (rv == CKR_OK)
        rv = find_target(session, handle, &target);
    if (rv == CKR_OK && target->object_class != CKO_PRIVATE_KEY && target->object_class != CKO_SECRET_KEY)
        rv = target->key == NULL ? CKR_KEY_HANDLE_INVALID : refuse("it is a public key");
    if (rv == CKR_OK)
        rv = object_attribute(target, CKA_DEVID_TSS2_KEY, wrapped);
    if (rv == CKR_ATTRIBUTE_TYPE_INVALID)
        rv = refuse("it is not in a TPM");
    object_return(target);
    return rv;
}

static CK_RV wrap(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping,
                  CK_OBJECT_HANDLE handle, struct bytes *wrapped)
{
    const struct mechanism *row = mechanism_row(mechanism->mechanism);

    return row != NULL && row->scheme == SCHEME_TSS2_KEY
               ? wrap_as_file(session, mechanism, row, handle, wrapped)
               : wrap_with_key(session, mechanism, wrapping, handle, wrapped);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping,
                CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *size)
{
    struct bytes wrapped = BYTES_EMPTY;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || size == NULL)
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = wrap(session, mechanism, wrapping, key, &wrapped);
    if (rv == CKR_OK && operation_has_room(wrapped.size, out, size, &rv))
        memcpy(out, wrapped.data, wrapped.size);
    bytes_free(&wrapped);
    return session_leave(session, rv);
}
