/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"

#include "pkcs11/failure.h"

#include <string.h>

CK_RV cipher_begin(const struct cipher *cipher, struct session *session, struct operation *operation,
                   const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return operation_begin(session, operation, mechanism, key, cipher->flag, cipher->object_class,
                           cipher->usage);
}

/* PKCS#11 2.40, 5.2: asking for the length, or for less room than it takes, ends nothing. */
static CK_RV answer(const struct cipher *cipher, struct operation *operation, const uint8_t *input,
                    size_t input_size, CK_BYTE *out, CK_ULONG *size)
{
    struct bytes made = BYTES_EMPTY;
    CK_RV rv;

    if (out == NULL) {
        *size = cipher->maximum(operation);
        return CKR_OK;
    }
    rv = operation_may_use_key(operation);
    if (rv == CKR_OK)
        rv = cipher->run(operation, input, input_size, &made);
    if (rv == CKR_OK && operation_has_room(made.size, out, size, &rv) && made.size != 0)
        memcpy(out, made.data, made.size);
    bytes_free(&made);
    if (rv != CKR_BUFFER_TOO_SMALL)
        operation_end(operation);
    return rv;
}

CK_RV cipher_once(const struct cipher *cipher, struct operation *operation, const CK_BYTE *data,
                  CK_ULONG data_size, CK_BYTE *out, CK_ULONG *size)
{
    if (operation->row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (operation->updated)
        return CKR_OPERATION_ACTIVE;
    if (size == NULL || (data == NULL && data_size != 0)) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    return answer(cipher, operation, data, data_size, out, size);
}

CK_RV cipher_update(struct operation *operation, const CK_BYTE *part, CK_ULONG part_size, CK_ULONG *size)
{
    CK_RV rv = CKR_ARGUMENTS_BAD;

    if (operation->row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    operation->updated = true;
    if (size != NULL)
        rv = operation_update(operation, part, part_size);
    if (rv == CKR_OK)
        *size = 0;
    else
        operation_end(operation);
    return rv;
}

CK_RV cipher_end(const struct cipher *cipher, struct operation *operation, CK_BYTE *out, CK_ULONG *size)
{
    if (operation->row == NULL)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (size == NULL) {
        operation_end(operation);
        return CKR_ARGUMENTS_BAD;
    }
    return answer(cipher, operation, (const uint8_t *)buffer_text(&operation->data), operation->data.size,
                  out, size);
}
