/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_MECHANISM_H
#define DEVID_PKCS11_MECHANISM_H

#include "pkcs11/scheme.h"

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/* PKCS#11 3.0, for headers that stop at 2.40. */
#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210bUL
#endif
#ifndef CKM_EC_MONTGOMERY_KEY_PAIR_GEN
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#endif
#ifndef CKM_SHA3_224
#define CKM_SHA3_256 0x2b0UL
#define CKM_SHA3_224 0x2b5UL
#define CKM_SHA3_384 0x2c0UL
#define CKM_SHA3_512 0x2d0UL
#endif
#ifndef CKM_SHA3_256_HMAC
#define CKM_SHA3_256_HMAC 0x2b1UL
#define CKM_SHA3_256_HMAC_GENERAL 0x2b2UL
#define CKM_SHA3_224_HMAC 0x2b6UL
#define CKM_SHA3_224_HMAC_GENERAL 0x2b7UL
#define CKM_SHA3_384_HMAC 0x2c1UL
#define CKM_SHA3_384_HMAC_GENERAL 0x2c2UL
#define CKM_SHA3_512_HMAC 0x2d1UL
#define CKM_SHA3_512_HMAC_GENERAL 0x2d2UL
#endif

#ifndef CKM_SHA_1_KEY_GEN
#define CKM_SHA_1_KEY_GEN 0x4003UL
#define CKM_SHA224_KEY_GEN 0x4004UL
#define CKM_SHA256_KEY_GEN 0x4005UL
#define CKM_SHA384_KEY_GEN 0x4006UL
#define CKM_SHA512_KEY_GEN 0x4007UL
#define CKM_SHA3_256_KEY_GEN 0x2b3UL
#define CKM_SHA3_224_KEY_GEN 0x2b8UL
#define CKM_SHA3_384_KEY_GEN 0x2c3UL
#define CKM_SHA3_512_KEY_GEN 0x2d3UL
#endif

struct token;

/* One row of THE mechanism table: everything that this module knows about a mechanism. */
struct mechanism {
    CK_MECHANISM_TYPE type;
    const char *name;
    CK_KEY_TYPE key_type;    /* of the key an operation takes, or that is generated */
    const CK_KEY_TYPE *also; /* a second type that an operation takes; NULL: none */
    CK_ULONG minimum; /* key size as CK_MECHANISM_INFO wants it: in bits, for AES in bytes; 0 for digests */
    CK_ULONG maximum;
    CK_FLAGS flags;         /* the operations it permits, CKF_SIGN ... and CKF_EC_ ones */
    enum p11_hash digest;   /* the data is hashed with this before the backend sees it; HASH_NONE: as it is */
    enum p11_hash hash;     /* HMAC's */
    enum p11_scheme scheme; /* what the backend does */
    /* Reads and checks pParameter: CKR_OK or CKR_MECHANISM_PARAM_INVALID. */
    CK_RV(*parse)
    (const CK_MECHANISM *mechanism, const struct mechanism *row, struct p11_parameters *parameters);
};

/* Whether the operations of the row take keys of the type. */
bool mechanism_takes(const struct mechanism *row, CK_KEY_TYPE type);
/* Whether these are secret keys. */
bool mechanism_is_secret(const struct mechanism *row);

/* NULL: the table has no such row. */
const struct mechanism *mechanism_row(CK_MECHANISM_TYPE type);

/* The row that signs by the scheme with its own hash, or with HASH_NONE what the caller hashed; NULL: none. */
const struct mechanism *mechanism_signing(enum p11_scheme scheme, enum p11_hash hash);

/* The row when the token's own backend can do it and it permits the operation `flag`; CKR_MECHANISM_INVALID
 * otherwise. */
CK_RV mechanism_find(const struct token *token, CK_MECHANISM_TYPE type, CK_FLAGS flag,
                     const struct mechanism **row);
CK_RV mechanism_info(const struct token *token, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);
/* C_GetMechanismList's two-call rule: *count is in and out. */
CK_RV mechanism_list(const struct token *token, CK_MECHANISM_TYPE *list, CK_ULONG *count);

/* The table itself, for the tests that walk it. */
const struct mechanism *mechanism_table(size_t *count);

#endif
