/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/stream.h"

/* Public keys encrypt in software, secret ones where they live. */

static size_t maximum(const struct operation *operation)
{
    return operation->object->key->public.modulus.size;
}

static CK_RV run(const struct operation *operation, const uint8_t *input, size_t size, struct bytes *out)
{
    return soft_encrypt(&operation->object->key->public, operation->row->scheme, &operation->parameters,
                        input, size, out);
}

static const struct cipher with_public_key = {maximum, run};

static CK_RV once(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_once(operation, call, true)
                                               : cipher_end(&with_public_key, operation, call);
}

static CK_RV update(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_update(operation, call, true)
                                               : cipher_update(operation, call);
}

static CK_RV final(struct operation *operation, const struct call *call)
{
    return mechanism_is_secret(operation->row) ? stream_final(operation, call, true)
                                               : cipher_end(&with_public_key, operation, call);
}

const struct frame p11_encryption = {CKF_ENCRYPT, CKO_PUBLIC_KEY, CKA_ENCRYPT, NULL, once, update, final};

CK_RV C_EncryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &p11_encryption, handle, mechanism, key);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *encrypted,
                CK_ULONG *size)
{
    return frame_once(__func__, &p11_encryption, handle,
                      (struct call){.input = data, .input_size = data_size, .out = encrypted, .size = size});
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size, CK_BYTE *encrypted,
                      CK_ULONG *size)
{
    return frame_update(
        __func__, &p11_encryption, handle,
        (struct call){.input = part, .input_size = part_size, .out = encrypted, .size = size});
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE handle, CK_BYTE *encrypted, CK_ULONG *size)
{
    return frame_final(__func__, &p11_encryption, handle, (struct call){.out = encrypted, .size = size});
}
