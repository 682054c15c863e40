/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"
#include "pkcs11/soft/hash.h"

static size_t maximum(const struct operation *operation)
{
    static const size_t overheads[] = {[SCHEME_PKCS1] = 11, [SCHEME_OAEP] = 2};
    size_t size = operation->object->key->public.modulus.size;
    size_t overhead = 0;

    if (operation->row->scheme < sizeof overheads / sizeof overheads[0])
        overhead = overheads[operation->row->scheme];
    if (operation->row->scheme == SCHEME_OAEP)
        overhead += 2 * soft_hash_size(operation->parameters.hash);
    return size > overhead ? size - overhead : 0;
}

static CK_RV run(const struct operation *operation, const uint8_t *input, size_t size, struct bytes *out)
{
    const struct key *key = operation->object->key;

    return key->backend->decrypt(key->instance, key->material, operation->row->scheme, &operation->parameters,
                                 input, size, out);
}

static const struct cipher decryption = {CKF_DECRYPT, CKO_PRIVATE_KEY, CKA_DECRYPT, maximum, run};

CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = cipher_begin(&decryption, session, &session->decrypt, mechanism, key);
    if (rv == CKR_OK && session->decrypt.object->key->backend->decrypt == NULL) {
        rv = backend_missing(session->decrypt.object->key->backend, "decrypt");
        operation_end(&session->decrypt);
    }
    return session_leave(session, rv);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG encrypted_size, CK_BYTE *data,
                CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    if (rv != CKR_OK)
        return rv;
    rv = cipher_once(&decryption, &session->decrypt, encrypted, encrypted_size, data, size);
    return session_leave(session, rv);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *data,
                      CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    (void)data; /* all of it comes at the end */
    return rv != CKR_OK ? rv
                        : session_leave(session, cipher_update(&session->decrypt, part, part_size, size));
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG *size)
{
    struct session *session;
    CK_RV rv = session_enter(handle, &session);

    return rv != CKR_OK ? rv : session_leave(session, cipher_end(&decryption, &session->decrypt, data, size));
}
