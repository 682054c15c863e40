/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/secret.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/template.h"

/* C_GenerateKey. */

static bool serves(const struct session *session, const struct backend *backend, const struct mechanism *row)
{
    return backend->supports(token_instance(session->token, backend), row);
}

/* A mechanism that the token's own backend has not got can still make a software key of the session. */
static CK_RV read_mechanism(const struct session *session, const CK_MECHANISM *mechanism,
                            const struct mechanism **row)
{
    struct p11_parameters none = {0};

    *row = mechanism_row(mechanism->mechanism);
    if (*row == NULL || ((*row)->flags & CKF_GENERATE) == 0 ||
        (!serves(session, session->token->backend, *row) && !serves(session, backend_in_software(), *row)))
        return p11_fail(CKR_MECHANISM_INVALID, "mechanism 0x%lx does not generate secret keys here",
                        mechanism->mechanism);
    return (*row)->parse(mechanism, *row, &none);
}

static CK_RV read_template(const struct mechanism *row, const CK_ATTRIBUTE *items, CK_ULONG count,
                           struct attributes *attributes)
{
    const CK_ATTRIBUTE *check;
    CK_RV rv = attributes_set_ulong(attributes, CKA_CLASS, CKO_SECRET_KEY);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(attributes, CKA_KEY_TYPE, row->key_type);
    if (rv == CKR_OK)
        rv = template_check(TEMPLATE_GENERATE, CKO_SECRET_KEY, row->key_type, items, count, attributes);
    if (rv != CKR_OK)
        return rv;
    check = attributes_find(attributes, CKA_CHECK_VALUE);
    return check == NULL || check->ulValueLen == 0
               ? CKR_OK
               : p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                          "CKA_CHECK_VALUE of a key that is yet to be made cannot be known");
}

static CK_RV make_request(const struct mechanism *row, const struct attributes *attributes,
                          struct key_request *request)
{
    const struct secret_type *type = secret_type(row->key_type);

    *request =
        secret_type_request(row->key_type, attributes_get_ulong(attributes, CKA_VALUE_LEN, 0), attributes);
    return secret_type_has_size(type, request->size)
               ? CKR_OK
               : p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "a %s key cannot be of %zu bytes", type->name,
                          request->size);
}

static CK_RV generate(struct session *session, const struct mechanism *row, struct attributes *attributes,
                      CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = secret_backend(session, attributes);
    struct bytes block = BYTES_EMPTY;
    struct key_request request;
    CK_RV rv = make_request(row, attributes, &request);

    if (rv == CKR_OK)
        rv = secret_may_add(session, attributes);
    if (rv == CKR_OK && !serves(session, backend, row))
        rv = p11_fail(CKR_MECHANISM_INVALID, "%s: this token makes no such key of its own", row->name);
    if (rv == CKR_OK && backend->generate == NULL)
        rv = backend_missing(backend, "generate secret keys");
    if (rv == CKR_OK)
        rv = template_set_origin(attributes, row->type);
    if (rv == CKR_OK)
        rv = backend->generate(token_instance(session->token, backend), &request, &block);
    if (rv == CKR_OK)
        rv = secret_add_block(session, attributes, backend, &block, handle);
    bytes_free(&block);
    return rv;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_ATTRIBUTE *items, CK_ULONG count,
                    CK_OBJECT_HANDLE *key)
{
    struct attributes attributes = {0};
    const struct mechanism *row;
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || key == NULL || !caller_has_template(items, count))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = read_mechanism(session, mechanism, &row);
    if (rv == CKR_OK)
        rv = read_template(row, items, count, &attributes);
    if (rv == CKR_OK)
        rv = generate(session, row, &attributes, key);
    attributes_free(&attributes);
    return session_leave(session, rv);
}
