/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/der.h"

#include "pkcs11/failure.h"

#include <string.h>

#define RSA_MINIMUM_BYTES 128
#define RSA_MAXIMUM_BYTES 2048
#define RSA_EXPONENT_MAXIMUM 8

static CK_RV not_a_key(void)
{
    return p11_fail(CKR_DATA_INVALID, "this is not the DER of a private key");
}

/* A version is a small number; those of two numbers (RFC 8017: multi-prime) are not read. */
static bool read_version(struct reader *from, uint8_t minimum, uint8_t maximum)
{
    struct bytes version = der_number(from);
    uint8_t value = version.size != 0 ? version.data[0] : 0;

    return !from->failed && version.size <= 1 && value >= minimum && value <= maximum;
}

static CK_RV check_rsa(const struct private_parts *parts)
{
    const struct bytes *modulus = &parts->rsa[RSA_MODULUS];
    const struct bytes *exponent = &parts->rsa[RSA_EXPONENT];

    if (modulus->size < RSA_MINIMUM_BYTES || modulus->size > RSA_MAXIMUM_BYTES)
        return p11_fail(CKR_DATA_INVALID, "RSA keys of %zu bits are not used here", modulus->size * 8);
    if ((modulus->data[modulus->size - 1] & 1) == 0 || exponent->size == 0 ||
        exponent->size > RSA_EXPONENT_MAXIMUM || (exponent->data[exponent->size - 1] & 1) == 0)
        return p11_fail(CKR_DATA_INVALID, "the RSA key has an impossible modulus or public exponent");
    return CKR_OK;
}

static CK_RV read_rsa(struct reader from, struct private_parts *parts)
{
    struct reader key = der_enter(&from, DER_SEQUENCE);

    parts->type = CKK_RSA;
    if (!read_version(&key, 0, 0))
        return not_a_key();
    for (enum rsa_part part = 0; part < RSA_PARTS; part++)
        parts->rsa[part] = der_number(&key);
    return reader_done(&key) && reader_done(&from) ? check_rsa(parts) : not_a_key();
}

static CK_RV check_ec(const struct private_parts *parts)
{
    size_t field_size;

    if (parts->curve == NULL || parts->curve->key_type != CKK_EC)
        return p11_fail(CKR_DATA_INVALID, "the EC key is on a curve other than P-256, P-384 and P-521");
    field_size = parts->curve->field_size;
    if (parts->secret.size == 0 || parts->secret.size > field_size)
        return p11_fail(CKR_DATA_INVALID, "the EC key's secret has a wrong length");
    if (parts->point.size != 0 && (parts->point.size != 1 + 2 * field_size || parts->point.data[0] != 0x04))
        return p11_fail(CKR_DATA_INVALID, "the EC key's public point is not in the uncompressed form");
    return CKR_OK;
}

static bool read_curve(struct reader *from, const struct p11_curve **curve)
{
    struct bytes params = der_element(from);

    if (from->failed)
        return false;
    *curve = p11_curve_by_params(params.data, params.size);
    return true;
}

/* RFC 5915: the parameters are inside, or in the AlgorithmIdentifier around it, or both. */
static CK_RV read_ec(struct reader from, const struct p11_curve *outer, struct private_parts *parts)
{
    struct reader key = der_enter(&from, DER_SEQUENCE);

    parts->type = CKK_EC;
    parts->curve = outer;
    if (!read_version(&key, 1, 1))
        return not_a_key();
    parts->secret = der_content(&key, DER_OCTET_STRING);
    if (der_next_is(&key, DER_CONTEXT(0))) {
        struct reader inner = der_enter(&key, DER_CONTEXT(0));

        if (!read_curve(&inner, &parts->curve) || !reader_done(&inner))
            return not_a_key();
        if (outer != NULL && parts->curve != outer)
            return p11_fail(CKR_DATA_INVALID, "the EC key names two different curves");
    }
    if (der_next_is(&key, DER_CONTEXT(1))) {
        struct reader inner = der_enter(&key, DER_CONTEXT(1));

        parts->point = der_bits(&inner);
        if (!reader_done(&inner))
            return not_a_key();
    }
    return reader_done(&key) && reader_done(&from) ? check_ec(parts) : not_a_key();
}

/* RFC 8410, Ed25519 and X25519: an OCTET STRING in the OCTET STRING. */
static CK_RV read_25519(struct reader from, const struct p11_curve *curve, struct private_parts *parts)
{
    parts->type = curve->key_type;
    parts->curve = curve;
    parts->secret = der_content(&from, DER_OCTET_STRING);
    return reader_done(&from) && parts->secret.size == curve->field_size ? CKR_OK : not_a_key();
}

/* RFC 8018 wants a NULL behind id-hmacWith..., and Java writes one behind every OID; without it is as good.
 */
static CK_RV read_secret(struct reader algorithm, const struct bytes *octets, const struct secret_type *type,
                         struct private_parts *parts)
{
    parts->type = type->type;
    parts->secret = *octets;
    if (algorithm.size != 0)
        der_content(&algorithm, DER_NULL);
    if (!reader_done(&algorithm))
        return not_a_key();
    return secret_type_has_size(type, octets->size)
               ? CKR_OK
               : p11_fail(CKR_DATA_INVALID, "a %s key of %zu bytes is not used here", type->name,
                          octets->size);
}

/* rsaEncryption and id-ecPublicKey, as elements. */
static const uint8_t rsa_oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t ec_oid[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};

static bool is(const struct bytes *element, const uint8_t *oid, size_t size)
{
    return element->size == size && memcmp(element->data, oid, size) == 0;
}

static CK_RV read_algorithm(struct reader algorithm, const struct bytes *octets, struct private_parts *parts)
{
    struct bytes oid = der_element(&algorithm);
    const struct secret_type *secret;
    const struct p11_curve *curve = NULL;
    struct reader key;

    reader_init(&key, octets->data, octets->size);
    if (algorithm.failed)
        return not_a_key();
    if (is(&oid, rsa_oid, sizeof rsa_oid))
        return read_rsa(key, parts);
    if (is(&oid, ec_oid, sizeof ec_oid))
        return read_curve(&algorithm, &curve) ? read_ec(key, curve, parts) : not_a_key();
    curve = p11_curve_by_params(oid.data, oid.size);
    if (curve != NULL && curve->key_type != CKK_EC)
        return read_25519(key, curve, parts);
    secret = secret_type_by_oid(oid.data, oid.size);
    if (secret != NULL)
        return read_secret(algorithm, octets, secret, parts);
    return p11_fail(CKR_DATA_INVALID,
                    "the key is neither RSA nor EC nor Ed25519 nor X25519, nor a secret key");
}

/* PrivateKeyInfo ends with attributes [0] and, since RFC 5958, the public key [1]; both are passed over. */
static CK_RV read_info(struct reader from, struct private_parts *parts)
{
    struct reader info = der_enter(&from, DER_SEQUENCE);
    struct reader algorithm;
    struct bytes key;

    if (!read_version(&info, 0, 1))
        return not_a_key();
    algorithm = der_enter(&info, DER_SEQUENCE);
    key = der_content(&info, DER_OCTET_STRING);
    while (!info.failed && info.size != 0)
        der_element(&info);
    return reader_done(&info) && reader_done(&from) ? read_algorithm(algorithm, &key, parts) : not_a_key();
}

/* The second element of the outer SEQUENCE tells the three forms apart. */
CK_RV soft_pkcs8_read(const struct bytes *der, struct private_parts *parts)
{
    struct reader from;
    struct reader look;
    struct reader inner;

    *parts = (struct private_parts){0};
    reader_init(&from, der->data, der->size);
    look = from;
    inner = der_enter(&look, DER_SEQUENCE);
    der_number(&inner);
    if (der_next_is(&inner, DER_SEQUENCE))
        return read_info(from, parts);
    if (der_next_is(&inner, DER_INTEGER))
        return read_rsa(from, parts);
    return der_next_is(&inner, DER_OCTET_STRING) ? read_ec(from, NULL, parts) : not_a_key();
}

CK_RV soft_pkcs8_write_secret(const struct secret_type *type, const struct bytes *value, struct bytes *der)
{
    static const uint8_t version[] = {DER_INTEGER, 1, 0};
    static const uint8_t null[] = {DER_NULL, 0};
    size_t algorithm = type->oid_size + sizeof null;
    size_t size =
        sizeof version + der_header_size(algorithm) + algorithm + der_header_size(value->size) + value->size;
    struct buffer out;

    buffer_init(&out, der_header_size(size) + size);
    der_add_header(&out, DER_SEQUENCE, size);
    buffer_add(&out, version, sizeof version);
    der_add_header(&out, DER_SEQUENCE, algorithm);
    buffer_add(&out, type->oid, type->oid_size);
    buffer_add(&out, null, sizeof null);
    der_add_header(&out, DER_OCTET_STRING, value->size);
    buffer_add(&out, value->data, value->size);
    return buffer_take(&out, der) ? CKR_OK : CKR_HOST_MEMORY;
}

bool soft_pkcs8_is_encrypted(const struct bytes *der)
{
    struct reader from;
    struct reader info;

    reader_init(&from, der->data, der->size);
    info = der_enter(&from, DER_SEQUENCE);
    der_enter(&info, DER_SEQUENCE);
    der_enter(&info, DER_OCTET_STRING);
    return reader_done(&info) && reader_done(&from);
}
