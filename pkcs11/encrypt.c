/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"
#include "pkcs11/soft/encrypt.h"

static size_t maximum(const struct operation *operation)
{
    return operation->object->key->public.modulus.size;
}

static CK_RV run(const struct operation *operation, const uint8_t *input, size_t size, struct bytes *out)
{
    return soft_encrypt(&operation->object->key->public, operation->row->scheme, &operation->parameters,
                        input, size, out);
}

static const struct cipher encryption = {CKF_ENCRYPT, CKO_PUBLIC_KEY, CKA_ENCRYPT, maximum, run};

CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = cipher_begin(&encryption, session, &session->encrypt, mechanism, key);
    return session_leave(session, rv);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *encrypted,
                CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = cipher_once(&encryption, &session->encrypt, data, data_size, encrypted, size);
    return session_leave(session, rv);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *encrypted,
                      CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    (void)encrypted; /* all of it comes at the end */
    return rv != CKR_OK ? rv
                        : session_leave(session, cipher_update(&session->encrypt, part, part_size, size));
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    return rv != CKR_OK ? rv
                        : session_leave(session, cipher_end(&encryption, &session->encrypt, encrypted, size));
}
