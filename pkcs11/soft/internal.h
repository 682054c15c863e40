/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_INTERNAL_H
#define DEVID_PKCS11_SOFT_INTERNAL_H

/* For soft/'s own files; what the rest of the module includes names no OpenSSL type. */

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/* Of the module's library context, NULL before soft_start. Owned by libctx.c. */
OSSL_LIB_CTX *soft_libctx(void);
const EVP_MD *soft_md(enum p11_hash hash);
const char *soft_md_name(enum p11_hash hash); /* as libcrypto calls it */
/* HMAC with that hash, to be copied by EVP_MAC_CTX_dup and given a key. NULL: there is none. */
const EVP_MAC_CTX *soft_mac(enum p11_hash hash);
const EVP_CIPHER *soft_aes128_cfb_cipher(void);
/* AES in a mode, for a key of 16, 24 or 32 bytes. NULL: there is none of that size. */
enum soft_mode { MODE_ECB, MODE_CBC, MODE_CTR, MODE_GCM, MODE_COUNT };
const EVP_CIPHER *soft_aes_cipher(enum soft_mode mode, size_t key_size);

/* The public key as libcrypto has it, freed with EVP_PKEY_free. NULL: no memory, or the numbers make no key
 * (a point that is not on its curve). */
EVP_PKEY *soft_public_pkey(const struct public_key *key);

/* --- a private key, for the files that use one (private.h is its face to the rest) --- */

struct p11_curve;
struct private_parts;
struct soft_private;
struct bytes;

/* libcrypto's form of the key, the same for all threads; owned by the key. NULL: its numbers are no key. */
EVP_PKEY *soft_private_pkey(struct soft_private *key);
const struct private_parts *soft_private_parts(const struct soft_private *key);

/* A context that is set up for one kind of work with one key, to be used again and again; one of its three
 * members of libcrypto's. */
struct soft_context {
    struct soft_context *next;
    enum p11_scheme scheme;
    enum p11_hash hash;
    enum p11_hash mgf_hash;
    size_t salt_length;
    bool encrypt;             /* else decryption; signatures are encryptions */
    size_t iv_size;           /* of GCM, that the cipher is set to */
    struct soft_private *key; /* while it is a stream */
    EVP_PKEY_CTX *evp;
    EVP_MAC_CTX *mac;
    EVP_CIPHER_CTX *cipher;
};

/* NULL: none of that kind is at rest. The caller returns it, or frees it when it failed. */
struct soft_context *soft_context_take(struct soft_private *key, enum p11_scheme scheme,
                                       const struct p11_parameters *parameters, bool encrypt);
void soft_context_return(struct soft_private *key, struct soft_context *context);
void soft_context_free(struct soft_context *context);

/* Sets a context for RSA up for OAEP. */
bool soft_set_oaep(EVP_PKEY_CTX *context, const struct p11_parameters *parameters);

/* XORs MGF1(seed) into out (RFC 8017, B.2.1). */
CK_RV soft_mgf1_xor(enum p11_hash hash, const uint8_t *seed, size_t seed_size, uint8_t *out, size_t size);

/* PKCS#8 PrivateKeyInfo. */
CK_RV soft_pkey_write(const EVP_PKEY *pkey, struct bytes *der);

/* The same, of a key made of parameters. CKR_TEMPLATE_INCONSISTENT, said: they make none. */
CK_RV soft_pkey_from(const char *algorithm, OSSL_PARAM_BLD *build, struct bytes *der);

/* secret * G, uncompressed. CKR_DATA_INVALID, said: the secret is not in the range of the order. */
CK_RV soft_curve_point(const struct p11_curve *curve, const struct bytes *secret, struct bytes *point);

#endif
