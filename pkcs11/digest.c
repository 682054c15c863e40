/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/digest.h"

#include "pkcs11/failure.h"
#include "pkcs11/session.h"

/* Digests need no secret: they are software's for every token, and nobody has to be logged in. */

void digest_end(struct digest *digest)
{
    soft_digest_free(digest->running);
    *digest = (struct digest){0};
}

static CK_RV begin(struct session *session, const CK_MECHANISM *mechanism)
{
    struct p11_parameters parameters = {0};
    const struct mechanism *row;
    CK_RV rv;

    if (mechanism == NULL)
        return CKR_ARGUMENTS_BAD;
    if (session->digest.row != NULL)
        return CKR_OPERATION_ACTIVE;
    rv = mechanism_find(session->token, mechanism->mechanism, CKF_DIGEST, &row);
    if (rv != CKR_OK)
        return p11_fail(rv, "mechanism 0x%lx is no digest that is offered here", mechanism->mechanism);
    rv = row->parse(mechanism, row, &parameters);
    if (rv == CKR_OK)
        rv = soft_digest_new(row->digest, &session->digest.running);
    if (rv == CKR_OK)
        session->digest.row = row;
    return rv;
}

/* The end, one-shot or multi-part. Asking for the length, or for too short a buffer, ends nothing. */
static CK_RV finish(struct digest *digest, const void *data, size_t data_size, uint8_t *out, CK_ULONG *size)
{
    CK_RV rv = CKR_ARGUMENTS_BAD;

    if (size != NULL && caller_has_data(data, data_size)) {
        if (!operation_has_room(soft_hash_size(digest->row->digest), out, size, &rv))
            return rv;
        rv = soft_digest_update(digest->running, data, data_size);
        if (rv == CKR_OK)
            rv = soft_digest_final(digest->running, out);
    }
    digest_end(digest);
    return rv;
}

/* What is done in one call and what is done in parts do not mix; the wrong call ends the operation. */
static CK_RV refuse(struct digest *digest)
{
    digest_end(digest);
    return p11_fail(CKR_OPERATION_ACTIVE, "a digest is made in one call or in parts, not in both ways");
}

CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    return rv != CKR_OK ? rv : session_leave(session, begin(session, mechanism));
}

CK_RV C_Digest(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *out, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->digest.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else if (session->digest.updated)
        rv = refuse(&session->digest);
    else
        rv = finish(&session->digest, data, data_size, out, size);
    session->digest.asked = session->digest.row != NULL;
    return session_leave(session, rv);
}

CK_RV digest_update(struct digest *digest, const void *data, size_t size)
{
    CK_RV rv = CKR_ARGUMENTS_BAD;

    if (digest->asked)
        return refuse(digest);
    if (caller_has_data(data, size))
        rv = soft_digest_update(digest->running, data, size);
    digest->updated = true;
    if (rv != CKR_OK)
        digest_end(digest);
    return rv;
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session->digest.row != NULL ? digest_update(&session->digest, part, part_size)
                                     : CKR_OPERATION_NOT_INITIALIZED;
    return session_leave(session, rv);
}

/* Only a secret key whose value is in this process has bytes to digest. */
static CK_RV add_key(struct digest *digest, const struct object *object)
{
    const struct key *key = object->key;
    struct bytes value = BYTES_EMPTY;
    CK_RV rv;

    if (key == NULL)
        return CKR_KEY_HANDLE_INVALID;
    if (object->object_class != CKO_SECRET_KEY || !key->backend->extractable)
        return p11_fail(CKR_KEY_INDIGESTIBLE, "the key's value is not here to be digested");
    rv = key->backend->key_attribute(key->material, CKA_VALUE, &value);
    if (rv == CKR_OK)
        rv = soft_digest_update(digest->running, value.data, value.size);
    bytes_free(&value);
    digest->updated = digest->updated || rv == CKR_OK;
    digest->keyed = digest->keyed || rv == CKR_OK;
    return rv;
}

/* A refusal ends nothing. */
static CK_RV digest_key(struct session *session, CK_OBJECT_HANDLE handle)
{
    struct object *object = token_find_object(session->token, handle);
    CK_RV rv = CKR_KEY_HANDLE_INVALID;

    if (object != NULL && session_sees(session, object))
        rv = add_key(&session->digest, object);
    object_return(object);
    return rv;
}

CK_RV C_DigestKey(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session->digest.row != NULL ? digest_key(session, key) : CKR_OPERATION_NOT_INITIALIZED;
    return session_leave(session, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE handle, CK_BYTE *out, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->digest.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else if (session->digest.asked)
        rv = refuse(&session->digest);
    else
        rv = finish(&session->digest, NULL, 0, out, size);
    return session_leave(session, rv);
}
