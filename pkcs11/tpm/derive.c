/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/rc.h"

#include <string.h>

struct agreement {
    TPM2_HANDLE key;
    TPM2B_ECC_POINT peer;
    TPM2B_ECC_POINT shared;
    TSS2_RC rc; /* the TPM's own answer */
};

static TSS2_RC prepare_zgen(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct agreement *agreement = arguments;

    return Tss2_Sys_ECDH_ZGen_Prepare(sys, agreement->key, &agreement->peer);
}

static TSS2_RC complete_zgen(TSS2_SYS_CONTEXT *sys, void *result)
{
    TPM2B_ECC_POINT *point = result;

    point->size = 0;
    return Tss2_Sys_ECDH_ZGen_Complete(sys, point);
}

/* A session that does not come about says nothing of the peer's point, so it is made first. */
static TSS2_RC agree_with(struct tpm *tpm, TPM2_HANDLE key, void *data)
{
    static const struct tpm_command command = {"ECDH_ZGen", prepare_zgen, complete_zgen, 1, TPM_SECRET_OUT};
    struct agreement *agreement = data;
    TSS2_RC rc = tpm_bus_open(tpm, &command);

    agreement->key = key;
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    agreement->rc = tpm_execute(tpm, &command, agreement, &agreement->shared);
    return agreement->rc;
}

static void put_point(const struct public_key *from, TPM2B_ECC_POINT *to)
{
    size_t field = from->curve->field_size;

    to->point.x.size = (UINT16)field;
    to->point.y.size = (UINT16)field;
    memcpy(to->point.x.buffer, from->point.data + 1, field);
    memcpy(to->point.y.buffer, from->point.data + 1 + field, field);
}

/* The x coordinate with the zeros in front that a TPM may leave out. */
static CK_RV take_secret(const struct tpm_token *token, const TPM2B_ECC_PARAMETER *x, size_t field,
                         struct bytes *secret)
{
    if (x->size == 0 || x->size > field)
        return p11_fail(CKR_DEVICE_ERROR, "TPM %s answers with a point of another curve",
                        tpm_name(token->tpm));
    if (!bytes_alloc(secret, field))
        return CKR_HOST_MEMORY;
    memcpy(secret->data + (field - x->size), x->buffer, x->size);
    return CKR_OK;
}

static CK_RV check(const struct tpm_key *key, const struct public_key *peer)
{
    if (key->public.type != CKK_EC || peer->type != CKK_EC)
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT, "the TPM agrees on secrets with EC keys only");
    if (peer->curve != key->public.curve || peer->point.size != 1 + 2 * peer->curve->field_size)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "the peer's key is not on the curve %s of this one",
                        key->public.curve->name);
    if ((key->public_area.publicArea.objectAttributes & TPMA_OBJECT_DECRYPT) == 0)
        return p11_fail(
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "the key may only sign; the TPM derives with keys that are made with CKA_DERIVE true");
    if (key->own_auth)
        return p11_fail(
            CKR_USER_NOT_LOGGED_IN,
            "the key has an authorization of its own, and there is no time to give it to a derivation");
    return CKR_OK;
}

CK_RV tpm_derive(void *instance, void *material, const struct public_key *peer, struct bytes *secret)
{
    const struct tpm_token *token = instance;
    const struct tpm_key *key = material;
    struct agreement agreement = {0};
    CK_RV rv = check(key, peer);

    *secret = BYTES_EMPTY;
    if (rv != CKR_OK)
        return rv;
    put_point(peer, &agreement.peer);
    rv = tpm_with_key(token, key, "derive a secret", agree_with, &agreement);
    if (rv != CKR_OK && tpm_rc_is(agreement.rc, TPM2_RC_ECC_POINT))
        rv = p11_fail(CKR_MECHANISM_PARAM_INVALID, "the peer's point is not on the curve %s",
                      peer->curve->name);
    if (rv == CKR_OK)
        rv = take_secret(token, &agreement.shared.point.x, peer->curve->field_size, secret);
    bytes_wipe(&agreement, sizeof agreement);
    return rv;
}
