/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/session.h"

#include <string.h>

/*
 * The saved state of a digest: format number, CKM_ number, whether parts were added, the state as
 * soft/digest.h writes it, and the SHA-256 of all that: a state that was cut, changed or made up is refused.
 * Other operations cannot be saved, because theirs would have to carry the key.
 */
#define FORMAT 0x44560001U
#define HEADER_SIZE 9
#define CHECK_SIZE 32
#define STATE_MAXIMUM 512

static CK_RV check_of(const void *state, size_t size, uint8_t check[HASH_SIZE_MAXIMUM])
{
    return soft_hash_once(HASH_SHA256, state, size, check);
}

static CK_RV save(const struct digest *digest, struct buffer *out)
{
    uint8_t check[HASH_SIZE_MAXIMUM];
    CK_RV rv;

    buffer_add_u32(out, FORMAT);
    buffer_add_u32(out, (uint32_t)digest->row->type);
    buffer_add_u8(out, digest->updated);
    rv = soft_digest_save(digest->running, out);
    if (rv == CKR_STATE_UNSAVEABLE)
        return p11_fail(rv, "the state of a %s digest cannot be saved", digest->row->name);
    if (rv == CKR_OK)
        rv = check_of(out->data, out->size, check);
    if (rv == CKR_OK && !buffer_add(out, check, CHECK_SIZE))
        rv = CKR_HOST_MEMORY;
    return rv;
}

static CK_RV get_state(struct session *session, uint8_t *state, CK_ULONG *size)
{
    struct buffer out;
    CK_RV rv;

    if (size == NULL)
        return CKR_ARGUMENTS_BAD;
    if (session_has_keyed_operation(session))
        return p11_fail(CKR_STATE_UNSAVEABLE,
                        "only the state of a digest can be saved, and one with a key is active");
    if (session->digest.row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (session->digest.keyed)
        return p11_fail(CKR_STATE_UNSAVEABLE, "a key is in the digest, and its state could tell the key");
    buffer_init(&out, STATE_MAXIMUM);
    rv = save(&session->digest, &out);
    if (rv == CKR_OK && operation_has_room(out.size, state, size, &rv))
        memcpy(state, out.data, out.size);
    buffer_free(&out);
    return rv;
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    return rv != CKR_OK ? rv : session_leave(session, get_state(session, state, size));
}

static CK_RV restore(const struct token *token, const uint8_t *state, size_t size, struct digest *digest)
{
    uint8_t check[HASH_SIZE_MAXIMUM];
    struct reader reader;

    if (size < HEADER_SIZE + CHECK_SIZE || size > STATE_MAXIMUM)
        return CKR_SAVED_STATE_INVALID;
    size -= CHECK_SIZE;
    if (check_of(state, size, check) != CKR_OK || !bytes_equal(check, CHECK_SIZE, state + size, CHECK_SIZE))
        return CKR_SAVED_STATE_INVALID;
    reader_init(&reader, state, size);
    if (reader_u32(&reader) != FORMAT ||
        mechanism_find(token, reader_u32(&reader), CKF_DIGEST, &digest->row) != CKR_OK)
        return CKR_SAVED_STATE_INVALID;
    digest->updated = reader_u8(&reader) != 0;
    return soft_digest_restore(digest->row->digest, &reader, &digest->running);
}

/* What was under way in the session ends, when the state is good. */
static CK_RV set_state(struct session *session, const uint8_t *state, size_t size)
{
    struct digest restored = {0};
    CK_RV rv = restore(session->token, state, size, &restored);

    if (rv != CKR_OK)
        return p11_fail(rv, "this is not the saved state of a digest, or it was changed");
    session_end_operations(session, ALL_OPERATIONS);
    session->digest = restored; /* transferred */
    return CKR_OK;
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG size,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (state == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if (encryption_key != CK_INVALID_HANDLE || authentication_key != CK_INVALID_HANDLE)
        rv = p11_fail(CKR_KEY_NOT_NEEDED, "a digest has no key");
    else
        rv = set_state(session, state, size);
    return session_leave(session, rv);
}
