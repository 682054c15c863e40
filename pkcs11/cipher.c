/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cipher.h"

#include <string.h>

CK_RV cipher_end(const struct cipher *cipher, struct operation *operation, const struct call *call)
{
    uint8_t unused[HASH_SIZE_MAXIMUM];
    struct bytes made = BYTES_EMPTY;
    const uint8_t *input;
    size_t size;
    CK_RV rv;

    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    if (call->out == NULL) {
        *call->size = cipher->maximum(operation);
        return CKR_OK;
    }
    rv = operation_input(operation, call->input, call->input_size, unused, &input, &size);
    if (rv == CKR_OK)
        rv = cipher->run(operation, input, size, &made);
    if (rv == CKR_OK && operation_has_room(made.size, call->out, call->size, &rv) && made.size != 0)
        memcpy(call->out, made.data, made.size);
    bytes_free(&made);
    return rv;
}

/* All of it comes at the end. */
CK_RV cipher_update(struct operation *operation, const struct call *call)
{
    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    *call->size = 0;
    return call->out != NULL ? operation_update(operation, call->input, call->input_size) : CKR_OK;
}
