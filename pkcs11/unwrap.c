/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/import.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/nested.h"
#include "pkcs11/secret.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/soft/keywrap.h"
#include "pkcs11/soft/plain.h"
#include "pkcs11/template.h"
#include "pkcs11/wrap.h"

#include <string.h>

#define WRAPPED_MAXIMUM 65536
#define PERSISTENT 0x81 /* how handles of keys that stay in a TPM begin */

/* A key to unwrap: what the caller says of it. */
struct unwrapping {
    struct session *session;
    const struct object *by; /* the unwrapping key; NULL: there is none */
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE type;
    struct attributes asked;
    struct bytes wrapped; /* a view */
};

static CK_RV broken(const char *why)
{
    return p11_fail(CKR_WRAPPED_KEY_INVALID, "this is no wrapped key of the template's kind: %s", why);
}

/* --- the template
 * --------------------------------------------------------------------------------------------- */

static CK_RV check_kind(const struct unwrapping *unwrapping)
{
    if (unwrapping->object_class == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_CLASS");
    if (unwrapping->type == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_KEY_TYPE");
    if (unwrapping->object_class != CKO_SECRET_KEY && unwrapping->object_class != CKO_PRIVATE_KEY)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "only secret and private keys are unwrapped");
    if ((secret_type(unwrapping->type) != NULL) != (unwrapping->object_class == CKO_SECRET_KEY))
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "keys of type 0x%lx are of another class",
                        unwrapping->type);
    return CKR_OK;
}

/* PKCS#11 2.40, 5.13: an unwrapped key may leave where nothing else is said, as it has been outside. */
static CK_RV set_defaults(struct unwrapping *unwrapping, bool extractable)
{
    struct attributes *asked = &unwrapping->asked;
    CK_RV rv = attributes_set_ulong(asked, CKA_CLASS, unwrapping->object_class);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(asked, CKA_KEY_TYPE, unwrapping->type);
    if (rv == CKR_OK && attributes_find(asked, CKA_EXTRACTABLE) == NULL)
        rv = attributes_set_bool(asked, CKA_EXTRACTABLE, extractable);
    return rv;
}

/* A key that the device holds, or that is encrypted for it, does not become an open one. */
static CK_RV check_closed(const struct attributes *asked)
{
    if (attributes_get_bool(asked, CKA_SENSITIVE, true) &&
        !attributes_get_bool(asked, CKA_EXTRACTABLE, false))
        return CKR_OK;
    return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                    "a key of a TPM never leaves it: CKA_SENSITIVE is true, CKA_EXTRACTABLE is false");
}

/* Class and type are known; with them the rest of the template, and whether the session may do it. */
static CK_RV read_template(struct unwrapping *unwrapping, const CK_ATTRIBUTE *items, CK_ULONG count,
                           bool closed)
{
    const struct backend *backend = unwrapping->session->token->backend;
    CK_RV rv = check_kind(unwrapping);

    if (rv == CKR_OK)
        rv = nested_apply(unwrapping->by, CKA_UNWRAP_TEMPLATE, TEMPLATE_UNWRAP, unwrapping->object_class,
                          unwrapping->type, &unwrapping->asked);
    if (rv == CKR_OK)
        rv = template_check(TEMPLATE_UNWRAP, unwrapping->object_class, unwrapping->type, items, count,
                            &unwrapping->asked);
    if (rv == CKR_OK)
        rv = set_defaults(unwrapping, !closed && backend->extractable);
    if (rv == CKR_OK && closed)
        rv = check_closed(&unwrapping->asked);
    if (rv == CKR_OK)
        rv = unwrapping->object_class == CKO_SECRET_KEY
                 ? secret_may_add(unwrapping->session, &unwrapping->asked)
                 : import_may_add(unwrapping->session, &unwrapping->asked);
    return rv;
}

/* --- what was wrapped
 * ----------------------------------------------------------------------------------------- */

/* With PKCS#1 v1.5 a broken padding is some bytes of some length, and the length is all that is looked at:
 * there is no telling it from a whole one with another key in it. */
static CK_RV open_rsa(const struct operation *operation, const struct bytes *wrapped, struct bytes *plain)
{
    const struct key *key = operation->object->key;
    CK_RV rv;

    if (key->backend->decrypt == NULL)
        return backend_missing(key->backend, "unwrap keys");
    if (wrapped->size != key->public.modulus.size)
        return p11_fail(CKR_WRAPPED_KEY_LEN_RANGE, "the key unwraps %zu bytes, not %zu bytes",
                        key->public.modulus.size, wrapped->size);
    rv = key->backend->decrypt(key->instance, key->material, operation->row->scheme, &operation->parameters,
                               wrapped->data, wrapped->size, plain);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_WRAPPED_KEY_INVALID : rv;
}

static CK_RV open_key_wrap(const struct operation *operation, const struct bytes *wrapped,
                           struct bytes *plain)
{
    bool padded = operation->row->scheme == SCHEME_KEY_WRAP_PAD;
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv = wrap_plain(operation->object->key, &secret);

    if (rv == CKR_OK)
        rv = soft_key_unwrap(padded, &secret, &operation->parameters.iv, wrapped, plain);
    bytes_free(&secret);
    return rv;
}

/* Whatever is wrong with what comes out, the padding or the key, has one code. */
static CK_RV open_cbc(struct operation *operation, const struct bytes *wrapped, struct bytes *plain)
{
    CK_RV rv;

    *plain = BYTES_EMPTY;
    if (wrapped->size == 0 || wrapped->size % OPERATION_BLOCK != 0)
        return p11_fail(CKR_WRAPPED_KEY_LEN_RANGE, "%s unwraps whole blocks of %d bytes, not %zu bytes",
                        operation->row->name, OPERATION_BLOCK, wrapped->size);
    rv = wrap_by_cbc(operation, false, wrapped, plain);
    return rv == CKR_ENCRYPTED_DATA_INVALID ? broken("its padding is wrong") : rv;
}

/* PKCS#11 2.40 current mechanisms, 2.8.4: CKA_VALUE_LEN says where the key ends and the zeros begin. */
static CK_RV cut_zeros(const struct unwrapping *unwrapping, struct bytes *plain)
{
    size_t size = attributes_get_ulong(&unwrapping->asked, CKA_VALUE_LEN, plain->size);

    if (size > plain->size || plain->size - size >= OPERATION_BLOCK)
        return broken("its length is wrong");
    for (size_t i = size; i < plain->size; i++)
        if (plain->data[i] != 0)
            return broken("what stands behind the key is not zero");
    plain->size = size;
    return CKR_OK;
}

static CK_RV add_secret(struct unwrapping *unwrapping, const struct bytes *value, CK_OBJECT_HANDLE *handle)
{
    size_t wanted = attributes_get_ulong(&unwrapping->asked, CKA_VALUE_LEN, value->size);

    if (!secret_type_has_size(secret_type(unwrapping->type), value->size) || wanted != value->size)
        return broken("its length is wrong");
    return secret_add(unwrapping->session, &unwrapping->asked, value, handle);
}

/* Numbers that are no key are the wrapped key's fault, not the template's. */
static bool is_about_numbers(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT ||
           rv == CKR_TEMPLATE_INCOMPLETE;
}

static CK_RV add_private(struct unwrapping *unwrapping, const struct bytes *info, CK_OBJECT_HANDLE *handle)
{
    struct attributes numbers = {0};
    CK_RV rv = soft_plain_attributes(info, &numbers);

    if (rv == CKR_DATA_INVALID)
        rv = CKR_WRAPPED_KEY_INVALID;
    if (rv == CKR_OK && attributes_get_ulong(&numbers, CKA_KEY_TYPE, 0) != unwrapping->type)
        rv = p11_fail(CKR_TEMPLATE_INCONSISTENT, "the wrapped key is of another CKA_KEY_TYPE");
    if (rv == CKR_OK)
        rv = attributes_copy(&unwrapping->asked, &numbers);
    attributes_free(&numbers);
    if (rv != CKR_OK)
        return rv;
    rv = import_add(unwrapping->session, &unwrapping->asked, handle);
    return is_about_numbers(rv) ? CKR_WRAPPED_KEY_INVALID : rv;
}

static CK_RV add_plain(struct unwrapping *unwrapping, const struct bytes *plain, CK_OBJECT_HANDLE *handle)
{
    return unwrapping->object_class == CKO_SECRET_KEY ? add_secret(unwrapping, plain, handle)
                                                      : add_private(unwrapping, plain, handle);
}

static CK_RV open_wrapped(struct operation *operation, const struct bytes *wrapped, struct bytes *plain)
{
    if (operation->row->key_type == CKK_RSA)
        return open_rsa(operation, wrapped, plain);
    return wrap_is_cbc(operation->row) ? open_cbc(operation, wrapped, plain)
                                       : open_key_wrap(operation, wrapped, plain);
}

static CK_RV unwrap_in_software(struct unwrapping *unwrapping, struct operation *operation,
                                CK_OBJECT_HANDLE *handle)
{
    bool zeros = operation->row->scheme == SCHEME_CBC;
    struct bytes plain = BYTES_EMPTY;
    CK_RV rv = CKR_OK;

    if (zeros && unwrapping->object_class != CKO_SECRET_KEY)
        rv = p11_fail(CKR_TEMPLATE_INCONSISTENT, "%s unwraps secret keys", operation->row->name);
    if (rv == CKR_OK)
        rv = open_wrapped(operation, &unwrapping->wrapped, &plain);
    if (rv == CKR_OK && zeros)
        rv = cut_zeros(unwrapping, &plain);
    if (rv == CKR_OK)
        rv = add_plain(unwrapping, &plain, handle);
    bytes_free(&plain);
    return rv;
}

/* --- keys that the backend unwraps
 * ---------------------------------------------------------------------------- */

/* The storage root key, which must be of the same TPM as the endorsement key. */
static CK_RV find_parent(struct session *session, struct operation *operation, struct object **parent)
{
    const struct key *key = operation->object->key;
    CK_RV rv = session_find_object(session, operation->parameters.object, parent);

    if (rv != CKR_OK || (*parent)->key == NULL || (*parent)->key->backend != key->backend ||
        (*parent)->key->instance != key->instance)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the parameter names no storage root key",
                        operation->row->name);
    operation->parameters.parent = (*parent)->key->material;
    return CKR_OK;
}

static CK_RV unwrap_by_backend(struct unwrapping *unwrapping, struct operation *operation,
                               CK_OBJECT_HANDLE *handle)
{
    const struct key *key = operation->object->key;
    struct object *parent = NULL;
    struct bytes block = BYTES_EMPTY;
    CK_RV rv;

    if (key->backend == NULL || key->backend->unwrap == NULL)
        return p11_fail(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "%s needs a TPM's endorsement key",
                        operation->row->name);
    rv = find_parent(unwrapping->session, operation, &parent);
    if (rv == CKR_OK)
        rv = key->backend->unwrap(key->instance, key->material, operation->row, &operation->parameters,
                                  &unwrapping->wrapped, &block);
    if (rv == CKR_OK)
        rv = secret_add_block(unwrapping->session, &unwrapping->asked, key->backend, &block, handle);
    bytes_free(&block);
    object_return(parent);
    return rv;
}

/* What the caller's template leaves out, the key's CKA_UNWRAP_TEMPLATE may say. */
static void ask_key(struct unwrapping *unwrapping, const struct object *key)
{
    unwrapping->by = key;
    if (unwrapping->object_class == CK_UNAVAILABLE_INFORMATION)
        unwrapping->object_class =
            nested_get_ulong(key, CKA_UNWRAP_TEMPLATE, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    if (unwrapping->type == CK_UNAVAILABLE_INFORMATION)
        unwrapping->type =
            nested_get_ulong(key, CKA_UNWRAP_TEMPLATE, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
}

static CK_RV unwrap_with_key(struct unwrapping *unwrapping, const CK_MECHANISM *mechanism,
                             CK_OBJECT_HANDLE key, const CK_ATTRIBUTE *items, CK_ULONG count,
                             CK_OBJECT_HANDLE *handle)
{
    struct operation operation = {0};
    CK_RV rv = wrap_begin(unwrapping->session, &operation, mechanism, key, CKF_UNWRAP);
    bool credential = rv == CKR_OK && operation.row->scheme == SCHEME_CREDENTIAL;

    if (rv == CKR_OK)
        ask_key(unwrapping, operation.object);
    if (rv == CKR_OK)
        rv = read_template(unwrapping, items, count, credential);
    if (rv == CKR_OK && credential && unwrapping->object_class != CKO_SECRET_KEY)
        rv = p11_fail(CKR_TEMPLATE_INCONSISTENT, "%s makes secret keys", operation.row->name);
    if (rv == CKR_OK)
        rv = credential ? unwrap_by_backend(unwrapping, &operation, handle)
                        : unwrap_in_software(unwrapping, &operation, handle);
    operation_end(&operation);
    return rv;
}

/* --- keys as they stand in a file
 * ------------------------------------------------------------------------------ */

#define TSS2_KEY_PEM "TSS2 PRIVATE KEY"

/* The key itself says what it is; a template that says so too must say the same. */
static CK_RV fill_kind(struct unwrapping *unwrapping, const struct key *key)
{
    CK_OBJECT_CLASS object_class = public_key_is_secret(&key->public) ? CKO_SECRET_KEY : CKO_PRIVATE_KEY;

    if (unwrapping->object_class == CK_UNAVAILABLE_INFORMATION)
        unwrapping->object_class = object_class;
    if (unwrapping->type == CK_UNAVAILABLE_INFORMATION)
        unwrapping->type = key->public.type;
    return unwrapping->object_class == object_class && unwrapping->type == key->public.type
               ? CKR_OK
               : p11_fail(CKR_TEMPLATE_INCONSISTENT, "the key is of another CKA_CLASS or CKA_KEY_TYPE");
}

/* A place in the device stands for the key there; DER begins otherwise. *block is the caller's. */
static CK_RV find_in_device(struct unwrapping *unwrapping, const struct backend *backend, void *instance,
                            struct bytes *block)
{
    *block = BYTES_EMPTY;
    if (unwrapping->wrapped.size == 0 || unwrapping->wrapped.data[0] != PERSISTENT)
        return CKR_OK;
    return backend->find(instance, &unwrapping->wrapped, block);
}

static CK_RV unwrap_file(struct unwrapping *unwrapping, const CK_MECHANISM *mechanism,
                         const struct mechanism *row, const CK_ATTRIBUTE *items, CK_ULONG count,
                         CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = backend_by_pem_label(TSS2_KEY_PEM, strlen(TSS2_KEY_PEM));
    struct session *session = unwrapping->session;
    void *instance = token_instance(session->token, backend);
    struct bytes found = BYTES_EMPTY;
    struct p11_parameters none = {0};
    struct key *key = NULL;
    CK_RV rv = row->parse(mechanism, row, &none);

    if (rv == CKR_OK)
        rv = find_in_device(unwrapping, backend, instance, &found);
    if (rv == CKR_OK && found.size != 0)
        unwrapping->wrapped = found; /* a view */
    if (rv == CKR_OK)
        rv = key_load(backend, instance, &unwrapping->wrapped, &key);
    if (rv == CKR_DATA_INVALID)
        rv = broken("it is not the DER of a TSS2 PRIVATE KEY");
    if (rv == CKR_OK)
        rv = fill_kind(unwrapping, key);
    if (rv == CKR_OK)
        rv = read_template(unwrapping, items, count, true);
    if (rv == CKR_OK)
        rv = unwrapping->object_class == CKO_SECRET_KEY
                 ? secret_add_block(session, &unwrapping->asked, backend, &unwrapping->wrapped, handle)
                 : import_add_block(session, &unwrapping->asked, backend, &unwrapping->wrapped, handle);
    bytes_free(&found);
    key_return(key);
    return rv;
}

/* --- C_UnwrapKey
 * --------------------------------------------------------------------------------------------- */

static CK_RV unwrap(struct unwrapping *unwrapping, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                    const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
    const struct mechanism *row = mechanism_row(mechanism->mechanism);

    unwrapping->object_class = template_get_ulong(items, count, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    unwrapping->type = template_get_ulong(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    return row != NULL && row->scheme == SCHEME_TSS2_KEY
               ? unwrap_file(unwrapping, mechanism, row, items, count, handle)
               : unwrap_with_key(unwrapping, mechanism, key, items, count, handle);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping_key,
                  CK_BYTE *wrapped, CK_ULONG wrapped_size, CK_ATTRIBUTE *items, CK_ULONG count,
                  CK_OBJECT_HANDLE *key)
{
    struct unwrapping unwrapping = {
        .wrapped = {wrapped, wrapped_size}
    };
    CK_RV rv = session_enter(handle, &unwrapping.session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || wrapped == NULL || key == NULL || !caller_has_template(items, count))
        rv = CKR_ARGUMENTS_BAD;
    else if (wrapped_size > WRAPPED_MAXIMUM)
        rv = p11_fail(CKR_WRAPPED_KEY_LEN_RANGE, "no wrapped key has %lu bytes", wrapped_size);
    else
        rv = unwrap(&unwrapping, mechanism, unwrapping_key, items, count, key);
    attributes_free(&unwrapping.asked);
    return session_leave(unwrapping.session, rv);
}
