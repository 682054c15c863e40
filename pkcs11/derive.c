/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/nested.h"
#include "pkcs11/parameters.h"
#include "pkcs11/secret.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hkdf.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/template.h"

#include <string.h>

#define AES_LARGEST 32

/* --- what is to come out
 * ------------------------------------------------------------------------------------- */

/* A key to derive: what the caller says of it. */
struct derivation {
    struct session *session;
    const struct operation *operation; /* with the base key */
    struct attributes asked;
    bool data;     /* CKM_HKDF_DATA: an object of CKO_DATA, not a key */
    CK_ULONG size; /* CKA_VALUE_LEN, or 0: not said */
};

static CK_RV set_default(struct attributes *asked, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return attributes_find(asked, type) == NULL ? attributes_set_ulong(asked, type, value) : CKR_OK;
}

/* A key without a type is a generic secret (PKCS#11 2.40 current mechanisms, 2.23.2 and others). */
static CK_RV read_key_template(const CK_ATTRIBUTE *items, CK_ULONG count, struct derivation *derivation)
{
    const struct object *base = derivation->operation->object;
    CK_KEY_TYPE type =
        template_get_ulong(items, count, CKA_KEY_TYPE,
                           nested_get_ulong(base, CKA_DERIVE_TEMPLATE, CKA_KEY_TYPE, CKK_GENERIC_SECRET));
    struct attributes *asked = &derivation->asked;
    CK_RV rv;

    if (template_get_ulong(items, count, CKA_CLASS, CKO_SECRET_KEY) != CKO_SECRET_KEY)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "%s makes secret keys", derivation->operation->row->name);
    if (secret_type(type) == NULL)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "secret keys of type 0x%lx are not kept here", type);
    rv = nested_apply(base, CKA_DERIVE_TEMPLATE, TEMPLATE_DERIVE, CKO_SECRET_KEY, type, asked);
    if (rv == CKR_OK)
        rv = template_check(TEMPLATE_DERIVE, CKO_SECRET_KEY, type, items, count, asked);
    if (rv == CKR_OK)
        rv = set_default(asked, CKA_CLASS, CKO_SECRET_KEY);
    if (rv == CKR_OK)
        rv = set_default(asked, CKA_KEY_TYPE, type);
    if (rv == CKR_OK && attributes_get_ulong(asked, CKA_VALUE_LEN, 1) == 0)
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE_LEN is 0");
    derivation->size = attributes_get_ulong(asked, CKA_VALUE_LEN, 0);
    return rv == CKR_OK ? secret_may_add(derivation->session, asked) : rv;
}

/* A data object has no CKA_VALUE_LEN; the template says it all the same. */
static CK_RV read_data_template(const CK_ATTRIBUTE *items, CK_ULONG count, struct derivation *derivation)
{
    struct attributes *asked = &derivation->asked;
    CK_RV rv = attributes_set_ulong(asked, CKA_CLASS, CKO_DATA);

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        if (items[i].type != CKA_VALUE_LEN)
            rv = template_check(TEMPLATE_DERIVE, CKO_DATA, ANY_KEY, &items[i], 1, asked);
    derivation->size = template_get_ulong(items, count, CKA_VALUE_LEN, 0);
    if (rv == CKR_OK)
        rv = session_may_write(derivation->session, attributes_get_bool(asked, CKA_TOKEN, false));
    if (rv == CKR_OK)
        rv = session_may_own(derivation->session, attributes_get_bool(asked, CKA_PRIVATE, false));
    return rv;
}

/* Without CKA_VALUE_LEN: all of `natural`, but an AES key is as long as one can be. */
static size_t size_of(const struct derivation *derivation, size_t natural)
{
    if (derivation->size != 0)
        return derivation->size;
    if (attributes_get_ulong(&derivation->asked, CKA_KEY_TYPE, CKK_GENERIC_SECRET) == CKK_AES &&
        natural > AES_LARGEST)
        return AES_LARGEST;
    return natural;
}

/* --- ECDH
 * ---------------------------------------------------------------------------------------------------- */

static CK_RV agree(const struct operation *operation, struct bytes *secret)
{
    const struct key *key = operation->object->key;
    const struct bytes *point = &operation->parameters.point;
    struct public_key peer = {.type = key->public.type, .curve = key->public.curve};
    CK_RV rv;

    if (key->backend->derive == NULL)
        return backend_missing(key->backend, "derive keys");
    if (!public_key_read_point(peer.curve, point->data, point->size, &peer.point))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the other party's public key is no point on %s",
                        operation->row->name, peer.curve->name);
    rv = key->backend->derive(key->instance, key->material, &peer, secret);
    public_key_free(&peer);
    return rv;
}

/* PKCS#11 2.40 current mechanisms, 2.3.9: without a KDF, what is too much is cut off in front. */
static CK_RV truncate(const struct bytes *secret, struct bytes *out)
{
    if (out->size > secret->size)
        return p11_fail(CKR_KEY_SIZE_RANGE,
                        "the shared secret has %zu bytes; without a KDF there are no more", secret->size);
    memcpy(out->data, secret->data + (secret->size - out->size), out->size);
    return CKR_OK;
}

static CK_RV derive_ecdh(const struct derivation *derivation, struct bytes *out)
{
    const struct p11_parameters *parameters = &derivation->operation->parameters;
    struct bytes secret = BYTES_EMPTY;
    CK_RV rv = agree(derivation->operation, &secret);

    if (rv == CKR_OK && !bytes_alloc(out, size_of(derivation, secret.size)))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = parameters->hash == HASH_NONE
                 ? truncate(&secret, out)
                 : soft_x963(parameters->hash, &secret, &parameters->label, out->data, out->size);
    bytes_free(&secret);
    return rv;
}

/* --- HKDF
 * ---------------------------------------------------------------------------------------------------- */

static CK_RV plain_of(const struct key *key, struct bytes *plain)
{
    if (key->backend == NULL || key->backend->plain == NULL)
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT,
                        "the key does not leave its device; HKDF is done in software");
    return key->backend->plain(key->instance, key->material, plain);
}

static CK_RV read_salt(const struct derivation *derivation, struct bytes *salt)
{
    const struct p11_parameters *parameters = &derivation->operation->parameters;
    struct object *object = NULL;
    CK_RV rv;

    if (parameters->object == CK_INVALID_HANDLE)
        return bytes_copy(salt, parameters->salt.data, parameters->salt.size) ? CKR_OK : CKR_HOST_MEMORY;
    rv = session_find_object(derivation->session, parameters->object, &object);
    if (rv != CKR_OK || object->object_class != CKO_SECRET_KEY || !object_attribute_bool(object, CKA_DERIVE))
        rv = p11_fail(CKR_MECHANISM_PARAM_INVALID, "the salt is no secret key with CKA_DERIVE");
    else
        rv = plain_of(object->key, salt);
    object_return(object);
    return rv;
}

/* The pseudorandom key: extracted, or the base key itself. */
static CK_RV make_prk(const struct derivation *derivation, struct bytes *prk)
{
    const struct operation *operation = derivation->operation;
    struct bytes secret = BYTES_EMPTY;
    struct bytes salt = BYTES_EMPTY;
    CK_RV rv;

    if (!operation->parameters.extract)
        return plain_of(operation->object->key, prk);
    rv = plain_of(operation->object->key, &secret);
    if (rv == CKR_OK)
        rv = read_salt(derivation, &salt);
    if (rv == CKR_OK && !bytes_alloc(prk, soft_hash_size(operation->parameters.hash)))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = soft_hkdf_extract(operation->parameters.hash, &secret, &salt, prk->data);
    bytes_free(&secret);
    bytes_free(&salt);
    return rv;
}

static CK_RV derive_hkdf(const struct derivation *derivation, struct bytes *out)
{
    const struct p11_parameters *parameters = &derivation->operation->parameters;
    size_t hash_size = soft_hash_size(parameters->hash);
    size_t size = size_of(derivation, hash_size);
    struct bytes prk = BYTES_EMPTY;
    CK_RV rv;

    if (size > (parameters->expand ? SOFT_HKDF_BLOCKS * hash_size : hash_size))
        return p11_fail(CKR_KEY_SIZE_RANGE, "%s does not make %zu bytes with this hash",
                        derivation->operation->row->name, size);
    rv = make_prk(derivation, &prk);
    if (rv == CKR_OK && !bytes_alloc(out, size))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK && parameters->expand)
        rv = soft_hkdf_expand(parameters->hash, &prk, &parameters->label, out->data, size);
    else if (rv == CKR_OK)
        memcpy(out->data, prk.data, size);
    bytes_free(&prk);
    return rv;
}

/* --- the object
 * ---------------------------------------------------------------------------------------------- */

static const struct {
    enum p11_scheme scheme;
    CK_OBJECT_CLASS base_class;
    CK_RV (*derive)(const struct derivation *derivation, struct bytes *out);
} derivers[] = {
    {SCHEME_ECDH, CKO_PRIVATE_KEY, derive_ecdh},
    {SCHEME_HKDF, CKO_SECRET_KEY,  derive_hkdf},
};

/* What the base key was counts on (PKCS#11 2.40, 4.10; current mechanisms, 2.3.9). */
static CK_RV inherit(const struct object *base, struct attributes *asked)
{
    CK_RV rv = attributes_set_bool(asked, CKA_ALWAYS_SENSITIVE,
                                   object_attribute_bool(base, CKA_ALWAYS_SENSITIVE) &&
                                       attributes_get_bool(asked, CKA_SENSITIVE, true));

    return rv == CKR_OK ? attributes_set_bool(asked, CKA_NEVER_EXTRACTABLE,
                                              object_attribute_bool(base, CKA_NEVER_EXTRACTABLE) &&
                                                  !attributes_get_bool(asked, CKA_EXTRACTABLE, false))
                        : rv;
}

static CK_RV add_data(const struct derivation *derivation, const struct bytes *value,
                      CK_OBJECT_HANDLE *handle)
{
    struct object *object = object_new(CKO_DATA, NULL);
    CK_RV rv = object != NULL ? attributes_copy(&object->attributes, &derivation->asked) : CKR_HOST_MEMORY;

    if (rv == CKR_OK)
        rv = attributes_set(&object->attributes, CKA_VALUE, value->data, value->size);
    if (rv == CKR_OK)
        rv = session_publish_object(derivation->session, object);
    if (rv == CKR_OK)
        *handle = object->handle;
    object_return(object);
    return rv;
}

static CK_RV add(struct derivation *derivation, const struct bytes *value, CK_OBJECT_HANDLE *handle)
{
    CK_RV rv;

    if (derivation->data)
        return add_data(derivation, value, handle);
    rv = inherit(derivation->operation->object, &derivation->asked);
    return rv == CKR_OK ? secret_add_derived(derivation->session, &derivation->asked, value, handle) : rv;
}

static CK_RV run(struct derivation *derivation, CK_OBJECT_HANDLE *handle)
{
    struct bytes value = BYTES_EMPTY;
    CK_RV rv = CKR_MECHANISM_INVALID;

    for (size_t i = 0; i < sizeof derivers / sizeof derivers[0]; i++)
        if (derivers[i].scheme == derivation->operation->row->scheme)
            rv = derivers[i].derive(derivation, &value);
    if (rv == CKR_OK)
        rv = add(derivation, &value, handle);
    bytes_free(&value);
    return rv;
}

static CK_RV derive(struct session *session, const struct operation *operation, const CK_ATTRIBUTE *items,
                    CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
    struct derivation derivation = {
        .session = session,
        .operation = operation,
        .data = operation->row->type == CKM_HKDF_DATA,
    };
    CK_RV rv = operation_may_use_key(operation);

    if (rv == CKR_OK)
        rv = derivation.data ? read_data_template(items, count, &derivation)
                             : read_key_template(items, count, &derivation);
    if (rv == CKR_OK)
        rv = run(&derivation, handle);
    attributes_free(&derivation.asked);
    return rv;
}

static CK_OBJECT_CLASS base_class(CK_MECHANISM_TYPE type)
{
    const struct mechanism *row = mechanism_row(type);

    for (size_t i = 0; row != NULL && i < sizeof derivers / sizeof derivers[0]; i++)
        if (derivers[i].scheme == row->scheme)
            return derivers[i].base_class;
    return CKO_PRIVATE_KEY;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                  CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    struct operation operation = {0};
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || key == NULL || !caller_has_template(items, count))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = operation_begin(session, &operation, mechanism, base, CKF_DERIVE, base_class(mechanism->mechanism),
                         CKA_DERIVE);
    if (rv == CKR_OK)
        rv = derive(session, &operation, items, count, key);
    operation_end(&operation);
    return session_leave(session, rv);
}
