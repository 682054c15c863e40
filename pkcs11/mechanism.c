/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/mechanism.h"

#include "devid/pkcs11.h"
#include "pkcs11/failure.h"
#include "pkcs11/parameters.h"
#include "pkcs11/secrettype.h"
#include "pkcs11/token.h"

#include <string.h>

static CK_RV parse_none(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    if (mechanism->ulParameterLen != 0)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s takes no parameter", row->name);
    parameters->hash = row->digest;
    return CKR_OK;
}

static const struct {
    CK_MECHANISM_TYPE digest;
    CK_RSA_PKCS_MGF_TYPE mgf;
    enum p11_hash hash;
} hashes[] = {
    {CKM_SHA_1,  CKG_MGF1_SHA1,   HASH_SHA1  },
    {CKM_SHA224, CKG_MGF1_SHA224, HASH_SHA224},
    {CKM_SHA256, CKG_MGF1_SHA256, HASH_SHA256},
    {CKM_SHA384, CKG_MGF1_SHA384, HASH_SHA384},
    {CKM_SHA512, CKG_MGF1_SHA512, HASH_SHA512},
};

#define LABEL_MAXIMUM 65536
#define HASHES (sizeof hashes / sizeof hashes[0])

static CK_RV parse_pss(const CK_MECHANISM *mechanism, const struct mechanism *row,
                       struct p11_parameters *parameters)
{
    CK_RSA_PKCS_PSS_PARAMS given;

    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != sizeof given)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_RSA_PKCS_PSS_PARAMS", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    for (size_t i = 0; i < HASHES; i++) {
        if (hashes[i].digest == given.hashAlg)
            parameters->hash = hashes[i].hash;
        if (hashes[i].mgf == given.mgf)
            parameters->mgf_hash = hashes[i].hash;
    }
    parameters->salt_length = given.sLen;
    if (parameters->hash == HASH_NONE || parameters->mgf_hash == HASH_NONE)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: hash 0x%lx with MGF 0x%lx is not supported",
                        row->name, given.hashAlg, given.mgf);
    if (row->digest != HASH_NONE && parameters->hash != row->digest)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the parameter names another hash", row->name);
    if (given.sLen > row->maximum / 8)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: a salt of %lu bytes fits no key", row->name,
                        given.sLen);
    return CKR_OK;
}

/* PKCS#11 3.0 current mechanisms, 2.3.14: no parameter is pure EdDSA, and so is one without phFlag and
 * context; the other variants are not for Ed25519. */
static CK_RV parse_eddsa(const CK_MECHANISM *mechanism, const struct mechanism *row,
                         struct p11_parameters *parameters)
{
    struct {
        CK_BBOOL prehashed;
        CK_ULONG context_size;
        CK_BYTE *context;
    } given;

    if (mechanism->ulParameterLen == 0)
        return CKR_OK;
    (void)parameters;
    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != sizeof given)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s takes a CK_EDDSA_PARAMS or nothing", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    if (given.prehashed != CK_FALSE || given.context_size != 0)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: only pure Ed25519, without a context, is done here",
                        row->name);
    return CKR_OK;
}

/* PKCS#11 2.40 current mechanisms, 2.1.8: without a source of the label there is none. */
static CK_RV parse_oaep(const CK_MECHANISM *mechanism, const struct mechanism *row,
                        struct p11_parameters *parameters)
{
    CK_RSA_PKCS_OAEP_PARAMS given;

    if (mechanism->pParameter == NULL || mechanism->ulParameterLen != sizeof given)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s needs a CK_RSA_PKCS_OAEP_PARAMS", row->name);
    memcpy(&given, mechanism->pParameter, sizeof given);
    for (size_t i = 0; i < HASHES; i++) {
        if (hashes[i].digest == given.hashAlg)
            parameters->hash = hashes[i].hash;
        if (hashes[i].mgf == given.mgf)
            parameters->mgf_hash = hashes[i].hash;
    }
    if (parameters->hash == HASH_NONE || parameters->mgf_hash == HASH_NONE)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: hash 0x%lx with MGF 0x%lx is not supported",
                        row->name, given.hashAlg, given.mgf);
    if ((given.source != 0 && given.source != CKZ_DATA_SPECIFIED) ||
        (given.ulSourceDataLen != 0 && (given.pSourceData == NULL || given.source == 0)) ||
        given.ulSourceDataLen > LABEL_MAXIMUM)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "%s: the label is not valid", row->name);
    return bytes_copy(&parameters->label, given.pSourceData, given.ulSourceDataLen) ? CKR_OK
                                                                                    : CKR_HOST_MEMORY;
}

#define CIPHER (CKF_ENCRYPT | CKF_DECRYPT)
#define WRAPPING (CKF_WRAP | CKF_UNWRAP)
#define RECOVERY (CKF_SIGN | CKF_VERIFY | CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)
#define RSA_BITS .key_type = CKK_RSA, .minimum = 1024, .maximum = 4096
#define EC_BITS .key_type = CKK_EC, .minimum = 256, .maximum = 521
#define ED_BITS .key_type = CKK_EC_EDWARDS, .minimum = 255, .maximum = 255
#define X_BITS .key_type = CKK_EC_MONTGOMERY, .minimum = 255, .maximum = 255
#define ED_FORMS (CKF_EC_F_P | CKF_EC_NAMEDCURVE)
#define EC_FORMS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)
#define NAMED(mechanism) .type = mechanism, .name = #mechanism

/* Not by way of NAMED, which would be given the number. */
#define SIGN_RSA(mechanism, hash, how, parser)                                                               \
    {                                                                                                        \
        .type = mechanism, .name = #mechanism, RSA_BITS, .flags = CKF_SIGN | CKF_VERIFY, .digest = hash,     \
        .scheme = how, .parse = parser                                                                       \
    }
#define SIGN_EC(mechanism, hash)                                                                             \
    {                                                                                                        \
        .type = mechanism, .name = #mechanism, EC_BITS, .flags = CKF_SIGN | CKF_VERIFY | EC_FORMS,           \
        .digest = hash, .scheme = SCHEME_ECDSA, .parse = parse_none                                          \
    }
#define DIGEST(mechanism, hash)                                                                              \
    {                                                                                                        \
        .type = mechanism, .name = #mechanism, .flags = CKF_DIGEST, .digest = hash, .parse = parse_none      \
    }

#define MAC (CKF_SIGN | CKF_VERIFY)
#define HMAC(mechanism, hmac_hash, own_type, parser)                                                         \
    {                                                                                                        \
        .type = mechanism, .name = #mechanism, .key_type = CKK_GENERIC_SECRET, .also = &own_type,            \
        SECRET_BITS, .flags = MAC, .hash = hmac_hash, .scheme = SCHEME_HMAC, .parse = parser                 \
    }
#define AES_BYTES .key_type = CKK_AES, .minimum = 16, .maximum = 32
#define SECRET_BITS .minimum = 8, .maximum = 8 * SECRET_MAXIMUM
#define KEY_GEN(mechanism, type_made)                                                                        \
    {                                                                                                        \
        .type = mechanism, .name = #mechanism, .key_type = type_made, SECRET_BITS, .flags = CKF_GENERATE,    \
        .parse = parse_none                                                                                  \
    }

static const CK_KEY_TYPE montgomery = CKK_EC_MONTGOMERY; /* ECDH is one mechanism on all curves */
/* HMAC keys are of the type of their hash, or generic. */
static const CK_KEY_TYPE sha1_hmac = CKK_SHA_1_HMAC;
static const CK_KEY_TYPE sha224_hmac = CKK_SHA224_HMAC;
static const CK_KEY_TYPE sha256_hmac = CKK_SHA256_HMAC;
static const CK_KEY_TYPE sha384_hmac = CKK_SHA384_HMAC;
static const CK_KEY_TYPE sha512_hmac = CKK_SHA512_HMAC;
static const CK_KEY_TYPE sha3_224_hmac = CKK_SHA3_224_HMAC;
static const CK_KEY_TYPE sha3_256_hmac = CKK_SHA3_256_HMAC;
static const CK_KEY_TYPE sha3_384_hmac = CKK_SHA3_384_HMAC;
static const CK_KEY_TYPE sha3_512_hmac = CKK_SHA3_512_HMAC;

/* clang-format off */
static const struct mechanism table[] = {
    {NAMED(CKM_RSA_PKCS_KEY_PAIR_GEN), RSA_BITS, .flags = CKF_GENERATE_KEY_PAIR, .parse = parse_none},
    {NAMED(CKM_EC_KEY_PAIR_GEN), EC_BITS, .flags = CKF_GENERATE_KEY_PAIR | EC_FORMS, .parse = parse_none},
    {NAMED(CKM_EC_EDWARDS_KEY_PAIR_GEN), ED_BITS, .flags = CKF_GENERATE_KEY_PAIR | ED_FORMS, .parse = parse_none},
    {NAMED(CKM_EC_MONTGOMERY_KEY_PAIR_GEN), X_BITS, .flags = CKF_GENERATE_KEY_PAIR | ED_FORMS, .parse = parse_none},

    {NAMED(CKM_AES_KEY_GEN), AES_BYTES, .flags = CKF_GENERATE, .parse = parse_none},
    KEY_GEN(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET),
    KEY_GEN(CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC),
    KEY_GEN(CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC),
    KEY_GEN(CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC),
    KEY_GEN(CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC),
    KEY_GEN(CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC),
    KEY_GEN(CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC),
    KEY_GEN(CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC),
    KEY_GEN(CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC),
    KEY_GEN(CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC),

    {NAMED(CKM_RSA_X_509), RSA_BITS, .flags = RECOVERY | CIPHER, .scheme = SCHEME_RAW, .parse = parse_none},
    {NAMED(CKM_RSA_PKCS), RSA_BITS, .flags = RECOVERY | CIPHER | WRAPPING, .scheme = SCHEME_PKCS1, .parse = parse_none},
    {NAMED(CKM_RSA_PKCS_OAEP), RSA_BITS, .flags = CIPHER | WRAPPING, .scheme = SCHEME_OAEP, .parse = parse_oaep},
    SIGN_RSA(CKM_SHA1_RSA_PKCS, HASH_SHA1, SCHEME_PKCS1, parse_none),
    SIGN_RSA(CKM_SHA224_RSA_PKCS, HASH_SHA224, SCHEME_PKCS1, parse_none),
    SIGN_RSA(CKM_SHA256_RSA_PKCS, HASH_SHA256, SCHEME_PKCS1, parse_none),
    SIGN_RSA(CKM_SHA384_RSA_PKCS, HASH_SHA384, SCHEME_PKCS1, parse_none),
    SIGN_RSA(CKM_SHA512_RSA_PKCS, HASH_SHA512, SCHEME_PKCS1, parse_none),

    SIGN_RSA(CKM_RSA_PKCS_PSS, HASH_NONE, SCHEME_PSS, parse_pss),
    SIGN_RSA(CKM_SHA1_RSA_PKCS_PSS, HASH_SHA1, SCHEME_PSS, parse_pss),
    SIGN_RSA(CKM_SHA224_RSA_PKCS_PSS, HASH_SHA224, SCHEME_PSS, parse_pss),
    SIGN_RSA(CKM_SHA256_RSA_PKCS_PSS, HASH_SHA256, SCHEME_PSS, parse_pss),
    SIGN_RSA(CKM_SHA384_RSA_PKCS_PSS, HASH_SHA384, SCHEME_PSS, parse_pss),
    SIGN_RSA(CKM_SHA512_RSA_PKCS_PSS, HASH_SHA512, SCHEME_PSS, parse_pss),

    SIGN_EC(CKM_ECDSA, HASH_NONE),
    SIGN_EC(CKM_ECDSA_SHA1, HASH_SHA1),
    SIGN_EC(CKM_ECDSA_SHA224, HASH_SHA224),
    SIGN_EC(CKM_ECDSA_SHA256, HASH_SHA256),
    SIGN_EC(CKM_ECDSA_SHA384, HASH_SHA384),
    SIGN_EC(CKM_ECDSA_SHA512, HASH_SHA512),

    {NAMED(CKM_EDDSA), ED_BITS, .flags = CKF_SIGN | CKF_VERIFY | ED_FORMS, .scheme = SCHEME_EDDSA, .parse = parse_eddsa},

    {NAMED(CKM_AES_ECB), AES_BYTES, .flags = CIPHER, .scheme = SCHEME_ECB, .parse = parse_none},
    {NAMED(CKM_AES_CBC), AES_BYTES, .flags = CIPHER | WRAPPING, .scheme = SCHEME_CBC, .parse = parameters_of_cbc},
    {NAMED(CKM_AES_CBC_PAD), AES_BYTES, .flags = CIPHER | WRAPPING, .scheme = SCHEME_CBC_PAD, .parse = parameters_of_cbc},
    {NAMED(CKM_AES_CTR), AES_BYTES, .flags = CIPHER, .scheme = SCHEME_CTR, .parse = parameters_of_ctr},
    {NAMED(CKM_AES_GCM), AES_BYTES, .flags = CIPHER, .scheme = SCHEME_GCM, .parse = parameters_of_gcm},
    {NAMED(CKM_AES_CMAC), AES_BYTES, .flags = MAC, .scheme = SCHEME_CMAC, .parse = parameters_of_mac},
    {NAMED(CKM_AES_CMAC_GENERAL), AES_BYTES, .flags = MAC, .scheme = SCHEME_CMAC, .parse = parameters_of_mac_general},
    HMAC(CKM_SHA_1_HMAC, HASH_SHA1, sha1_hmac, parameters_of_mac),
    HMAC(CKM_SHA_1_HMAC_GENERAL, HASH_SHA1, sha1_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA224_HMAC, HASH_SHA224, sha224_hmac, parameters_of_mac),
    HMAC(CKM_SHA224_HMAC_GENERAL, HASH_SHA224, sha224_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA256_HMAC, HASH_SHA256, sha256_hmac, parameters_of_mac),
    HMAC(CKM_SHA256_HMAC_GENERAL, HASH_SHA256, sha256_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA384_HMAC, HASH_SHA384, sha384_hmac, parameters_of_mac),
    HMAC(CKM_SHA384_HMAC_GENERAL, HASH_SHA384, sha384_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA512_HMAC, HASH_SHA512, sha512_hmac, parameters_of_mac),
    HMAC(CKM_SHA512_HMAC_GENERAL, HASH_SHA512, sha512_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA3_224_HMAC, HASH_SHA3_224, sha3_224_hmac, parameters_of_mac),
    HMAC(CKM_SHA3_224_HMAC_GENERAL, HASH_SHA3_224, sha3_224_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA3_256_HMAC, HASH_SHA3_256, sha3_256_hmac, parameters_of_mac),
    HMAC(CKM_SHA3_256_HMAC_GENERAL, HASH_SHA3_256, sha3_256_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA3_384_HMAC, HASH_SHA3_384, sha3_384_hmac, parameters_of_mac),
    HMAC(CKM_SHA3_384_HMAC_GENERAL, HASH_SHA3_384, sha3_384_hmac, parameters_of_mac_general),
    HMAC(CKM_SHA3_512_HMAC, HASH_SHA3_512, sha3_512_hmac, parameters_of_mac),
    HMAC(CKM_SHA3_512_HMAC_GENERAL, HASH_SHA3_512, sha3_512_hmac, parameters_of_mac_general),

    {NAMED(CKM_ECDH1_DERIVE), EC_BITS, .also = &montgomery, .flags = CKF_DERIVE | EC_FORMS, .scheme = SCHEME_ECDH, .parse = parameters_of_ecdh},
    {NAMED(CKM_ECDH1_COFACTOR_DERIVE), EC_BITS, .also = &montgomery, .flags = CKF_DERIVE | EC_FORMS, .scheme = SCHEME_ECDH, .parse = parameters_of_ecdh},
    {NAMED(CKM_HKDF_DERIVE), SECRET_BITS, .key_type = CKK_GENERIC_SECRET, .flags = CKF_DERIVE, .scheme = SCHEME_HKDF, .parse = parameters_of_hkdf},
    {NAMED(CKM_HKDF_DATA), SECRET_BITS, .key_type = CKK_GENERIC_SECRET, .flags = CKF_DERIVE, .scheme = SCHEME_HKDF, .parse = parameters_of_hkdf},

    {NAMED(CKM_AES_KEY_WRAP), AES_BYTES, .flags = WRAPPING, .scheme = SCHEME_KEY_WRAP, .parse = parameters_of_key_wrap},
    {NAMED(CKM_AES_KEY_WRAP_PAD), AES_BYTES, .flags = WRAPPING, .scheme = SCHEME_KEY_WRAP_PAD, .parse = parameters_of_key_wrap},
    {NAMED(CKM_AES_KEY_WRAP_KWP), AES_BYTES, .flags = WRAPPING, .scheme = SCHEME_KEY_WRAP_PAD, .parse = parameters_of_key_wrap},
    {NAMED(CKM_DEVID_TSS2_KEY), .key_type = CK_UNAVAILABLE_INFORMATION, .flags = WRAPPING, .scheme = SCHEME_TSS2_KEY, .parse = parse_none},
    {NAMED(CKM_DEVID_TPM2_CREDENTIAL), .key_type = CKK_RSA, .minimum = 2048, .maximum = 2048, .flags = CKF_UNWRAP, .scheme = SCHEME_CREDENTIAL, .parse = parameters_of_credential},

    DIGEST(CKM_SHA_1, HASH_SHA1),
    DIGEST(CKM_SHA224, HASH_SHA224),
    DIGEST(CKM_SHA256, HASH_SHA256),
    DIGEST(CKM_SHA384, HASH_SHA384),
    DIGEST(CKM_SHA512, HASH_SHA512),
    DIGEST(CKM_SHA3_224, HASH_SHA3_224),
    DIGEST(CKM_SHA3_256, HASH_SHA3_256),
    DIGEST(CKM_SHA3_384, HASH_SHA3_384),
    DIGEST(CKM_SHA3_512, HASH_SHA3_512),
};
/* clang-format on */

#define ROWS (sizeof table / sizeof table[0])

const struct mechanism *mechanism_table(size_t *count)
{
    *count = ROWS;
    return table;
}

bool mechanism_takes(const struct mechanism *row, CK_KEY_TYPE type)
{
    return row->key_type == type || (row->also != NULL && *row->also == type);
}

bool mechanism_is_secret(const struct mechanism *row)
{
    return secret_type(row->key_type) != NULL;
}

const struct mechanism *mechanism_row(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].type == type)
            return &table[i];
    return NULL;
}

const struct mechanism *mechanism_signing(enum p11_scheme scheme, enum p11_hash hash)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((table[i].flags & CKF_SIGN) != 0 && table[i].scheme == scheme && table[i].digest == hash)
            return &table[i];
    return NULL;
}

static const struct mechanism *row_of(const struct token *token, CK_MECHANISM_TYPE type)
{
    const struct mechanism *row = mechanism_row(type);

    return row != NULL && token_supports(token, row) ? row : NULL;
}

CK_RV mechanism_find(const struct token *token, CK_MECHANISM_TYPE type, CK_FLAGS flag,
                     const struct mechanism **row)
{
    *row = row_of(token, type);
    return *row != NULL && ((*row)->flags & flag) != 0 ? CKR_OK : CKR_MECHANISM_INVALID;
}

CK_RV mechanism_info(const struct token *token, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    const struct mechanism *row = row_of(token, type);

    if (row == NULL)
        return CKR_MECHANISM_INVALID;
    *info =
        (CK_MECHANISM_INFO){.ulMinKeySize = row->minimum, .ulMaxKeySize = row->maximum, .flags = row->flags};
    token_mechanism_info(token, row, info);
    return CKR_OK;
}

CK_RV mechanism_list(const struct token *token, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_ULONG room = *count;

    *count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!token_supports(token, &table[i]))
            continue;
        if (list != NULL && *count < room)
            list[*count] = table[i].type;
        ++*count;
    }
    return list != NULL && *count > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}
