/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/failure.h"
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/tpm/duplicate.h"
#include "pkcs11/tpm/keyarea.h"
#include "pkcs11/tpm/secret.h"

#include <string.h>

/* --- key material into the halves of an object
 * ----------------------------------------------------------------- */

/* TPMs compute with one prime of half the modulus's size, and few with another exponent than 65537. */
static CK_RV fill_rsa(const struct tpm_token *token, const struct private_parts *parts, TPMT_PUBLIC *area,
                      TPMT_SENSITIVE *sensitive)
{
    static const uint8_t usual[] = {0x01, 0x00, 0x01};
    const struct bytes *modulus = &parts->rsa[RSA_MODULUS];
    const struct bytes *exponent = &parts->rsa[RSA_EXPONENT];
    const struct bytes *prime = &parts->rsa[RSA_PRIME_1];

    if (!tpm_has_rsa(&token->capability, 8 * modulus->size) || (modulus->data[0] & 0x80) == 0)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID,
                        "TPM %s takes RSA keys of some sizes from %zu to %zu bits, not this one of %zu bytes",
                        tpm_name(token->tpm), token->capability.rsa_minimum, token->capability.rsa_maximum,
                        modulus->size);
    if (!bytes_equal(exponent->data, exponent->size, usual, sizeof usual))
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_PUBLIC_EXPONENT must be 65537 for a key in a TPM");
    if (2 * prime->size != modulus->size || 2 * parts->rsa[RSA_PRIME_2].size != modulus->size)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "the primes are not of equal size, as a TPM wants them");
    area->unique.rsa.size = (UINT16)modulus->size;
    memcpy(area->unique.rsa.buffer, modulus->data, modulus->size);
    sensitive->sensitive.rsa.size = (UINT16)prime->size;
    memcpy(sensitive->sensitive.rsa.buffer, prime->data, prime->size);
    return CKR_OK;
}

static CK_RV fill_ec(const struct tpm_token *token, const struct private_parts *parts, TPMT_PUBLIC *area,
                     TPMT_SENSITIVE *sensitive)
{
    size_t field = parts->curve->field_size;
    TPM2B_ECC_PARAMETER *number = &sensitive->sensitive.ecc;

    if (parts->curve->bits > token->capability.curve_maximum)
        return p11_fail(CKR_CURVE_NOT_SUPPORTED, "TPM %s does not have the curve %s", tpm_name(token->tpm),
                        parts->curve->name);
    if (parts->point.size != 1 + 2 * field)
        return CKR_GENERAL_ERROR;
    area->unique.ecc.x.size = (UINT16)field;
    area->unique.ecc.y.size = (UINT16)field;
    memcpy(area->unique.ecc.x.buffer, parts->point.data + 1, field);
    memcpy(area->unique.ecc.y.buffer, parts->point.data + 1 + field, field);
    number->size = (UINT16)field;
    memcpy(number->buffer + (field - parts->secret.size), parts->secret.data, parts->secret.size);
    return CKR_OK;
}

static const struct kind {
    CK_KEY_TYPE type;
    TPMI_ALG_PUBLIC algorithm;
    CK_RV(*fill)
    (const struct tpm_token *token, const struct private_parts *parts, TPMT_PUBLIC *area,
     TPMT_SENSITIVE *sensitive);
} kinds[] = {
    {CKK_RSA, TPM2_ALG_RSA, fill_rsa},
    {CKK_EC,  TPM2_ALG_ECC, fill_ec },
};

static const struct kind *kind_of(CK_KEY_TYPE type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

static struct key_request request_of(const struct attributes *attributes, const struct private_parts *parts)
{
    bool sign = attributes_get_bool(attributes, CKA_SIGN, true) ||
                attributes_get_bool(attributes, CKA_SIGN_RECOVER, false);

    return (struct key_request){
        .type = parts->type,
        .bits = 8 * parts->rsa[RSA_MODULUS].size,
        .curve = parts->curve,
        .sign = sign,
        .decrypt = (parts->type == CKK_RSA && sign) || attributes_get_bool(attributes, CKA_DECRYPT, false) ||
                   attributes_get_bool(attributes, CKA_UNWRAP, false),
        .derive = attributes_get_bool(attributes, CKA_DERIVE, false),
        .private = attributes_get_bool(attributes, CKA_PRIVATE, true),
    };
}

/* --- into the TPM
 * -------------------------------------------------------------------------------------------- */

static CK_RV import_parts(const struct tpm_token *token, const struct attributes *attributes,
                          const struct private_parts *parts, struct bytes *block)
{
    const struct key_request request = request_of(attributes, parts);
    const struct kind *kind = kind_of(parts->type);
    TPM2B_PUBLIC area = {0};
    TPM2B_SENSITIVE sensitive = {0};
    CK_RV rv = tpm_key_area(&request, &area.publicArea);

    area.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPM_MADE_INSIDE;
    sensitive.sensitiveArea.sensitiveType = kind->algorithm;
    if (rv == CKR_OK)
        rv = kind->fill(token, parts, &area.publicArea, &sensitive.sensitiveArea);
    if (rv == CKR_OK)
        rv = tpm_take_in(token, &area, &sensitive, request.private, (struct tpm_secret){0}, block);
    bytes_wipe(&sensitive, sizeof sensitive);
    return rv;
}

/* soft/ proves that the numbers are one key, and works out those that are missing. */
CK_RV tpm_import(void *instance, const struct attributes *attributes, struct bytes *block)
{
    CK_KEY_TYPE type = attributes_get_ulong(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    struct bytes der = BYTES_EMPTY;
    struct private_parts parts;
    CK_RV rv;

    *block = BYTES_EMPTY;
    if (tpm_is_secret(type))
        return tpm_import_secret(instance, attributes, block);
    if (kind_of(type) == NULL)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "TPMs take no keys of type %lu", type);
    rv = soft_assemble(attributes, &der);
    if (rv == CKR_OK)
        rv = soft_pkcs8_read(&der, &parts);
    if (rv == CKR_OK)
        rv = import_parts(instance, attributes, &parts, block);
    bytes_free(&der);
    return rv;
}
