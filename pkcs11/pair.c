/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pair.h"

#include "pkcs11/lock.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pem.h"

#define FILE_MAXIMUM 65536

void pair_free(struct pair *pair)
{
    attributes_free(&pair->public);
    attributes_free(&pair->private);
    bytes_free(&pair->block);
    *pair = (struct pair){0};
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
        rv = pair->locked ? lock_key_encode(key, &pair->block, text)
                          : soft_pem_encode(key->backend->pem_label, &pair->block, text);
    return rv;
}

static CK_RV make_object(CK_OBJECT_CLASS object_class, struct key *key, const struct attributes *asked,
                         struct object **out)
{
    uint8_t id[SOFT_KEY_ID_SIZE];
    CK_RV rv = CKR_OK;

    *out = object_new(object_class, key);
    if (*out == NULL)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; rv == CKR_OK && i < asked->count; i++)
        rv = object_add_asked(*out, &asked->items[i]);
    if (rv == CKR_OK && attributes_find(asked, CKA_ID) == NULL) {
        rv = soft_public_id(&key->public, id);
        if (rv == CKR_OK)
            rv = attributes_set(&(*out)->attributes, CKA_ID, id, sizeof id);
    }
    return rv;
}

static CK_RV publish_in_session(struct session *session, struct object *objects[2])
{
    CK_RV rv;

    objects[0]->session = session->handle;
    objects[1]->session = session->handle;
    rv = session_add_object(session, objects[0]);
    if (rv != CKR_OK)
        return rv;
    rv = session_add_object(session, objects[1]);
    if (rv != CKR_OK)
        session_remove_object(session, objects[0]);
    return rv;
}

static CK_RV publish(struct session *session, const struct pair *pair, struct key *key,
                     struct object *objects[2])
{
    struct buffer text;
    CK_RV rv;

    if (!pair->token)
        return publish_in_session(session, objects);
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

static CK_RV lock_pair(const struct token *token, struct pair *pair, struct key **key)
{
    struct bytes locked;
    CK_RV rv = lock_key(token, &pair->block, key, &locked);

    if (rv == CKR_OK)
        bytes_move(&pair->block, &locked);
    pair->locked = rv == CKR_OK;
    return rv;
}

CK_RV pair_add(struct session *session, struct pair *pair, CK_OBJECT_HANDLE *public,
               CK_OBJECT_HANDLE *private)
{
    struct object *objects[2] = {0};
    struct key *key = NULL;
    CK_RV rv = key_load(pair->backend, token_instance(session->token, pair->backend), &pair->block, &key);

    if (rv == CKR_OK && pair->token &&
        lock_key_wanted(session->token, key, attributes_get_bool(&pair->private, CKA_PRIVATE, true)))
        rv = lock_pair(session->token, pair, &key);
    if (rv == CKR_OK)
        rv = make_object(CKO_PRIVATE_KEY, key, &pair->private, &objects[0]);
    if (rv == CKR_OK)
        rv = key_settle_auth(key, &objects[0]->attributes);
    if (rv == CKR_OK)
        rv = key_settle_binding(key, &objects[0]->attributes);
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
