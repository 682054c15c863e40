/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/keyarea.h"

#include "pkcs11/failure.h"
#include "pkcs11/tpm/public.h"

#include <string.h>

/* Keys have an empty auth value, or one that nobody guesses, so noDA: a lockout of the TPM does not stop
 * them. */
#define KEY_ATTRIBUTES (TPM_MADE_INSIDE | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

/* Scheme and symmetric algorithm are NULL: the scheme is chosen when the key is used. */
static void describe_rsa(const struct key_request *request, TPMT_PUBLIC *area)
{
    area->objectAttributes |=
        (request->sign ? TPMA_OBJECT_SIGN_ENCRYPT : 0) | (request->decrypt ? TPMA_OBJECT_DECRYPT : 0);
    area->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                  .scheme.scheme = TPM2_ALG_NULL,
                                                  .keyBits = (TPMI_RSA_KEY_BITS)request->bits};
}

/* A key that does more than sign has no scheme of its own (part 2, 12.2.3.6). */
static void describe_ec(const struct key_request *request, TPMT_PUBLIC *area)
{
    TPMT_ECC_SCHEME *scheme = &area->parameters.eccDetail.scheme;

    area->objectAttributes |=
        (request->sign ? TPMA_OBJECT_SIGN_ENCRYPT : 0) | (request->derive ? TPMA_OBJECT_DECRYPT : 0);
    area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                  .scheme.scheme = TPM2_ALG_NULL,
                                                  .curveID = tpm_curve_number(request->curve),
                                                  .kdf.scheme = TPM2_ALG_NULL};
    if (request->hash != HASH_NONE && request->sign && !request->derive) {
        scheme->scheme = TPM2_ALG_ECDSA;
        scheme->details.ecdsa.hashAlg = tpm_hash_number(request->hash);
    }
}

/* The mode is chosen at use too. */
static void describe_aes(const struct key_request *request, TPMT_PUBLIC *area)
{
    area->objectAttributes |=
        (request->encrypt ? TPMA_OBJECT_SIGN_ENCRYPT : 0) | (request->decrypt ? TPMA_OBJECT_DECRYPT : 0);
    area->parameters.symDetail.sym =
        (TPMT_SYM_DEF_OBJECT){.algorithm = TPM2_ALG_AES,
                              .keyBits.aes = (TPMI_AES_KEY_BITS)(8 * request->size),
                              .mode.aes = TPM2_ALG_NULL};
}

/* A key that may sign and decrypt has no scheme of its own, and makes MACs with the hash that is named at
 * each use (part 2, 12.2.3.3). A value that is too long for a TPM is hashed first, as HMAC does it (RFC
 * 2104), with the one hash that it is for from then on. */
static bool is_for_any_hash(const struct key_request *request)
{
    return request->type == CKK_GENERIC_SECRET && request->size <= TPM_HMAC_ANY_MAXIMUM;
}

static void describe_hmac(const struct key_request *request, TPMT_PUBLIC *area)
{
    TPMT_KEYEDHASH_SCHEME *scheme = &area->parameters.keyedHashDetail.scheme;

    area->objectAttributes |= request->sign ? TPMA_OBJECT_SIGN_ENCRYPT : 0;
    if (request->sign && is_for_any_hash(request)) {
        area->objectAttributes |= TPMA_OBJECT_DECRYPT;
        scheme->scheme = TPM2_ALG_NULL;
        return;
    }
    scheme->scheme = TPM2_ALG_HMAC;
    scheme->details.hmac.hashAlg = tpm_hash_number(tpm_hmac_hash(request->type));
}

CK_RV tpm_key_area(const struct key_request *request, TPMT_PUBLIC *area)
{
    static const struct {
        CK_KEY_TYPE type;
        TPMI_ALG_PUBLIC algorithm;
        void (*describe)(const struct key_request *request, TPMT_PUBLIC *area);
    } types[] = {
        {CKK_RSA,            TPM2_ALG_RSA,       describe_rsa },
        {CKK_EC,             TPM2_ALG_ECC,       describe_ec  },
        {CKK_AES,            TPM2_ALG_SYMCIPHER, describe_aes },
        {CKK_GENERIC_SECRET, TPM2_ALG_KEYEDHASH, describe_hmac},
        {CKK_SHA_1_HMAC,     TPM2_ALG_KEYEDHASH, describe_hmac},
        {CKK_SHA256_HMAC,    TPM2_ALG_KEYEDHASH, describe_hmac},
        {CKK_SHA384_HMAC,    TPM2_ALG_KEYEDHASH, describe_hmac},
        {CKK_SHA512_HMAC,    TPM2_ALG_KEYEDHASH, describe_hmac},
    };

    memset(area, 0, sizeof *area);
    area->nameAlg = TPM2_ALG_SHA256;
    area->objectAttributes = KEY_ATTRIBUTES;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].type == request->type) {
            area->type = types[i].algorithm;
            types[i].describe(request, area);
        }
    }
    if (area->type == 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "TPMs have no keys of type %lu", request->type);
    if ((area->objectAttributes & (TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT)) == 0)
        return p11_fail(CKR_TEMPLATE_INCONSISTENT,
                        "a key that may neither sign nor encrypt nor decrypt nor derive is of no use");
    return CKR_OK;
}
