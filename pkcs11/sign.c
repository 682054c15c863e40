/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/session.h"

static CK_RV sign_with_key(struct operation *operation, uint8_t *signature, size_t size)
{
    const struct key *key = operation->object->key;
    uint8_t digest[HASH_SIZE_MAXIMUM];
    const uint8_t *input;
    size_t input_size;
    CK_RV rv = operation_input(operation, digest, &input, &input_size);

    if (rv != CKR_OK)
        return rv;
    if (key->backend->sign == NULL)
        return backend_missing(key->backend, "sign");
    return key->backend->sign(key->instance, key->material, operation->row->scheme, &operation->parameters,
                              input, input_size, signature, size);
}

/* The end of a signature, one-shot or multi-part. Asking for the length, or for too short a buffer, ends
 * nothing. */
static CK_RV finish(struct operation *operation, const void *data, size_t data_size, CK_BYTE *signature,
                    CK_ULONG *size)
{
    CK_RV rv;

    if (size == NULL || (data == NULL && data_size != 0)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    if (!operation_has_room(public_key_signature_size(&operation->object->key->public), signature, size, &rv))
        return rv;
    rv = operation_may_use_key(operation);
    if (rv == CKR_OK)
        rv = operation_update(operation, data, data_size);
    if (rv == CKR_OK)
        rv = sign_with_key(operation, signature, *size);
    operation_end(operation);
    return rv;
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = operation_begin(session, &session->sign, mechanism, key, CKF_SIGN, CKO_PRIVATE_KEY, CKA_SIGN);
    return session_leave(session, rv);
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->sign.row == NULL || session->sign.updated)
        rv = session->sign.row == NULL ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE;
    else
        rv = finish(&session->sign, data, data_size, signature, size);
    return session_leave(session, rv);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->sign.row == NULL)
        return session_leave(session, CKR_OPERATION_NOT_INITIALIZED);
    session->sign.updated = true;
    rv = operation_update(&session->sign, part, part_size);
    if (rv != CKR_OK)
        operation_end(&session->sign);
    return session_leave(session, rv);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->sign.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = finish(&session->sign, NULL, 0, signature, size);
    return session_leave(session, rv);
}

/* --- with recovery: the data is in the signature, which is otherwise the same
 * ---------------------------------- */

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = operation_begin(session, &session->sign_recover, mechanism, key, CKF_SIGN_RECOVER, CKO_PRIVATE_KEY,
                         CKA_SIGN_RECOVER);
    return session_leave(session, rv);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature,
                    CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->sign_recover.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = finish(&session->sign_recover, data, data_size, signature, size);
    return session_leave(session, rv);
}
