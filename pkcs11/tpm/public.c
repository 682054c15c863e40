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

static const struct {
    CK_KEY_TYPE type;
    enum p11_hash hash;
} hmac_types[] = {
    {CKK_SHA_1_HMAC,     HASH_SHA1  },
    {CKK_SHA256_HMAC,    HASH_SHA256},
    {CKK_SHA384_HMAC,    HASH_SHA384},
    {CKK_SHA512_HMAC,    HASH_SHA512},
    {CKK_GENERIC_SECRET, HASH_SHA256},
};

#define HMAC_TYPES (sizeof hmac_types / sizeof hmac_types[0])

enum p11_hash tpm_hmac_hash(CK_KEY_TYPE type)
{
    for (size_t i = 0; i < HMAC_TYPES; i++)
        if (hmac_types[i].type == type)
            return hmac_types[i].hash;
    return HASH_NONE;
}

size_t tpm_hash_block(enum p11_hash hash)
{
    static const uint8_t blocks[HASH_COUNT] = {
        [HASH_SHA1] = 64, [HASH_SHA256] = 64, [HASH_SHA384] = 128, [HASH_SHA512] = 128};

    return blocks[hash];
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

/* What may sign and decrypt has no scheme, and is a key for any hash. A key without a use is sealed data. */
static CK_RV hmac_key(const TPMT_PUBLIC *area, struct public_key *key)
{
    const TPMT_KEYEDHASH_SCHEME *scheme = &area->parameters.keyedHashDetail.scheme;
    static const TPMA_OBJECT any = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT;
    enum p11_hash hash = tpm_hash(scheme->details.hmac.hashAlg);

    if ((area->objectAttributes & any) == any && scheme->scheme == TPM2_ALG_NULL) {
        key->type = CKK_GENERIC_SECRET;
        key->size = soft_hash_size(tpm_hmac_hash(key->type));
        return CKR_OK;
    }
    if ((area->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0 || scheme->scheme != TPM2_ALG_HMAC ||
        hash == HASH_NONE)
        return CKR_DATA_INVALID;
    for (size_t i = HMAC_TYPES; i > 0; i--)
        if (hmac_types[i - 1].hash == hash)
            key->type = hmac_types[i - 1].type;
    key->size = soft_hash_size(hash);
    return CKR_OK;
}

static CK_RV aes_key(const TPMT_PUBLIC *area, struct public_key *key)
{
    const TPMT_SYM_DEF_OBJECT *cipher = &area->parameters.symDetail.sym;

    if (cipher->algorithm != TPM2_ALG_AES || cipher->keyBits.aes % 64 != 0 || cipher->keyBits.aes == 0)
        return CKR_DATA_INVALID;
    key->type = CKK_AES;
    key->size = cipher->keyBits.aes / 8;
    return CKR_OK;
}

CK_RV tpm_public_key(const TPM2B_PUBLIC *area, struct public_key *key)
{
    static const struct {
        TPMI_ALG_PUBLIC type;
        CK_RV (*read)(const TPMT_PUBLIC *area, struct public_key *key);
    } types[] = {
        {TPM2_ALG_RSA,       rsa_key },
        {TPM2_ALG_ECC,       ec_key  },
        {TPM2_ALG_KEYEDHASH, hmac_key},
        {TPM2_ALG_SYMCIPHER, aes_key },
    };
    CK_RV rv = CKR_DATA_INVALID;

    *key = (struct public_key){0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == area->publicArea.type)
            rv = types[i].read(&area->publicArea, key);
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
