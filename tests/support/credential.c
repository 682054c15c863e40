/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/credential.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 34

static void need(bool good)
{
    if (!good)
        abort();
}

struct out {
    uint8_t *data;
    size_t size;
};

static void add(struct out *out, const void *data, size_t size)
{
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void add_u16(struct out *out, size_t value)
{
    const uint8_t wire[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    add(out, wire, 2);
}

static void add_sized(struct out *out, const void *data, size_t size)
{
    add_u16(out, size);
    add(out, data, size);
}

/* --- arithmetic */

static void sha256(const void *data, size_t size, uint8_t digest[32])
{
    need(EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) == 1);
}

static void hmac(const uint8_t *key, size_t key_size, const struct out *data, uint8_t mac[32])
{
    need(HMAC(EVP_sha256(), key, (int)key_size, data->data, data->size, mac, NULL) != NULL);
}

/* One round of KDFa, which gives up to 32 bytes. */
static void kdfa(const uint8_t seed[32], const char *label, const uint8_t *context, size_t context_size,
                 unsigned bits, uint8_t *out)
{
    const uint8_t one[4] = {0, 0, 0, 1};
    const uint8_t length[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
    uint8_t storage[256];
    uint8_t block[32];
    struct out message = {storage, 0};

    add(&message, one, 4);
    add(&message, label, strlen(label) + 1);
    add(&message, context, context_size);
    add(&message, length, 4);
    hmac(seed, 32, &message, block);
    memcpy(out, block, bits / 8);
}

static void cfb(const uint8_t key[16], uint8_t *data, size_t size)
{
    static const uint8_t iv[16];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;

    need(EVP_EncryptInit_ex(context, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
         EVP_EncryptUpdate(context, data, &done, data, (int)size) == 1 && (size_t)done == size);
    EVP_CIPHER_CTX_free(context);
}

/* An RSA-2048 key's modulus is the last of its public area. */
static EVP_PKEY *rsa_key(const uint8_t *area, size_t size)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(area + size - 256, 256, NULL);
    BIGNUM *exponent = BN_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters;

    need(size > 256 && BN_set_word(exponent, 65537) == 1 &&
         OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
         OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    need(EVP_PKEY_fromdata_init(context) == 1 &&
         EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* OAEP with SHA-256; the label goes in with its NUL. */
static void add_secret(struct out *out, const uint8_t *area, size_t size, const char *label,
                       const uint8_t seed[32])
{
    EVP_PKEY *key = rsa_key(area, size);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t wrapped[256];
    size_t length = sizeof wrapped;
    char *copy = OPENSSL_strdup(label);

    need(EVP_PKEY_encrypt_init(context) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)strlen(label) + 1) == 1 &&
         EVP_PKEY_encrypt(context, wrapped, &length, seed, 32) == 1);
    add_sized(out, wrapped, length);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
}

/* Integrity value and data, bound to the Name. */
static void add_outer(struct out *out, const uint8_t seed[32], const uint8_t name[NAME_SIZE],
                      const uint8_t *data, size_t size)
{
    uint8_t storage[512];
    struct out both = {storage, 0};
    uint8_t key[32];
    uint8_t mac[32];

    kdfa(seed, "INTEGRITY", name, 0, 256, key);
    add(&both, data, size);
    add(&both, name, NAME_SIZE);
    hmac(key, 32, &both, mac);
    add_u16(out, 2 + 32 + size);
    add_sized(out, mac, 32);
    add(out, data, size);
}

/* --- fields */

struct test_credential test_credential_known(void)
{
    struct test_credential known = {.user_data = 0};

    for (int i = 0; i < 32; i++) {
        known.seed[i] = (uint8_t)i;
        known.duplicate_seed[i] = (uint8_t)(0x20 + i);
        known.key[i] = 0x11;
        known.seed_value[i] = 0x22;
    }
    for (int i = 0; i < 16; i++)
        known.inner_key[i] = (uint8_t)i;
    return known;
}

size_t test_credential_identity(const struct test_credential *from, const uint8_t *srk_name, uint8_t *wire)
{
    struct out out = {wire, 0};
    uint8_t storage[18];
    struct out identity = {storage, 0};
    uint8_t key[16];

    add_sized(&identity, from->inner_key, 16);
    kdfa(from->seed, "STORAGE", srk_name, NAME_SIZE, 128, key);
    cfb(key, storage, sizeof storage);
    add_outer(&out, from->seed, srk_name, storage, sizeof storage);
    return out.size;
}

/* PolicyCommandCode(Duplicate), which one of the service's samples has. */
static const uint8_t duplicate_policy[32] = {0xbe, 0xf5, 0x6b, 0x8c, 0x1c, 0xc8, 0x4e, 0x11, 0xed, 0xd7, 0x17,
                                             0x52, 0x8d, 0x2c, 0xd9, 0x93, 0x56, 0xbd, 0x2b, 0xbf, 0x8f, 0x01,
                                             0x52, 0x09, 0xc3, 0xf8, 0x4a, 0xee, 0xab, 0xa8, 0xe8, 0xa2};

size_t test_credential_public(const struct test_credential *from, uint8_t *wire)
{
    static const uint8_t front[] = {0x00, 0x08, 0x00, 0x0b, 0x00, 0x04, 0x04, 0x40};
    static const uint8_t scheme[] = {0x00, 0x05, 0x00, 0x0b};
    struct out out = {wire + 2, 0};
    struct out size = {wire, 0};
    uint8_t both[64];
    uint8_t unique[32];

    memcpy(both, from->seed_value, 32);
    memcpy(both + 32, from->key, 32);
    sha256(both, sizeof both, unique);
    add(&out, front, sizeof front);
    add_sized(&out, duplicate_policy, from->duplicate_policy ? sizeof duplicate_policy : 0);
    add(&out, scheme, sizeof scheme);
    add_sized(&out, unique, 32);
    add_u16(&size, out.size);
    return 2 + out.size;
}

static void key_name(const struct test_credential *from, uint8_t name[NAME_SIZE])
{
    uint8_t area[256];
    size_t size = test_credential_public(from, area);

    name[0] = 0x00;
    name[1] = 0x0b;
    sha256(area + 2, size - 2, name + 2);
}

size_t test_credential_duplicate(const struct test_credential *from, uint8_t *wire)
{
    struct out out = {wire, 0};
    uint8_t storage[74 + NAME_SIZE];
    struct out sensitive = {storage, 0};
    uint8_t inner[34 + 74];
    struct out wrapped = {inner, 0};
    uint8_t name[NAME_SIZE];
    uint8_t digest[32];
    uint8_t key[16];

    key_name(from, name);
    add_u16(&sensitive, 72);
    add_u16(&sensitive, 8);
    add_u16(&sensitive, 0);
    add_sized(&sensitive, from->seed_value, 32);
    add_sized(&sensitive, from->key, 32);
    add(&sensitive, name, NAME_SIZE);
    sha256(storage, sizeof storage, digest);
    add_sized(&wrapped, digest, 32);
    add(&wrapped, storage, 74);
    cfb(from->inner_key, inner, sizeof inner);
    kdfa(from->duplicate_seed, "STORAGE", name, NAME_SIZE, 128, key);
    cfb(key, inner, sizeof inner);
    add_outer(&out, from->duplicate_seed, name, inner, sizeof inner);
    return out.size;
}

size_t test_credential_make(const struct test_credential *from, const uint8_t *ek, size_t ek_size,
                            const uint8_t *srk, size_t srk_size, uint8_t *wire)
{
    struct out out = {wire, 0};
    uint8_t name[NAME_SIZE] = {0x00, 0x0b};

    sha256(srk + 2, srk_size - 2, name + 2);
    out.size += test_credential_identity(from, name, wire);
    add_secret(&out, ek, ek_size, "IDENTITY", from->seed);
    out.size += test_credential_duplicate(from, wire + out.size);
    add_secret(&out, srk, srk_size, "DUPLICATE", from->duplicate_seed);
    out.size += test_credential_public(from, wire + out.size);
    add_u16(&out, from->user_data);
    memset(wire + out.size, 0x5a, from->user_data);
    return out.size + from->user_data;
}
