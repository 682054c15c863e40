/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/parameters.h"

#include "pkcs11/failure.h"

#include <string.h>

/* Shared data, salts and points; no use is known that comes near. */
#define DATA_MAXIMUM 65536

void parameters_free(struct p11_parameters *parameters)
{
    bytes_free(&parameters->label);
    bytes_free(&parameters->point);
    bytes_free(&parameters->salt);
    bytes_free(&parameters->iv);
    bytes_free(&parameters->aad);
    bytes_free(&parameters->auth);
    *parameters = (struct p11_parameters){0};
}

/* What a member and its length say. */
static CK_RV take(const struct mechanism *row, const char *what, const void *data, CK_ULONG size,
                  struct bytes *out)
{
    if ((data == NULL && size != 0) || size > DATA_MAXIMUM)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the %s is not valid", row->name, what);
    return bytes_copy(out, data, size) ? CKR_OK : CKR_HOST_MEMORY;
}

static bool has_size(const CK_MECHANISM *mechanism, size_t size)
{
    return mechanism->pParameter != NULL && mechanism->ulParameterLen == size;
}

/* PKCS#11 2.40 current mechanisms, 2.3.8. */
static const struct {
    CK_ULONG type;
    enum p11_hash hash;
} kdfs[] = {
    {CKD_NULL,       HASH_NONE  },
    {CKD_SHA1_KDF,   HASH_SHA1  },
    {CKD_SHA224_KDF, HASH_SHA224},
    {CKD_SHA256_KDF, HASH_SHA256},
    {CKD_SHA384_KDF, HASH_SHA384},
    {CKD_SHA512_KDF, HASH_SHA512},
};

static bool find_kdf(CK_ULONG type, enum p11_hash *hash)
{
    for (size_t i = 0; i < sizeof kdfs / sizeof kdfs[0]; i++) {
        if (kdfs[i].type != type)
            continue;
        *hash = kdfs[i].hash;
        return true;
    }
    return false;
}

CK_RV parameters_of_ecdh(const CK_MECHANISM *mechanism, const struct mechanism *row,
                         struct p11_parameters *parameters)
{
    CK_ECDH1_DERIVE_PARAMS given;
    CK_RV rv;

    if (!has_size(mechanism, sizeof given))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_ECDH1_DERIVE_PARAMS", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    if (!find_kdf(given.kdf, &parameters->hash))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: KDF 0x%lx is not supported", row->name, given.kdf);
    if (given.kdf == CKD_NULL && given.ulSharedDataLen != 0)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: CKD_NULL takes no shared data", row->name);
    rv = take(row, "shared data", given.pSharedData, given.ulSharedDataLen, &parameters->label);
    return rv == CKR_OK
               ? take(row, "public key", given.pPublicData, given.ulPublicDataLen, &parameters->point)
               : rv;
}

/* The hash by its digest mechanism, or by that of its HMAC, as the standard names it. */
static const struct {
    CK_MECHANISM_TYPE digest;
    CK_MECHANISM_TYPE hmac;
    enum p11_hash hash;
} prfs[] = {
    {CKM_SHA_1,    CKM_SHA_1_HMAC,  HASH_SHA1    },
    {CKM_SHA224,   CKM_SHA224_HMAC, HASH_SHA224  },
    {CKM_SHA256,   CKM_SHA256_HMAC, HASH_SHA256  },
    {CKM_SHA384,   CKM_SHA384_HMAC, HASH_SHA384  },
    {CKM_SHA512,   CKM_SHA512_HMAC, HASH_SHA512  },
    {CKM_SHA3_224, 0x2b6,           HASH_SHA3_224},
    {CKM_SHA3_256, 0x2b1,           HASH_SHA3_256},
    {CKM_SHA3_384, 0x2c1,           HASH_SHA3_384},
    {CKM_SHA3_512, 0x2d1,           HASH_SHA3_512},
};

static CK_RV read_salt(const CK_HKDF_PARAMS *given, const struct mechanism *row,
                       struct p11_parameters *parameters)
{
    if (given->ulSaltType == CKF_HKDF_SALT_DATA)
        return take(row, "salt", given->pSalt, given->ulSaltLen, &parameters->salt);
    if (given->ulSaltType == CKF_HKDF_SALT_KEY && given->hSaltKey != CK_INVALID_HANDLE)
        parameters->object = given->hSaltKey;
    else if (given->ulSaltType != CKF_HKDF_SALT_NULL)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the type of salt is not valid", row->name);
    return CKR_OK;
}

CK_RV parameters_of_hkdf(const CK_MECHANISM *mechanism, const struct mechanism *row,
                         struct p11_parameters *parameters)
{
    CK_HKDF_PARAMS given;
    CK_RV rv = CKR_OK;

    if (!has_size(mechanism, sizeof given))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_HKDF_PARAMS", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    for (size_t i = 0; i < sizeof prfs / sizeof prfs[0]; i++)
        if (prfs[i].digest == given.prfHashMechanism || prfs[i].hmac == given.prfHashMechanism)
            parameters->hash = prfs[i].hash;
    if (parameters->hash == HASH_NONE)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: hash 0x%lx is not supported", row->name,
                        given.prfHashMechanism);
    parameters->extract = given.bExtract != CK_FALSE;
    parameters->expand = given.bExpand != CK_FALSE;
    if (!parameters->extract && !parameters->expand)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: neither of its steps is asked for", row->name);
    if (parameters->extract)
        rv = read_salt(&given, row, parameters);
    if (rv == CKR_OK && parameters->expand)
        rv = take(row, "info", given.pInfo, given.ulInfoLen, &parameters->label);
    return rv;
}

/* PKCS#11 2.40 current mechanisms, 2.12: an IV of 8 bytes (RFC 3394), of 4 (RFC 5649), or none. */
CK_RV parameters_of_key_wrap(const CK_MECHANISM *mechanism, const struct mechanism *row,
                             struct p11_parameters *parameters)
{
    size_t size = row->scheme == SCHEME_KEY_WRAP ? 8 : 4;

    if (mechanism->ulParameterLen == 0)
        return CKR_OK;
    if (!has_size(mechanism, size))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s takes an IV of %zu bytes or none", row->name, size);
    return take(row, "IV", mechanism->pParameter, size, &parameters->iv);
}

CK_RV parameters_of_credential(const CK_MECHANISM *mechanism, const struct mechanism *row,
                               struct p11_parameters *parameters)
{
    if (!has_size(mechanism, sizeof parameters->object))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs the handle of the storage root key's object",
                        row->name);
    memcpy(&parameters->object, mechanism->pParameter, sizeof parameters->object);
    return CKR_OK;
}
