/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_PUBLICKEY_H
#define DEVID_PKCS11_PUBLICKEY_H

#include "common/bytes.h"
#include "pkcs11/attribute.h"
#include "pkcs11/curve.h"

/* A public key in the form that every layer below the C_ functions shares. Numbers are big-endian and
 * unsigned, without leading zeros. */
struct public_key {
    CK_KEY_TYPE type;              /* CKK_RSA, CKK_EC, CKK_EC_EDWARDS or CKK_EC_MONTGOMERY */
    struct bytes modulus;          /* RSA */
    struct bytes exponent;         /* RSA */
    const struct p11_curve *curve; /* all others */
    struct bytes point; /* EC: uncompressed, 04 || x || y, each of field_size bytes; else so many bytes */
};

void public_key_free(struct public_key *key);
CK_RV public_key_copy(struct public_key *to, const struct public_key *from);
bool public_key_equal(const struct public_key *a, const struct public_key *b);

/* Size of a modulus or of the field, in bits. */
size_t public_key_bits(const struct public_key *key);
/* Bytes of a signature by it: the modulus's size, or r || s. */
size_t public_key_signature_size(const struct public_key *key);

/* Adds CKA_KEY_TYPE and the type's own: MODULUS, MODULUS_BITS (of public keys), PUBLIC_EXPONENT; EC_PARAMS,
 * EC_POINT (a DER OCTET STRING around the point). */
CK_RV public_key_to_attributes(const struct public_key *key, struct attributes *attributes);

#endif
