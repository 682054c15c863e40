/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/publickey.h"

#include "common/buffer.h"

#define POINT_MAXIMUM 256

void public_key_free(struct public_key *key)
{
    bytes_free(&key->modulus);
    bytes_free(&key->exponent);
    bytes_free(&key->point);
    *key = (struct public_key){0};
}

bool public_key_is_secret(const struct public_key *key)
{
    return key->size != 0;
}

CK_RV public_key_copy(struct public_key *to, const struct public_key *from)
{
    *to = (struct public_key){.type = from->type, .curve = from->curve, .size = from->size};
    if (bytes_copy(&to->modulus, from->modulus.data, from->modulus.size) &&
        bytes_copy(&to->exponent, from->exponent.data, from->exponent.size) &&
        bytes_copy(&to->point, from->point.data, from->point.size))
        return CKR_OK;
    public_key_free(to);
    return CKR_HOST_MEMORY;
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return bytes_equal(a->data, a->size, b->data, b->size);
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return a->type == b->type && a->curve == b->curve && a->size == b->size &&
           same(&a->modulus, &b->modulus) && same(&a->exponent, &b->exponent) && same(&a->point, &b->point);
}

size_t public_key_bits(const struct public_key *key)
{
    size_t bits;

    if (key->curve != NULL)
        return key->curve->bits;
    if (public_key_is_secret(key))
        return key->size * 8;
    bits = key->modulus.size * 8;
    for (uint8_t top = bits != 0 ? key->modulus.data[0] : 0xff; (top & 0x80) == 0; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

size_t public_key_signature_size(const struct public_key *key)
{
    return key->curve != NULL ? 2 * key->curve->field_size : key->modulus.size;
}

#define OCTET_STRING 0x04
#define UNCOMPRESSED 0x04

bool public_key_read_point(const struct p11_curve *curve, const void *data, size_t size, struct bytes *point)
{
    bool weierstrass = curve->key_type == CKK_EC;
    size_t wanted = weierstrass ? 1 + 2 * curve->field_size : curve->field_size;
    size_t header = size > wanted ? size - wanted : 0;
    const uint8_t *bytes = data;

    *point = BYTES_EMPTY;
    if (header == (wanted > 127 ? 3U : 2U) && bytes[0] == OCTET_STRING && bytes[header - 1] == wanted &&
        (header == 2 || bytes[1] == 0x81)) {
        bytes += header;
        size -= header;
    }
    return size == wanted && (!weierstrass || bytes[0] == UNCOMPRESSED) && bytes_copy(point, bytes, size);
}

/* The point as a DER OCTET STRING: at most 133 bytes of content, so the length has one or two bytes. */
static CK_RV set_point(const struct public_key *key, struct attributes *attributes)
{
    struct buffer der;
    CK_RV rv;

    buffer_init(&der, POINT_MAXIMUM);
    buffer_add_u8(&der, 0x04);
    if (key->point.size > 127)
        buffer_add_u8(&der, 0x81);
    buffer_add_u8(&der, (uint8_t)key->point.size);
    buffer_add(&der, key->point.data, key->point.size);
    rv = der.failed ? CKR_HOST_MEMORY : attributes_set(attributes, CKA_EC_POINT, der.data, der.size);
    buffer_free(&der);
    return rv;
}

static CK_RV ec_to_attributes(const struct public_key *key, struct attributes *attributes)
{
    CK_RV rv = attributes_set(attributes, CKA_EC_PARAMS, key->curve->params, key->curve->params_size);

    return rv == CKR_OK ? set_point(key, attributes) : rv;
}

static CK_RV rsa_to_attributes(const struct public_key *key, struct attributes *attributes)
{
    CK_RV rv = attributes_set(attributes, CKA_MODULUS, key->modulus.data, key->modulus.size);

    if (rv == CKR_OK)
        rv = attributes_set(attributes, CKA_PUBLIC_EXPONENT, key->exponent.data, key->exponent.size);
    if (rv == CKR_OK && attributes_get_ulong(attributes, CKA_CLASS, 0) == CKO_PUBLIC_KEY)
        rv = attributes_set_ulong(attributes, CKA_MODULUS_BITS, public_key_bits(key));
    return rv;
}

CK_RV public_key_to_attributes(const struct public_key *key, struct attributes *attributes)
{
    CK_RV rv = attributes_set_ulong(attributes, CKA_KEY_TYPE, key->type);

    if (rv != CKR_OK)
        return rv;
    if (public_key_is_secret(key))
        return attributes_set_ulong(attributes, CKA_VALUE_LEN, key->size);
    return key->curve != NULL ? ec_to_attributes(key, attributes) : rsa_to_attributes(key, attributes);
}
