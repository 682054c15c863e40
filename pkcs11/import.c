/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/import.h"

#include "pkcs11/failure.h"
#include "pkcs11/pair.h"
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

static CK_RV read_pair(const struct backend *backend, const CK_ATTRIBUTE *items, CK_ULONG count,
                       struct pair *pair)
{
    CK_ULONG type = template_get_ulong(items, count, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    CK_RV rv;

    if (type == CK_UNAVAILABLE_INFORMATION)
        return p11_fail(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_KEY_TYPE");
    rv = template_check(TEMPLATE_CREATE, CKO_PRIVATE_KEY, type, items, count, &pair->private);
    if (rv != CKR_OK)
        return rv;
    pair->token = attributes_get_bool(&pair->private, CKA_TOKEN, false);
    if (!backend->extractable && (!attributes_get_bool(&pair->private, CKA_SENSITIVE, true) ||
                                  attributes_get_bool(&pair->private, CKA_EXTRACTABLE, false)))
        return p11_fail(CKR_TEMPLATE_INCONSISTENT, "a key in this token never leaves it: CKA_SENSITIVE is "
                                                   "true, CKA_EXTRACTABLE is false");
    return describe_public(pair);
}

CK_RV import_private_key(struct session *session, const CK_ATTRIBUTE *items, CK_ULONG count,
                         CK_OBJECT_HANDLE *handle)
{
    const struct backend *backend = session->token->backend;
    struct pair pair = {0};
    CK_OBJECT_HANDLE public;
    CK_RV rv;

    if (backend->import == NULL)
        return backend_missing(backend, "take in private keys");
    rv = read_pair(backend, items, count, &pair);
    if (rv == CKR_OK)
        rv = session_may_ask(session, &pair.private);
    if (rv == CKR_OK)
        rv = session_may_own(session, attributes_get_bool(&pair.private, CKA_PRIVATE, true));
    if (rv == CKR_OK)
        rv = session_may_write(session, pair.token);
    if (rv == CKR_OK)
        rv = backend->import(token_instance(session->token, backend), &pair.private, &pair.block);
    if (rv == CKR_OK)
        rv = pair_add(session, &pair, &public, handle);
    pair_free(&pair);
    return rv;
}
