/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/keyfile.h"
#include "pkcs11/session.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"
#include "pkcs11/template.h"

#include <string.h>

#define FILE_MAXIMUM 65536

/* A key pair in the making. */
struct pair {
    const struct mechanism *row;
    struct attributes public; /* what the caller asked, checked */
    struct attributes private;
    struct bytes block;
    bool token;
};

static void pair_free(struct pair *pair)
{
    attributes_free(&pair->public);
    attributes_free(&pair->private);
    bytes_free(&pair->block);
}

static CK_RV read_template(const struct pair *pair, CK_OBJECT_CLASS object_class, const CK_ATTRIBUTE *items,
                           CK_ULONG count, struct attributes *out)
{
    CK_RV rv = attributes_set_ulong(out, CKA_CLASS, object_class);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(out, CKA_KEY_TYPE, pair->row->key_type);
    if (rv == CKR_OK)
        rv = template_check(TEMPLATE_GENERATE, object_class, pair->row->key_type, items, count, out);
    return rv;
}

static CK_RV read_ec(const struct pair *pair, struct key_request *request)
{
    const CK_ATTRIBUTE *params = attributes_find(&pair->public, CKA_EC_PARAMS);

    request->curve = p11_curve_by_params(params->pValue, params->ulValueLen);
    return request->curve != NULL
               ? CKR_OK
               : p11_fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names none of P-256, P-384 and P-521");
}

static CK_RV read_rsa(const struct pair *pair, struct key_request *request)
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
    if (request->bits < pair->row->minimum || request->bits > pair->row->maximum || request->bits % 8 != 0)
        return p11_fail(CKR_KEY_SIZE_RANGE, "RSA keys of %zu bits are not made here", request->bits);
    return CKR_OK;
}

static CK_RV make_request(struct pair *pair, struct key_request *request)
{
    const struct attributes *private = &pair->private;

    *request = (struct key_request){
        .type = pair->row->key_type,
        .sign = attributes_get_bool(private, CKA_SIGN, true),
        .decrypt = attributes_get_bool(private, CKA_DECRYPT, false) ||
                   attributes_get_bool(private, CKA_UNWRAP, false),
        .derive = attributes_get_bool(private, CKA_DERIVE, false),
        .private = attributes_get_bool(private, CKA_PRIVATE, true),
    };
    pair->token = attributes_get_bool(private, CKA_TOKEN, false);
    if (attributes_get_bool(&pair->public, CKA_TOKEN, false) != pair->token)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "CKA_TOKEN must be the same for both halves of a pair");
    if (!attributes_get_bool(private, CKA_SENSITIVE, true) ||
        attributes_get_bool(private, CKA_EXTRACTABLE, false))
        return p11_fail(
            CKR_TEMPLATE_INCONSISTENT,
            "a key made in this token never leaves it: CKA_SENSITIVE is true, CKA_EXTRACTABLE is false");
    if (attributes_get_bool(private, CKA_ALWAYS_AUTHENTICATE, false))
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "a key on a token without a PIN cannot have CKA_ALWAYS_AUTHENTICATE");
    return request->type == CKK_EC ? read_ec(pair, request) : read_rsa(pair, request);
}

/* What generation says of a key (PKCS#11 2.40, 4.7 and 4.9). */
static CK_RV set_origin(struct pair *pair)
{
    struct attributes *private = &pair->private;
    CK_RV rv = attributes_set_bool(private, CKA_LOCAL, true);

    if (rv == CKR_OK)
        rv = attributes_set_ulong(private, CKA_KEY_GEN_MECHANISM, pair->row->type);
    if (rv == CKR_OK)
        rv = attributes_set_bool(private, CKA_ALWAYS_SENSITIVE, true);
    if (rv == CKR_OK)
        rv = attributes_set_bool(private, CKA_NEVER_EXTRACTABLE, true);
    if (rv == CKR_OK)
        rv = attributes_set_bool(&pair->public, CKA_LOCAL, true);
    if (rv == CKR_OK)
        rv = attributes_set_ulong(&pair->public, CKA_KEY_GEN_MECHANISM, pair->row->type);
    return rv;
}

/* Lines for the public half: all but what it has in common with the private one. */
static CK_RV public_lines(const struct pair *pair, struct buffer *text)
{
    struct attributes differing = {0};
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < pair->public.count; i++) {
        const CK_ATTRIBUTE *item = &pair->public.items[i];
        const CK_ATTRIBUTE *twin = attributes_find(&pair->private, item->type);

        if (!objects_pair_shares(item->type) || twin == NULL ||
            !bytes_equal(twin->pValue, twin->ulValueLen, item->pValue, item->ulValueLen))
            rv = attributes_set(&differing, item->type, item->pValue, item->ulValueLen);
    }
    if (rv == CKR_OK)
        rv = keyfile_write_lines(&differing, CKO_PUBLIC_KEY, text);
    attributes_free(&differing);
    return rv;
}

static CK_RV pair_text(const struct pair *pair, const struct key *key, struct buffer *text)
{
    CK_RV rv = keyfile_write_lines(&pair->private, CKO_PRIVATE_KEY, text);

    if (rv == CKR_OK)
        rv = public_lines(pair, text);
    if (rv == CKR_OK)
        rv = soft_pem_encode(key->backend->pem_label, &pair->block, text);
    return rv;
}

/* The objects themselves: what was asked, and what the key is. */
static CK_RV make_object(CK_OBJECT_CLASS object_class, struct key *key, const struct attributes *asked,
                         struct object **out)
{
    uint8_t id[SOFT_KEY_ID_SIZE];
    CK_RV rv;

    *out = object_new(object_class, key);
    if (*out == NULL)
        return CKR_HOST_MEMORY;
    rv = attributes_copy(&(*out)->attributes, asked);
    if (rv == CKR_OK)
        rv = public_key_to_attributes(&key->public, &(*out)->attributes); /* an exponent without zeros */
    if (rv == CKR_OK && attributes_find(asked, CKA_ID) == NULL) {
        rv = soft_public_id(&key->public, id);
        if (rv == CKR_OK)
            rv = attributes_set(&(*out)->attributes, CKA_ID, id, sizeof id);
    }
    return rv;
}

static CK_RV publish(struct session *session, const struct pair *pair, struct key *key,
                     struct object *objects[2])
{
    struct buffer text;
    CK_RV rv = CKR_OK;

    if (!pair->token) {
        for (size_t i = 0; rv == CKR_OK && i < 2; i++) {
            objects[i]->session = session->handle;
            rv = session_add_object(session, objects[i]);
        }
        if (rv != CKR_OK && objects[0]->handle != CK_INVALID_HANDLE) /* half a pair is none */
            session_remove_object(session, objects[0]);
        return rv;
    }
    buffer_init(&text, FILE_MAXIMUM);
    rv = pair_text(pair, key, &text);
    if (rv == CKR_OK) {
        token_lock(session->token);
        rv = objects_store(session->token, ".pem", &text, objects, 2);
        token_unlock(session->token);
    }
    buffer_free(&text);
    return rv;
}

static CK_RV add_pair(struct session *session, const struct pair *pair, CK_OBJECT_HANDLE *public,
                      CK_OBJECT_HANDLE *private)
{
    const struct backend *backend = session->token->backend;
    struct object *objects[2] = {0};
    struct key *key = NULL;
    CK_RV rv = key_load(backend, token_instance(session->token, backend), &pair->block, &key);

    if (rv == CKR_OK)
        rv = make_object(CKO_PRIVATE_KEY, key, &pair->private, &objects[0]);
    if (rv == CKR_OK)
        rv = make_object(CKO_PUBLIC_KEY, key, &pair->public, &objects[1]);
    if (rv == CKR_OK)
        rv = publish(session, pair, key, objects);
    if (rv == CKR_OK) {
        *private = objects[0]->handle;
        *public = objects[1]->handle;
    }
    object_return(objects[0]);
    object_return(objects[1]);
    key_return(key);
    return rv;
}

static CK_RV generate(struct session *session, struct pair *pair, CK_OBJECT_HANDLE *public,
                      CK_OBJECT_HANDLE *private)
{
    const struct backend *backend = session->token->backend;
    struct key_request request;
    CK_RV rv = make_request(pair, &request);

    if (rv == CKR_OK)
        rv = session_may_write(session, pair->token);
    if (rv == CKR_OK)
        rv = session_may_own(session,
                             request.private || attributes_get_bool(&pair->public, CKA_PRIVATE, false));
    if (rv == CKR_OK && backend->generate_pair == NULL)
        rv = backend_missing(backend, "generate key pairs");
    if (rv == CKR_OK)
        rv = set_origin(pair);
    if (rv == CKR_OK)
        rv = backend->generate_pair(token_instance(session->token, backend), &request, &pair->block);
    return rv == CKR_OK ? add_pair(session, pair, public, private) : rv;
}

static CK_RV generate_pair(struct session *session, const CK_MECHANISM *mechanism, struct pair *pair,
                           const CK_ATTRIBUTE *public_items, CK_ULONG public_count,
                           const CK_ATTRIBUTE *private_items, CK_ULONG private_count)
{
    struct p11_parameters none = {0};
    CK_RV rv = mechanism_find(session->token, mechanism->mechanism, CKF_GENERATE_KEY_PAIR, &pair->row);

    if (rv != CKR_OK)
        return p11_fail(rv, "mechanism 0x%lx does not generate key pairs here", mechanism->mechanism);
    rv = pair->row->parse(mechanism, pair->row, &none);
    if (rv == CKR_OK)
        rv = read_template(pair, CKO_PUBLIC_KEY, public_items, public_count, &pair->public);
    if (rv == CKR_OK)
        rv = read_template(pair, CKO_PRIVATE_KEY, private_items, private_count, &pair->private);
    if (rv == CKR_OK)
        rv = objects_pair_inherit(&pair->private, &pair->public);
    return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_items,
                        CK_ULONG public_count, CK_ATTRIBUTE *private_items, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    struct pair pair = {0};
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL || public == NULL || private == NULL ||
        (public_items == NULL && public_count != 0) || (private_items == NULL && private_count != 0))
        return session_leave(session, CKR_ARGUMENTS_BAD);
    rv = generate_pair(session, mechanism, &pair, public_items, public_count, private_items, private_count);
    if (rv == CKR_OK)
        rv = generate(session, &pair, public, private);
    pair_free(&pair);
    return session_leave(session, rv);
}
