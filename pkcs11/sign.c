/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/frame.h"

/* The end of a signature, one-shot or multi-part. */
static CK_RV sign(struct operation *operation, const struct call *call)
{
    CK_RV rv;

    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    if (!operation_has_room(operation_signature_size(operation), call->out, call->size, &rv))
        return rv;
    return operation_sign(operation, call->input, call->input_size, call->out, *call->size);
}

static CK_RV add(struct operation *operation, const struct call *call)
{
    return operation_update(operation, call->input, call->input_size);
}

const struct frame p11_signing = {CKF_SIGN, CKO_PRIVATE_KEY, CKA_SIGN, NULL, sign, add, sign};

/* The data is in the signature, which is otherwise the same. */
static const struct frame recovery = {
    CKF_SIGN_RECOVER, CKO_PRIVATE_KEY, CKA_SIGN_RECOVER, NULL, sign, NULL, NULL};

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &p11_signing, handle, mechanism, key);
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature, CK_ULONG *size)
{
    return frame_once(__func__, &p11_signing, handle,
                      (struct call){.input = data, .input_size = data_size, .out = signature, .size = size});
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size)
{
    return frame_update(__func__, &p11_signing, handle,
                        (struct call){.input = part, .input_size = part_size});
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *size)
{
    return frame_final(__func__, &p11_signing, handle, (struct call){.out = signature, .size = size});
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &recovery, handle, mechanism, key);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature,
                    CK_ULONG *size)
{
    return frame_once(__func__, &recovery, handle,
                      (struct call){.input = data, .input_size = data_size, .out = signature, .size = size});
}
