/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/import.h"

#include "pkcs11/failure.h"
#include "pkcs11/pair.h"
#include "pkcs11/secret.h"
#include "pkcs11/template.h"

/* What the private half may do that has a counterpart. */
static const struct {
    CK_ATTRIBUTE_TYPE private;
    CK_ATTRIBUTE_TYPE public;
} counterparts[] = {
    {CKA_DECRYPT, CKA_ENCRYPT},
    {CKA_UNWRAP,  CKA_WRAP   },
    {CKA_SIGN,    CKA_VERIFY },
};

/* The public half is called as the private one, lives where it does, and undoes what it does. */
static CK_RV describe_public(struct pair *pair)
{
    CK_RV rv = attributes_set_bool(&pair->public, CKA_TOKEN, pair->token);

    for (size_t i = 0; rv == CKR_OK && i < pair->private.count; i++) {
        const CK_ATTRIBUTE *item = &pair->private.items[i];

        if (objects_pair_shares(item->type))
            rv = attributes_set(&pair->public, item->type, item->pValue, item->ulValueLen);
        for (size_t c = 0; rv == CKR_OK && c < sizeof counterparts / sizeof counterparts[0]; c++)
            if (counterparts[c].private == item->type)
                rv = attributes_set(&pair->public, counterparts[c].public, item->pValue, item->ulValueLen);
    }
    return rv;
}

static CK_RV check_openness(const struct backend *backend, const struct attributes *attributes)
{
    if (backend->extractable || (attributes_get_bool(attributes, CKA_SENSITIVE, true) &&
                                 !attributes_get_bool(attributes, CKA_EXTRACTABLE, false)))
        return CKR_OK;
    return p11_fail(CKR_TEMPLATE_INCONSISTENT, "a key in this token never leaves it: CKA_SENSITIVE is true, "
                                               "CKA_EXTRACTABLE is false; only a key of the "
                                               "session (CKA_TOKEN false) may have it otherwise");
}

CK_RV import_may_add(const struct session *session, const struct attributes *attributes)
{
    CK_RV rv = check_openness(secret_backend(session, attributes), attributes);

    if (rv == CKR_OK)
        rv = session_may_ask(session, attributes);
    if (rv == CKR_OK)
        rv = session_may_own(session, attributes_get_bool(attributes, CKA_PRIVATE, true));
    if (rv == CKR_OK)
        rv = session_may_write(session, attributes_get_bool(attributes, CKA_TOKEN, false));
    return rv;
}

CK_RV import_add_block(struct session *session, const struct attributes *attributes,
                       const struct backend *backend, const struct bytes *block, CK_OBJECT_HANDLE *handle)
{
    struct pair pair = {.backend = backend, .token = attributes_get_bool(attributes, CKA_TOKEN, false)};
    CK_OBJECT_HANDLE public;
    CK_RV rv = attributes_copy(&pair.private, attributes);

    if (rv == CKR_OK)
        rv = describe_public(&pair);
    if (rv == CKR_OK && !bytes_copy(&pair.block, block->data, block->size))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = pair_add(session, &pair, &public, handle);
    pair_free(&pair);
    return rv;
}

CK_RV import_add(struct session *session, const struct attributes *attributes, CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = secret_backend(session, attributes);
    struct bytes block = BYTES_EMPTY;
    CK_RV rv;

    if (backend->import == NULL)
        return backend_missing(backend, "take in private keys");
    rv = backend->import(token_instance(session->token, backend), attributes, &block);
    if (rv == CKR_OK)
        rv = import_add_block(session, attributes, backend, &block, handle);
    bytes_free(&block);
    return rv;
}

CK_RV import_private_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                         CK_OBJECT_HANDLE *handle)
{
    CK_ULONG type = template_get_ulong(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    struct attributes attributes = {0};
    CK_RV rv;

    if (type == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_KEY_TYPE");
    rv = template_check(TEMPLATE_CREATE, CKO_PRIVATE_KEY, type, items, count, &attributes);
    if (rv == CKR_OK)
        rv = import_may_add(session, &attributes);
    if (rv == CKR_OK)
        rv = import_add(session, &attributes, handle);
    attributes_free(&attributes);
    return rv;
}
