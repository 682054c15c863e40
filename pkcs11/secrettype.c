/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/secrettype.h"

#include "pkcs11/backend.h"

#include <string.h>

/*
 * The algorithms of PrivateKeyInfo: for AES the arc of all its modes (NIST's aes, as Java writes it), for
 * HMAC keys of one hash id-hmacWith... (RFC 8018, B.1, and NIST), and id-data (RFC 5652), any octets, for the
 * rest.
 */
#define OID(...) .oid = (const uint8_t[]){__VA_ARGS__}, .oid_size = sizeof((const uint8_t[]){__VA_ARGS__})
#define RSADSI_DIGEST(n) OID(0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, n)
#define NIST_HASH(n) OID(0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, n)
#define NAMED(key_type) .type = key_type, .name = #key_type
#define ANY_SIZE .minimum = 1, .maximum = SECRET_MAXIMUM, .step = 1

/* clang-format off */
static const struct secret_type types[] = {
    {NAMED(CKK_GENERIC_SECRET), ANY_SIZE, OID(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01)},
    {NAMED(CKK_AES), .minimum = 16, .maximum = 32, .step = 8, OID(0x06, 0x08, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01)},
    {NAMED(CKK_SHA_1_HMAC), ANY_SIZE, .hash = HASH_SHA1, RSADSI_DIGEST(7)},
    {NAMED(CKK_SHA224_HMAC), ANY_SIZE, .hash = HASH_SHA224, RSADSI_DIGEST(8)},
    {NAMED(CKK_SHA256_HMAC), ANY_SIZE, .hash = HASH_SHA256, RSADSI_DIGEST(9)},
    {NAMED(CKK_SHA384_HMAC), ANY_SIZE, .hash = HASH_SHA384, RSADSI_DIGEST(10)},
    {NAMED(CKK_SHA512_HMAC), ANY_SIZE, .hash = HASH_SHA512, RSADSI_DIGEST(11)},
    {NAMED(CKK_SHA3_224_HMAC), ANY_SIZE, .hash = HASH_SHA3_224, NIST_HASH(13)},
    {NAMED(CKK_SHA3_256_HMAC), ANY_SIZE, .hash = HASH_SHA3_256, NIST_HASH(14)},
    {NAMED(CKK_SHA3_384_HMAC), ANY_SIZE, .hash = HASH_SHA3_384, NIST_HASH(15)},
    {NAMED(CKK_SHA3_512_HMAC), ANY_SIZE, .hash = HASH_SHA3_512, NIST_HASH(16)},
};
/* clang-format on */

#define TYPES (sizeof types / sizeof types[0])

const struct secret_type *secret_types(size_t *count)
{
    *count = TYPES;
    return types;
}

const struct secret_type *secret_type(CK_KEY_TYPE type)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].type == type)
            return &types[i];
    return NULL;
}

const struct secret_type *secret_type_by_oid(const uint8_t *oid, size_t size)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].oid_size == size && memcmp(types[i].oid, oid, size) == 0)
            return &types[i];
    return NULL;
}

bool secret_type_has_size(const struct secret_type *row, size_t size)
{
    return size >= row->minimum && size <= row->maximum && (size - row->minimum) % row->step == 0;
}

struct key_request secret_type_request(CK_KEY_TYPE type, size_t size, const struct attributes *attributes)
{
    bool aes = type == CKK_AES;

    return (struct key_request){
        .type = type,
        .size = size,
        .sign = attributes_get_bool(attributes, CKA_SIGN, true) ||
                attributes_get_bool(attributes, CKA_VERIFY, true),
        .encrypt = attributes_get_bool(attributes, CKA_ENCRYPT, aes) ||
                   attributes_get_bool(attributes, CKA_WRAP, false),
        .decrypt = attributes_get_bool(attributes, CKA_DECRYPT, aes) ||
                   attributes_get_bool(attributes, CKA_UNWRAP, false),
        .private = attributes_get_bool(attributes, CKA_PRIVATE, true),
    };
}
