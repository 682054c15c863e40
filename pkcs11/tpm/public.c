/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/public.h"

#include "common/buffer.h"
#include "pkcs11/soft/hash.h"

#include <tss2/tss2_mu.h>

#include <string.h>

static const struct {
    const char *name;
    TPM2_ECC_CURVE number;
} curves[] = {
    {"P-256", TPM2_ECC_NIST_P256},
    {"P-384", TPM2_ECC_NIST_P384},
    {"P-521", TPM2_ECC_NIST_P521},
};

#define CURVES (sizeof curves / sizeof curves[0])

static const struct {
    TPMI_ALG_HASH number;
    const char *name;
} hashes[HASH_COUNT] = {
    [HASH_NONE] = {TPM2_ALG_NULL,   NULL    },
      [HASH_SHA1] = {TPM2_ALG_SHA1,   "sha1"  },
    [HASH_SHA224] = {TPM2_ALG_NULL,   NULL    },
      [HASH_SHA256] = {TPM2_ALG_SHA256, "sha256"},
    [HASH_SHA384] = {TPM2_ALG_SHA384, "sha384"},
      [HASH_SHA512] = {TPM2_ALG_SHA512, "sha512"},
};

TPM2_ECC_CURVE tpm_curve_number(const struct p11_curve *curve)
{
    for (size_t i = 0; i < CURVES; i++)
        if (strcmp(curves[i].name, curve->name) == 0)
            return curves[i].number;
    return TPM2_ECC_NONE;
}

const struct p11_curve *tpm_curve(TPM2_ECC_CURVE number)
{
    for (size_t i = 0; i < CURVES; i++)
        if (curves[i].number == number)
            return p11_curve_by_name(curves[i].name, strlen(curves[i].name));
    return NULL;
}

TPMI_ALG_HASH tpm_hash_number(enum p11_hash hash)
{
    return hash < HASH_COUNT ? hashes[hash].number : TPM2_ALG_NULL;
}

enum p11_hash tpm_hash(TPMI_ALG_HASH number)
{
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++)
        if (hashes[hash].number == number && number != TPM2_ALG_NULL)
            return hash;
    return HASH_NONE;
}

const char *tpm_hash_name(enum p11_hash hash)
{
    return hash < HASH_COUNT ? hashes[hash].name : NULL;
}

static CK_RV rsa_key(const TPMT_PUBLIC *area, struct public_key *key)
{
    uint32_t exponent =
        area->parameters.rsaDetail.exponent != 0 ? area->parameters.rsaDetail.exponent : 65537;
    uint8_t wire[4] = {(uint8_t)(exponent >> 24), (uint8_t)(exponent >> 16), (uint8_t)(exponent >> 8),
                       (uint8_t)exponent};
    size_t zeros = 0;

    if (area->unique.rsa.size == 0 || area->unique.rsa.buffer[0] == 0)
        return CKR_DATA_INVALID;
    while (wire[zeros] == 0)
        zeros++;
    key->type = CKK_RSA;
    return bytes_copy(&key->modulus, area->unique.rsa.buffer, area->unique.rsa.size) &&
                   bytes_copy(&key->exponent, wire + zeros, sizeof wire - zeros)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* TPMs leave out leading zeros of coordinates, or not. */
static bool add_coordinate(const TPM2B_ECC_PARAMETER *coordinate, size_t field_size, struct buffer *point)
{
    if (coordinate->size > field_size)
        return false;
    for (size_t i = coordinate->size; i < field_size; i++)
        buffer_add_u8(point, 0);
    return buffer_add(point, coordinate->buffer, coordinate->size);
}

static CK_RV ec_key(const TPMT_PUBLIC *area, struct public_key *key)
{
    const struct p11_curve *curve = tpm_curve(area->parameters.eccDetail.curveID);
    struct buffer point;
    CK_RV rv = CKR_DATA_INVALID;

    if (curve == NULL)
        return CKR_DATA_INVALID;
    key->type = CKK_EC;
    key->curve = curve;
    buffer_init(&point, 1 + 2 * curve->field_size);
    buffer_add_u8(&point, 0x04);
    if (add_coordinate(&area->unique.ecc.x, curve->field_size, &point) &&
        add_coordinate(&area->unique.ecc.y, curve->field_size, &point) && buffer_take(&point, &key->point))
        rv = CKR_OK;
    buffer_free(&point);
    return rv;
}

CK_RV tpm_public_key(const TPM2B_PUBLIC *area, struct public_key *key)
{
    CK_RV rv = CKR_DATA_INVALID;

    *key = (struct public_key){0};
    if (area->publicArea.type == TPM2_ALG_RSA)
        rv = rsa_key(&area->publicArea, key);
    else if (area->publicArea.type == TPM2_ALG_ECC)
        rv = ec_key(&area->publicArea, key);
    if (rv != CKR_OK)
        public_key_free(key);
    return rv;
}

CK_RV tpm_public_name(const TPM2B_PUBLIC *area, TPM2B_NAME *name)
{
    enum p11_hash hash = tpm_hash(area->publicArea.nameAlg);
    uint8_t wire[sizeof(TPMT_PUBLIC)];
    size_t size = 0;

    if (hash == HASH_NONE ||
        Tss2_MU_TPMT_PUBLIC_Marshal(&area->publicArea, wire, sizeof wire, &size) != TSS2_RC_SUCCESS)
        return CKR_DATA_INVALID;
    name->name[0] = (uint8_t)(area->publicArea.nameAlg >> 8);
    name->name[1] = (uint8_t)area->publicArea.nameAlg;
    name->size = (UINT16)(2 + soft_hash_size(hash));
    return soft_hash_once(hash, wire, size, name->name + 2);
}
