/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/stream.h"

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
    CK_RV rv = operation_may_use_key(operation);

    return rv == CKR_OK ? key->backend->decrypt(key->instance, key->material, operation->row->scheme,
                                                &operation->parameters, input, size, out)
                        : rv;
}

static const struct cipher with_private_key = {maximum, run};

static CK_RV begin(struct operation *operation)
{
    const struct backend *backend = operation->object->key->backend;

    return mechanism_is_secret(operation->row) || backend->decrypt != NULL
               ? CKR_OK
               : backend_missing(backend, "decrypt");
}

static CK_RV once(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_once(operation, call, false)
                                               : cipher_end(&with_private_key, operation, call);
}

static CK_RV update(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_update(operation, call, false)
                                               : cipher_update(operation, call);
}

static CK_RV final(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_final(operation, call, false)
                                               : cipher_end(&with_private_key, operation, call);
}

const struct frame p11_decryption = {CKF_DECRYPT, CKO_PRIVATE_KEY, CKA_DECRYPT, begin, once, update, final};

CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &p11_decryption, handle, mechanism, key);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG encrypted_size, CK_BYTE *data,
                CK_ULONG *size)
{
    return frame_once(
        __func__, &p11_decryption, handle,
        (struct call){.input = encrypted, .input_size = encrypted_size, .out = data, .size = size});
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *data,
                      CK_ULONG *size)
{
    return frame_update(__func__, &p11_decryption, handle,
                        (struct call){.input = part, .input_size = part_size, .out = data, .size = size});
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG *size)
{
    return frame_final(__func__, &p11_decryption, handle, (struct call){.out = data, .size = size});
}
