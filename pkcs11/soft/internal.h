/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_INTERNAL_H
#define DEVID_PKCS11_SOFT_INTERNAL_H

/* For soft/'s own files; what the rest of the module includes names no OpenSSL type. */

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

#include <openssl/types.h>

/* Of the module's library context, NULL before soft_start. Owned by libctx.c. */
OSSL_LIB_CTX *soft_libctx(void);
const EVP_MD *soft_md(enum p11_hash hash);
const char *soft_md_name(enum p11_hash hash); /* as libcrypto calls it */
/* HMAC with that hash, to be copied by EVP_MAC_CTX_dup and given a key. NULL: there is none. */
const EVP_MAC_CTX *soft_mac(enum p11_hash hash);
const EVP_CIPHER *soft_aes128_cfb_cipher(void);

/* The public key as libcrypto has it, freed with EVP_PKEY_free. NULL: no memory, or the numbers make no key
 * (a point that is not on its curve). */
EVP_PKEY *soft_public_pkey(const struct public_key *key);

#endif
