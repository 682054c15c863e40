/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/frame.h"

/*
 * The calls that do two things with a part of a message: one operation en- or decrypts it, and another (a
 * digest, a signature or a verification) gets the plain text. What a decryption holds back until its end is
 * given out there, and it is the caller's to pass it on (PKCS#11 2.40, 5.12).
 */
struct dual {
    const struct frame *cipher;
    const struct frame *other; /* NULL: the digest */
    bool encrypts;
};

static bool is_active(const struct dual *dual, struct session *session)
{
    return session_operation(session, dual->cipher->flag)->row != NULL &&
           (dual->other != NULL ? session_operation(session, dual->other->flag)->row != NULL
                                : session->digest.row != NULL);
}

static CK_RV pass_on(const struct dual *dual, struct session *session, const CK_BYTE *plain, size_t size)
{
    const struct call call = {.input = plain, .input_size = size};

    return dual->other != NULL ? frame_update_entered(dual->other, session, &call)
                               : digest_update(&session->digest, plain, size);
}

/* How long the answer is comes first: when there is no room for it, neither operation may get the part. And
 * plain text is passed on before it may be written over. */
static CK_RV update(const struct dual *dual, struct session *session, const struct call *call)
{
    CK_ULONG needed = 0;
    struct call query = *call;
    CK_RV rv;

    query.out = NULL;
    query.size = call->size != NULL ? &needed : NULL;
    rv = frame_update_entered(dual->cipher, session, &query);
    if (rv != CKR_OK)
        return rv;
    if (call->out == NULL || *call->size < needed) {
        operation_has_room(needed, call->out, call->size, &rv);
        return rv;
    }
    if (dual->encrypts)
        rv = pass_on(dual, session, call->input, call->input_size);
    if (rv == CKR_OK)
        rv = frame_update_entered(dual->cipher, session, call);
    if (rv == CKR_OK && !dual->encrypts)
        rv = pass_on(dual, session, call->out, *call->size);
    return rv;
}

static CK_RV run(const char *function, const struct dual *dual, CK_SESSION_HANDLE handle, struct call call)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    if (!is_active(dual, session))
        return session_leave_function(session, function, CKR_OPERATION_NOT_INITIALIZED);
    rv = update(dual, session, &call);
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL)
        session_end_operations(session,
                               dual->cipher->flag | (dual->other != NULL ? dual->other->flag : CKF_DIGEST));
    return session_leave_function(session, function, rv);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *encrypted,
                            CK_ULONG *size)
{
    static const struct dual dual = {&p11_encryption, NULL, true};

    return run(__func__, &dual, handle,
               (struct call){.input = part, .input_size = part_size, .out = encrypted, .size = size});
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    static const struct dual dual = {&p11_decryption, NULL, false};

    return run(__func__, &dual, handle,
               (struct call){.input = encrypted, .input_size = encrypted_size, .out = part, .size = size});
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *encrypted,
                          CK_ULONG *size)
{
    static const struct dual dual = {&p11_encryption, &p11_signing, true};

    return run(__func__, &dual, handle,
               (struct call){.input = part, .input_size = part_size, .out = encrypted, .size = size});
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    static const struct dual dual = {&p11_decryption, &p11_verification, false};

    return run(__func__, &dual, handle,
               (struct call){.input = encrypted, .input_size = encrypted_size, .out = part, .size = size});
}
