/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PKCS8_H
#define DEVID_PKCS11_SOFT_PKCS8_H

#include "pkcs11/curve.h"
#include "pkcs11/secrettype.h"

#include "common/bytes.h"

/* The numbers of an RSA private key, in the order of RFC 8017, A.1.2. */
enum rsa_part {
    RSA_MODULUS,
    RSA_EXPONENT,
    RSA_PRIVATE_EXPONENT,
    RSA_PRIME_1,
    RSA_PRIME_2,
    RSA_EXPONENT_1,
    RSA_EXPONENT_2,
    RSA_COEFFICIENT,
    RSA_PARTS
};

/* What a private or secret key is made of: views into the DER that it was read from. */
struct private_parts {
    CK_KEY_TYPE type;
    struct bytes rsa[RSA_PARTS];
    const struct p11_curve *curve; /* pairs of all others */
    struct bytes secret;           /* the scalar, the bytes that RFC 8410 has for it, or the secret key */
    struct bytes point;            /* EC: empty when the DER has none */
};

/*
 * Reads a PKCS#8 PrivateKeyInfo (RFC 5208, 5958), an RSAPrivateKey (RFC 8017) or an ECPrivateKey (RFC 5915).
 * In PrivateKeyInfo a secret key stands as the octets of privateKey, with an algorithm of secrettype.h.
 * Nothing is computed: whether the numbers are a key is not known afterwards. CKR_DATA_INVALID, said: it is
 * none of these, or a key of a type, size or curve that is not used here.
 */
CK_RV soft_pkcs8_read(const struct bytes *der, struct private_parts *parts);

/* A secret key as PrivateKeyInfo; its size is one that the type permits. CKR_HOST_MEMORY. */
CK_RV soft_pkcs8_write_secret(const struct secret_type *type, const struct bytes *value, struct bytes *der);

/* Whether this is the EncryptedPrivateKeyInfo of PKCS#8. */
bool soft_pkcs8_is_encrypted(const struct bytes *der);

#endif
