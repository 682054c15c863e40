/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/session.h"
#include "pkcs11/soft/verify.h"

#include <string.h>

/* Verification needs the public key only: it is done in software for every token. */

static CK_RV check_signature(struct operation *operation, const uint8_t *signature, size_t size)
{
    const struct public_key *key = &operation->object->key->public;
    uint8_t digest[HASH_SIZE_MAXIMUM];
    const uint8_t *input;
    size_t input_size;
    CK_RV rv = operation_input(operation, digest, &input, &input_size);

    if (rv != CKR_OK)
        return rv;
    if (size != public_key_signature_size(key))
        return CKR_SIGNATURE_LEN_RANGE;
    return soft_verify(key, operation->row->scheme, &operation->parameters, input, input_size, signature);
}

/* The end of a verification, one-shot or multi-part: whatever the answer is, the operation is over. */
static CK_RV finish(struct operation *operation, const void *data, size_t data_size, const uint8_t *signature,
                    size_t size)
{
    CK_RV rv = signature != NULL ? operation_update(operation, data, data_size) : CKR_ARGUMENTS_BAD;

    if (rv == CKR_OK)
        rv = check_signature(operation, signature, size);
    operation_end(operation);
    return rv;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = operation_begin(session, &session->verify, mechanism, key, CKF_VERIFY, CKO_PUBLIC_KEY, CKA_VERIFY);
    return session_leave(session, rv);
}

CK_RV C_Verify(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature, CK_ULONG size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->verify.row == NULL || session->verify.updated)
        rv = session->verify.row == NULL ? CKR_OPERATION_NOT_INITIALIZED : CKR_OPERATION_ACTIVE;
    else
        rv = finish(&session->verify, data, data_size, signature, size);
    return session_leave(session, rv);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->verify.row == NULL)
        return session_leave(session, CKR_OPERATION_NOT_INITIALIZED);
    session->verify.updated = true;
    rv = operation_update(&session->verify, part, part_size);
    if (rv != CKR_OK)
        operation_end(&session->verify);
    return session_leave(session, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->verify.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = finish(&session->verify, NULL, 0, signature, size);
    return session_leave(session, rv);
}

/* --- with recovery of the data
 * ----------------------------------------------------------------------------------
 */

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = operation_begin(session, &session->verify_recover, mechanism, key, CKF_VERIFY_RECOVER,
                         CKO_PUBLIC_KEY, CKA_VERIFY_RECOVER);
    return session_leave(session, rv);
}

/* The data is recovered also when only its length is asked for: it alone tells the length. */
static CK_RV recover(struct operation *operation, const uint8_t *signature, size_t signature_size,
                     uint8_t *data, CK_ULONG *size)
{
    const struct public_key *key = &operation->object->key->public;
    struct bytes recovered = BYTES_EMPTY;
    CK_RV rv = CKR_SIGNATURE_LEN_RANGE;
    bool ends = true;

    if (signature == NULL || size == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if (signature_size == public_key_signature_size(key))
        rv = soft_recover(key, operation->row->scheme, signature, &recovered);
    if (rv == CKR_OK) {
        ends = operation_has_room(recovered.size, data, size, &rv);
        if (ends && recovered.size != 0)
            memcpy(data, recovered.data, recovered.size);
    }
    bytes_free(&recovered);
    if (ends)
        operation_end(operation);
    return rv;
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG signature_size, CK_BYTE *data,
                      CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (session->verify_recover.row == NULL)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = recover(&session->verify_recover, signature, signature_size, data, size);
    return session_leave(session, rv);
}
