/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/share.h"

#include "pkcs11/soft/ec.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/soft/rsa.h"
#include "pkcs11/tpm/public.h"

#include <tss2/tss2_mu.h>

#include <string.h>
#include <sys/random.h>

/* Part 1, B.10: random, by OAEP with the key's name algorithm. */
static TSS2_RC share_rsa(const struct public_key *key, enum p11_hash hash, const char *label,
                         struct tpm_shared *shared)
{
    struct bytes wrapped = BYTES_EMPTY;
    TSS2_RC rc = TSS2_SYS_RC_GENERAL_FAILURE;

    shared->size = soft_hash_size(hash);
    if (getrandom(shared->value, shared->size, 0) == (ssize_t)shared->size &&
        soft_rsa_encrypt_oaep(key, hash, label, shared->value, shared->size, &wrapped) == CKR_OK &&
        wrapped.size <= sizeof shared->wrapped.secret) {
        memcpy(shared->wrapped.secret, wrapped.data, wrapped.size);
        shared->wrapped.size = (UINT16)wrapped.size;
        rc = TSS2_RC_SUCCESS;
    }
    bytes_free(&wrapped);
    return rc;
}

/* Part 1, C.6: the wrapped secret is the ephemeral point, as a TPMS_ECC_POINT. */
static TSS2_RC marshal_point(const struct bytes *point, TPM2B_ENCRYPTED_SECRET *wrapped)
{
    size_t field = point->size / 2;
    TPMS_ECC_POINT wire = {.x.size = (UINT16)field, .y.size = (UINT16)field};
    size_t size = 0;
    TSS2_RC rc;

    if (field > sizeof wire.x.buffer)
        return TSS2_SYS_RC_GENERAL_FAILURE;
    memcpy(wire.x.buffer, point->data + 1, field);
    memcpy(wire.y.buffer, point->data + 1 + field, field);
    rc = Tss2_MU_TPMS_ECC_POINT_Marshal(&wire, wrapped->secret, sizeof wrapped->secret, &size);
    wrapped->size = (UINT16)size;
    return rc;
}

static TSS2_RC share_ecc(const struct public_key *key, enum p11_hash hash, const char *label,
                         struct tpm_shared *shared)
{
    const size_t field = key->curve->field_size;
    struct bytes point;
    struct bytes secret;
    TSS2_RC rc = TSS2_SYS_RC_GENERAL_FAILURE;

    if (soft_ecdh_ephemeral(key, &point, &secret) == CKR_OK) {
        const struct soft_kdf_input input = {
            label, {point.data + 1,      field},
             {key->point.data + 1, field}
        };

        shared->size = soft_hash_size(hash);
        if (soft_kdfe(hash, secret.data, secret.size, &input, shared->value, shared->size) == CKR_OK)
            rc = marshal_point(&point, &shared->wrapped);
    }
    bytes_free(&point);
    bytes_free(&secret);
    return rc;
}

TSS2_RC tpm_share(const TPM2B_PUBLIC *area, const char *label, struct tpm_shared *shared)
{
    enum p11_hash hash = tpm_hash(area->publicArea.nameAlg);
    struct public_key key;
    TSS2_RC rc = TSS2_SYS_RC_GENERAL_FAILURE;

    *shared = (struct tpm_shared){0};
    if (tpm_public_key(area, &key) != CKR_OK)
        return TSS2_SYS_RC_GENERAL_FAILURE;
    if (key.type == CKK_RSA)
        rc = share_rsa(&key, hash, label, shared);
    else if (key.type == CKK_EC)
        rc = share_ecc(&key, hash, label, shared);
    public_key_free(&key);
    return rc;
}
