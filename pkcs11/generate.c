/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/pair.h"
#include "pkcs11/secret.h"
#include "pkcs11/template.h"

#include <string.h>

static CK_RV read_template(const struct mechanism *row, CK_OBJECT_CLASS object_class,
                           const CK_ATTRIBUTE *items, CK_ULONG count, struct attributes *out)
{
    CK_RV rv = attributes_set_ulong(out, CKA_CLASS, object_class);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(out, CKA_KEY_TYPE, row->key_type);
    if (rv == CKR_OK)
        rv = template_check(TEMPLATE_GENERATE, object_class, row->key_type, items, count, out);
    return rv;
}

static CK_RV read_curve(const struct pair *pair, struct key_request *request)
{
    const CK_ATTRIBUTE *params = attributes_find(&pair->public, CKA_EC_PARAMS);

    request->curve = p11_curve_by_params(params->pValue, params->ulValueLen);
    return request->curve != NULL && request->curve->key_type == request->type
               ? CKR_OK
               : p11_fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names no curve of this mechanism's here");
}

static CK_RV read_rsa(const struct mechanism *row, const struct pair *pair, struct key_request *request)
{
    static const uint8_t usual[] = {0x01, 0x00, 0x01};
    const CK_ATTRIBUTE *exponent = attributes_find(&pair->public, CKA_PUBLIC_EXPONENT);
    const uint8_t *digits = exponent != NULL ? exponent->pValue : usual;
    size_t size = exponent != NULL ? exponent->ulValueLen : sizeof usual;

    for (; size > 0 && *digits == 0; size--)
        digits++;
    if (size != sizeof usual || memcmp(digits, usual, size) != 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PUBLIC_EXPONENT must be 65537");
    request->bits = attributes_get_ulong(&pair->public, CKA_MODULUS_BITS, 0);
    if (request->bits < row->minimum || request->bits > row->maximum || request->bits % 8 != 0)
        return p11_fail(CKR_KEY_SIZE_RANGE, "RSA keys of %zu bits are not made here", request->bits);
    return CKR_OK;
}

/* ECDSA with one digest, beside ECDSA of what the caller hashed: HASH_NONE, it says something else. */
static enum p11_hash only_hash(const struct attributes *private)
{
    const CK_ATTRIBUTE *allowed = attributes_find(private, CKA_ALLOWED_MECHANISMS);
    size_t count = allowed != NULL ? allowed->ulValueLen / sizeof(CK_MECHANISM_TYPE) : 0;
    enum p11_hash only = HASH_NONE;

    for (size_t i = 0; i < count; i++) {
        const struct mechanism *row = mechanism_row(((const CK_MECHANISM_TYPE *)allowed->pValue)[i]);

        if (row == NULL || row->scheme != SCHEME_ECDSA || (row->digest != HASH_NONE && only != HASH_NONE))
            return HASH_NONE;
        if (row->digest != HASH_NONE)
            only = row->digest;
    }
    return only;
}

static CK_RV make_request(const struct backend *backend, const struct mechanism *row, struct pair *pair,
                          struct key_request *request)
{
    const struct attributes *private = &pair->private;
    const CK_ATTRIBUTE *pcrs = attributes_find(private, CKA_DEVID_POLICY_PCR);
    const CK_ATTRIBUTE *auth = attributes_find(private, CKA_DEVID_AUTH);

    *request = (struct key_request){
        .type = row->key_type,
        .sign = attributes_get_bool(private, CKA_SIGN, true),
        .decrypt = attributes_get_bool(private, CKA_DECRYPT, false) ||
                   attributes_get_bool(private, CKA_UNWRAP, false) ||
                   (row->key_type == CKK_RSA && attributes_get_bool(private, CKA_SIGN, true)),
        .derive = attributes_get_bool(private, CKA_DERIVE, false),
        .private = attributes_get_bool(private, CKA_PRIVATE, true),
    };
    request->hash = only_hash(private);
    if (auth != NULL)
        request->auth = (struct bytes){auth->pValue, auth->ulValueLen};
    if (pcrs != NULL)
        request->pcrs = (struct bytes){pcrs->pValue, pcrs->ulValueLen};
    if (pcrs != NULL && pcrs->ulValueLen == 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "CKA_DEVID_POLICY_PCR is empty; leave it out, or name PCRs");
    pair->token = attributes_get_bool(private, CKA_TOKEN, false);
    if (attributes_get_bool(&pair->public, CKA_TOKEN, false) != pair->token)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "CKA_TOKEN must be the same for both halves of a pair");
    if (!backend->extractable && (!attributes_get_bool(private, CKA_SENSITIVE, true) ||
                                  attributes_get_bool(private, CKA_EXTRACTABLE, false)))
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "a key made in this token never leaves it: CKA_SENSITIVE "
                                                   "is true, CKA_EXTRACTABLE is false; only a key "
                                                   "of the session (CKA_TOKEN false) may have it otherwise");
    return request->type == CKK_RSA ? read_rsa(row, pair, request) : read_curve(pair, request);
}

/* What generation says of the halves (PKCS#11 2.40, 4.7 and 4.9). */
static CK_RV set_origin(const struct mechanism *row, struct pair *pair)
{
    CK_RV rv = template_set_origin(&pair->private, row->type);

    if (rv == CKR_OK)
        rv = attributes_set_bool(&pair->public, CKA_LOCAL, true);
    if (rv == CKR_OK)
        rv = attributes_set_ulong(&pair->public, CKA_KEY_GEN_MECHANISM, row->type);
    return rv;
}

static CK_RV generate(struct session *session, const struct mechanism *row, struct pair *pair,
                      CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    const struct backend *backend = secret_backend(session, &pair->private);
    struct key_request request;
    CK_RV rv = make_request(backend, row, pair, &request);

    if (rv == CKR_OK)
        rv = session_may_ask(session, &pair->private);
    if (rv == CKR_OK)
        rv = session_may_write(session, pair->token);
    if (rv == CKR_OK)
        rv = session_may_own(session,
                             request.private || attributes_get_bool(&pair->public, CKA_PRIVATE, false));
    if (rv == CKR_OK && backend->generate_pair == NULL)
        rv = backend_missing(backend, "generate key pairs");
    if (rv == CKR_OK)
        rv = set_origin(row, pair);
    pair->backend = backend;
    if (rv == CKR_OK)
        rv = backend->generate_pair(token_instance(session->token, backend), &request, &pair->block);
    return rv == CKR_OK ? pair_add(session, pair, public, private) : rv;
}

static CK_RV read_mechanism(const struct session *session, const CK_MECHANISM *mechanism,
                            const struct mechanism **row)
{
    struct p11_parameters none = {0};
    CK_RV rv = mechanism_find(session->token, mechanism->mechanism, CKF_GENERATE_KEY_PAIR, row);

    if (rv != CKR_OK)
        return p11_fail(rv, "mechanism 0x%lx does not generate key pairs here", mechanism->mechanism);
    return (*row)->parse(mechanism, *row, &none);
}

static CK_RV read_templates(const struct mechanism *row, const CK_ATTRIBUTE *public_items,
                            CK_ULONG public_count, const CK_ATTRIBUTE *private_items, CK_ULONG private_count,
                            struct pair *pair)
{
    CK_RV rv = read_template(row, CKO_PUBLIC_KEY, public_items, public_count, &pair->public);
    if (rv == CKR_OK)
        rv = read_template(row, CKO_PRIVATE_KEY, private_items, private_count, &pair->private);
    if (rv == CKR_OK)
        rv = objects_pair_inherit(&pair->private, &pair->public);
    return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_items,
                        CK_ULONG public_count, CK_ATTRIBUTE *private_items, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    const struct mechanism *row;
    struct pair pair = {0};
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || public == NULL || private == NULL ||
        !caller_has_template(public_items, public_count) ||
        !caller_has_template(private_items, private_count))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = read_mechanism(session, mechanism, &row);
    if (rv == CKR_OK)
        rv = read_templates(row, public_items, public_count, private_items, private_count, &pair);
    if (rv == CKR_OK)
        rv = generate(session, row, &pair, public, private);
    pair_free(&pair);
    return session_leave(session, rv);
}
