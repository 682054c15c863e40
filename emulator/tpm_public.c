/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/tpm_public.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <string.h>

#define TPM_ALG_RSA 0x0001
#define TPM_ALG_AES 0x0006
#define TPM_ALG_SHA256 0x000b
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_ECC 0x0023
#define TPM_ALG_CFB 0x0043

#define RESTRICTED_DECRYPT (1U << 16 | 1U << 17)

#define RSA_BITS 2048
#define DEFAULT_EXPONENT 65537U

static EVP_PKEY *make_key(const uint8_t *modulus, size_t size, uint32_t exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = BN_bin2bn(modulus, (int)size, NULL);
    BIGNUM *e = BN_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;

    if (builder != NULL && context != NULL && n != NULL && e != NULL && BN_set_word(e, exponent) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        parameters = OSSL_PARAM_BLD_to_param(builder);
    if (parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(n);
    BN_free(e);
    return key;
}

/* What a caller most often sends instead. */
static const char *mistake(const struct bytes *wire)
{
    if (wire->size > 4 && wire->data[0] == 0x30 && wire->data[1] == 0x82)
        return "is DER (a certificate or a PEM public key?), not the TPM's own TPM2B_PUBLIC";
    return "is no TPM2B_PUBLIC";
}

static const char *read_rsa(struct reader *reader, struct emu_tpm_public *out)
{
    uint16_t symmetric = reader_u16(reader);
    uint16_t bits = reader_u16(reader);
    uint16_t mode = reader_u16(reader);
    uint16_t scheme = reader_u16(reader);
    uint16_t key_bits = reader_u16(reader);
    uint32_t exponent = reader_u32(reader);
    uint16_t size = reader_u16(reader);
    const uint8_t *modulus = reader_take(reader, size);

    if (!reader_done(reader))
        return "is cut short, or has something behind its end";
    if (symmetric != TPM_ALG_AES || bits != 128 || mode != TPM_ALG_CFB || scheme != TPM_ALG_NULL)
        return "is no storage key with AES-128-CFB";
    if (key_bits != RSA_BITS || size != RSA_BITS / 8)
        return "is not of 2048 bits";
    out->key = make_key(modulus, size, exponent != 0 ? exponent : DEFAULT_EXPONENT);
    return out->key != NULL ? NULL : "is no usable RSA key";
}

static const char *read_area(struct reader *reader, struct emu_tpm_public *out)
{
    uint16_t type = reader_u16(reader);
    uint16_t hash = reader_u16(reader);
    uint32_t attributes = reader_u32(reader);

    reader_take(reader, reader_u16(reader)); /* authPolicy */
    if (reader->failed)
        return "is cut short";
    if (type == TPM_ALG_ECC)
        return "is an elliptic curve key: the service takes RSA 2048 only";
    if (type != TPM_ALG_RSA)
        return "is no RSA key";
    if (hash != TPM_ALG_SHA256)
        return "has a name that is not of SHA-256";
    if ((attributes & RESTRICTED_DECRYPT) != RESTRICTED_DECRYPT)
        return "is no storage key (restricted, decrypt)";
    return read_rsa(reader, out);
}

bool emu_tpm_public_read(const struct bytes *wire, struct emu_tpm_public *out, char *message, size_t size)
{
    static const struct bytes nothing;
    struct reader reader;
    struct bytes area;
    const char *wrong;

    *out = (struct emu_tpm_public){0};
    reader_init(&reader, wire->data, wire->size);
    if (reader_u16(&reader) != reader.size || reader.failed) {
        wrong = mistake(wire);
    } else {
        area = (struct bytes){.data = wire->data + 2, .size = wire->size - 2};
        wrong = read_area(&reader, out);
        out->name[0] = TPM_ALG_SHA256 >> 8;
        out->name[1] = TPM_ALG_SHA256 & 0xff;
        if (wrong == NULL && !emu_tpm_hash(&area, &nothing, out->name + 2))
            wrong = "cannot be named";
    }
    if (wrong == NULL)
        return true;
    snprintf(message, size, "%s", wrong);
    emu_tpm_public_free(out);
    return false;
}

void emu_tpm_public_free(struct emu_tpm_public *public)
{
    EVP_PKEY_free(public->key);
    *public = (struct emu_tpm_public){0};
}
