/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/hash.h"

#include <openssl/asn1.h>
#include <openssl/asn1t.h>
#include <openssl/x509.h>

#include <string.h>

/* RSAPublicKey of RFC 8017, A.1.1. */
typedef struct {
    ASN1_INTEGER *modulus;
    ASN1_INTEGER *exponent;
} RSA_PUBLIC;

ASN1_SEQUENCE(RSA_PUBLIC) =
    {
        ASN1_SIMPLE(RSA_PUBLIC, modulus, ASN1_INTEGER),
        ASN1_SIMPLE(RSA_PUBLIC, exponent, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(RSA_PUBLIC)

        static CK_RV take_encoded(unsigned char *encoded, int size, struct bytes *out)
{
    bool copied = size > 0 && bytes_copy(out, encoded, (size_t)size);

    OPENSSL_free(encoded);
    return copied ? CKR_OK : CKR_HOST_MEMORY;
}

/* An ASN1_INTEGER's content is the unsigned number; the encoder adds a leading zero where one is due. */
static CK_RV rsa_public_bits(const struct public_key *key, struct bytes *out)
{
    RSA_PUBLIC *rsa = (RSA_PUBLIC *)ASN1_item_new(ASN1_ITEM_rptr(RSA_PUBLIC));
    unsigned char *encoded = NULL;
    int size = -1;

    if (rsa != NULL && ASN1_STRING_set(rsa->modulus, key->modulus.data, (int)key->modulus.size) == 1 &&
        ASN1_STRING_set(rsa->exponent, key->exponent.data, (int)key->exponent.size) == 1)
        size = ASN1_item_i2d((ASN1_VALUE *)rsa, &encoded, ASN1_ITEM_rptr(RSA_PUBLIC));
    ASN1_item_free((ASN1_VALUE *)rsa, ASN1_ITEM_rptr(RSA_PUBLIC));
    return take_encoded(encoded, size, out);
}

/* The content of subjectPublicKey. */
static CK_RV public_bits(const struct public_key *key, struct bytes *out)
{
    *out = BYTES_EMPTY;
    if (key->type == CKK_RSA)
        return rsa_public_bits(key, out);
    return bytes_copy(out, key->point.data, key->point.size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* One row a key type: the algorithm, and whether the curve is its parameter (RFC 3279, 5480, 8410). */
static const struct algorithm {
    CK_KEY_TYPE type;
    int nid;
    int parameter;
} algorithms[] = {
    {CKK_RSA,           NID_rsaEncryption,        V_ASN1_NULL  },
    {CKK_EC,            NID_X9_62_id_ecPublicKey, V_ASN1_OBJECT},
    {CKK_EC_EDWARDS,    NID_ED25519,              V_ASN1_UNDEF },
    {CKK_EC_MONTGOMERY, NID_X25519,               V_ASN1_UNDEF },
};

static const struct algorithm *algorithm_of(const struct public_key *key)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (algorithms[i].type == key->type)
            return &algorithms[i];
    return NULL;
}

static bool set_algorithm(X509_PUBKEY *info, const struct public_key *key, const struct bytes *bits)
{
    const struct algorithm *algorithm = algorithm_of(key);
    unsigned char *copy = OPENSSL_memdup(bits->data, bits->size);
    const unsigned char *params = key->curve != NULL ? key->curve->params : NULL;
    ASN1_OBJECT *curve = NULL;
    bool set = false;

    if (algorithm != NULL && algorithm->parameter == V_ASN1_OBJECT)
        curve = d2i_ASN1_OBJECT(NULL, &params, (long)key->curve->params_size);
    if (copy != NULL && algorithm != NULL && (algorithm->parameter != V_ASN1_OBJECT || curve != NULL))
        set = X509_PUBKEY_set0_param(info, OBJ_nid2obj(algorithm->nid), algorithm->parameter, curve, copy,
                                     (int)bits->size) == 1;
    if (!set) {
        ASN1_OBJECT_free(curve);
        OPENSSL_free(copy);
    }
    return set;
}

CK_RV soft_public_info(const struct public_key *key, struct bytes *der)
{
    X509_PUBKEY *info = X509_PUBKEY_new();
    struct bytes bits = BYTES_EMPTY;
    unsigned char *encoded = NULL;
    int size = -1;

    *der = BYTES_EMPTY;
    if (info != NULL && public_bits(key, &bits) == CKR_OK && set_algorithm(info, key, &bits))
        size = i2d_X509_PUBKEY(info, &encoded);
    bytes_free(&bits);
    X509_PUBKEY_free(info);
    return take_encoded(encoded, size, der);
}

CK_RV soft_public_id(const struct public_key *key, uint8_t id[SOFT_KEY_ID_SIZE])
{
    struct bytes bits;
    CK_RV rv = public_bits(key, &bits);

    if (rv == CKR_OK)
        rv = soft_hash_once(HASH_SHA1, bits.data, bits.size, id);
    bytes_free(&bits);
    return rv;
}

/* Of AES the encryption of a block of zeros, of other keys the SHA-1; three bytes of it. */
CK_RV soft_check_value(CK_KEY_TYPE type, const struct bytes *secret, uint8_t check[SOFT_CHECK_VALUE])
{
    uint8_t whole[HASH_SIZE_MAXIMUM] = {0};
    CK_RV rv = type == CKK_AES ? soft_aes_block(secret->data, secret->size, whole)
                               : soft_hash_once(HASH_SHA1, secret->data, secret->size, whole);

    memcpy(check, whole, SOFT_CHECK_VALUE);
    bytes_wipe(whole, sizeof whole);
    return rv;
}
