/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/frame.h"
#include "pkcs11/soft/verify.h"

#include <string.h>

#define PAIR_MAXIMUM 132 /* P-521 */

/* Verification with a public key needs no secret: it is done in software for every token. A MAC is made again
 * and compared. */

static CK_RV check_mac(struct operation *operation, const struct call *call)
{
    uint8_t mac[HASH_SIZE_MAXIMUM];
    size_t size = operation_signature_size(operation);
    CK_RV rv = operation_sign(operation, call->input, call->input_size, mac, size);

    if (rv == CKR_OK && !bytes_equal(mac, size, call->signature, size))
        rv = CKR_SIGNATURE_INVALID;
    bytes_wipe(mac, sizeof mac);
    return rv;
}

static CK_RV check_signature(struct operation *operation, const struct call *call)
{
    uint8_t digest[HASH_SIZE_MAXIMUM];
    const uint8_t *input;
    size_t size;
    CK_RV rv = operation_input(operation, call->input, call->input_size, digest, &input, &size);

    return rv == CKR_OK ? soft_verify(&operation->object->key->public, operation->row->scheme,
                                      &operation->parameters, input, size, call->signature)
                        : rv;
}

/* PKCS#11 2.40 current mechanisms, 2.3.1: the numbers of an ECDSA signature may come without zeros in front,
 * if they are equally long. */
static bool is_short_pair(const struct operation *operation, const struct call *call)
{
    return operation->row->scheme == SCHEME_ECDSA && call->signature_size != 0 &&
           call->signature_size % 2 == 0 && call->signature_size < operation_signature_size(operation);
}

static CK_RV check_short_pair(struct operation *operation, const struct call *call)
{
    uint8_t pair[PAIR_MAXIMUM] = {0};
    size_t half = operation_signature_size(operation) / 2;
    size_t given = call->signature_size / 2;
    struct call whole = *call;

    memcpy(pair + (half - given), call->signature, given);
    memcpy(pair + half + (half - given), call->signature + given, given);
    whole.signature = pair;
    whole.signature_size = 2 * half;
    return check_signature(operation, &whole);
}

/* The end of a verification, one-shot or multi-part: whatever the answer is, the operation is over. */
static CK_RV verify(struct operation *operation, const struct call *call)
{
    if (call->signature == NULL)
        return CKR_ARGUMENTS_BAD;
    if (is_short_pair(operation, call))
        return check_short_pair(operation, call);
    if (call->signature_size != operation_signature_size(operation))
        return CKR_SIGNATURE_LEN_RANGE;
    return mechanism_is_secret(operation->row) ? check_mac(operation, call)
                                               : check_signature(operation, call);
}

static CK_RV add(struct operation *operation, const struct call *call)
{
    return operation_update(operation, call->input, call->input_size);
}

const struct frame p11_verification = {CKF_VERIFY, CKO_PUBLIC_KEY, CKA_VERIFY, NULL, verify, add, verify};

CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &p11_verification, handle, mechanism, key);
}

CK_RV C_Verify(CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_size, CK_BYTE *signature, CK_ULONG size)
{
    return frame_once(
        __func__, &p11_verification, handle,
        (struct call){
            .input = data, .input_size = data_size, .signature = signature, .signature_size = size});
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_size)
{
    return frame_update(__func__, &p11_verification, handle,
                        (struct call){.input = part, .input_size = part_size});
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG size)
{
    return frame_final(__func__, &p11_verification, handle,
                       (struct call){.signature = signature, .signature_size = size});
}

/* --- with recovery of the data
 * ------------------------------------------------------------------------------------ */

/* The data is recovered also when only its length is asked for: it alone tells the length. */
static CK_RV recover(struct operation *operation, const struct call *call)
{
    const struct public_key *key = &operation->object->key->public;
    struct bytes recovered = BYTES_EMPTY;
    CK_RV rv;

    if (call->signature == NULL || call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    if (call->signature_size != public_key_signature_size(key))
        return CKR_SIGNATURE_LEN_RANGE;
    rv = soft_recover(key, operation->row->scheme, call->signature, &recovered);
    if (rv == CKR_OK && operation_has_room(recovered.size, call->out, call->size, &rv) && recovered.size != 0)
        memcpy(call->out, recovered.data, recovered.size);
    bytes_free(&recovered);
    return rv;
}

static const struct frame recovery = {
    CKF_VERIFY_RECOVER, CKO_PUBLIC_KEY, CKA_VERIFY_RECOVER, NULL, recover, NULL, NULL,
};

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return frame_begin(__func__, &recovery, handle, mechanism, key);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG signature_size, CK_BYTE *data,
                      CK_ULONG *size)
{
    return frame_once(
        __func__, &recovery, handle,
        (struct call){.out = data, .size = size, .signature = signature, .signature_size = signature_size});
}
