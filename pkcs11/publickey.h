/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PUBLICKEY_H
#define DEVID_PKCS11_PUBLICKEY_H

#include "common/bytes.h"
#include "pkcs11/attribute.h"
#include "pkcs11/curve.h"

/* PKCS#11 3.0, for headers that stop at 2.40. */
#ifndef CKK_SHA3_224_HMAC
#define CKK_SHA3_224_HMAC 0x33UL
#define CKK_SHA3_256_HMAC 0x34UL
#define CKK_SHA3_384_HMAC 0x35UL
#define CKK_SHA3_512_HMAC 0x36UL
#endif

/*
 * A public key in the form that every layer below the C_ functions shares. Numbers are big-endian and
 * unsigned, without leading zeros. Of a secret key it has what everybody may know: its type, which is
 * CKK_GENERIC_SECRET, CKK_AES or one of the SHA-n HMAC types, and its size.
 */
struct public_key {
    CK_KEY_TYPE type;      /* CKK_RSA, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, or of a secret key */
    struct bytes modulus;  /* RSA */
    struct bytes exponent; /* RSA */
    const struct p11_curve *curve; /* pairs of all others */
    struct bytes point; /* EC: uncompressed, 04 || x || y, each of field_size bytes; else so many bytes */
    size_t size;        /* of a secret key, in bytes; 0: there is a pair */
};

/* Whether it stands for a secret key: a block of one makes one object, not two. */
bool public_key_is_secret(const struct public_key *key);

void public_key_free(struct public_key *key);
CK_RV public_key_copy(struct public_key *to, const struct public_key *from);
bool public_key_equal(const struct public_key *a, const struct public_key *b);

/* Size of a modulus, of the field or of a secret key, in bits. */
size_t public_key_bits(const struct public_key *key);
/* Bytes of a signature by it: the modulus's size, or r || s. A MAC's size is not the key's. */
size_t public_key_signature_size(const struct public_key *key);

/*
 * Reads a public point as callers write it: in a DER OCTET STRING (CKA_EC_POINT), or bare. False, *point
 * empty: it has not the form of one on this curve (whether it lies on it is not looked at), or there is no
 * memory.
 */
bool public_key_read_point(const struct p11_curve *curve, const void *data, size_t size, struct bytes *point);

/* Adds CKA_KEY_TYPE and the type's own: MODULUS, MODULUS_BITS (of public keys), PUBLIC_EXPONENT; EC_PARAMS,
 * EC_POINT (a DER OCTET STRING around the point); VALUE_LEN. */
CK_RV public_key_to_attributes(const struct public_key *key, struct attributes *attributes);

#endif
