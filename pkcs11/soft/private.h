/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_PRIVATE_H
#define DEVID_PKCS11_SOFT_PRIVATE_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

/*
 * A private or secret key in plain. Several threads may use one at once: what they share inside is locked for
 * as long as a list is changed, not while libcrypto computes. Reading is cheap: libcrypto's own form of the
 * key is made at its first use.
 */
struct soft_private;

/* From the DER of a PKCS#8 PrivateKeyInfo, RSAPrivateKey or ECPrivateKey. *key is ended with
 * soft_private_free, *public with public_key_free. CKR_DATA_INVALID, said: see soft_pkcs8_read. */
CK_RV soft_private_read(const struct bytes *der, struct soft_private **key, struct public_key *public);
void soft_private_free(struct soft_private *key); /* NULL is accepted */

/* The CKA_ of a secret number of the key, or a secret key's CKA_CHECK_VALUE. CKR_ATTRIBUTE_TYPE_INVALID: it
 * has none such. */
CK_RV soft_private_attribute(const struct soft_private *key, CK_ATTRIBUTE_TYPE type, struct bytes *value);

/*
 * Makes a signature of `size` bytes, which must be public_key_signature_size; input as the backend's sign
 * has it. CKR_DATA_LEN_RANGE, CKR_DATA_INVALID (not below the modulus), CKR_MECHANISM_PARAM_INVALID (a salt
 * that does not fit), CKR_DEVICE_ERROR (the key is no key); each is said.
 */
CK_RV soft_private_sign(struct soft_private *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                        uint8_t *out, size_t size);

/*
 * Decrypts; *out is freed with bytes_free. SCHEME_PKCS1 never tells a broken padding from a good one
 * (draft-irtf-cfrg-rsa-guidance): the answer is then of a length and content that only key and input decide.
 * CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID.
 */
CK_RV soft_private_decrypt(struct soft_private *key, enum p11_scheme scheme,
                           const struct p11_parameters *parameters, const uint8_t *input, size_t input_size,
                           struct bytes *out);

/*
 * ECDH with an EC or X25519 key: *secret is the x coordinate that both parties come to, field_size bytes, and
 * is freed with bytes_free. On the curves here ordinary and cofactor ECDH are one (the cofactor is 1; X25519
 * has its own in it). CKR_MECHANISM_PARAM_INVALID: the peer's point is on another curve or on none, or the
 * result is zero. CKR_KEY_TYPE_INCONSISTENT, CKR_DEVICE_ERROR (the key is no key); each is said.
 */
CK_RV soft_private_derive(struct soft_private *key, const struct public_key *peer, struct bytes *secret);

/* New keys, as PKCS#8 PrivateKeyInfo. A secret key's size is one that its type permits. */
CK_RV soft_generate_rsa(size_t bits, struct bytes *der);
CK_RV soft_generate_on_curve(const struct p11_curve *curve, struct bytes *der);
CK_RV soft_generate_secret(CK_KEY_TYPE type, size_t size, struct bytes *der);

#endif
