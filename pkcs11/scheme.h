/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SCHEME_H
#define DEVID_PKCS11_SCHEME_H

#include "common/bytes.h"

#include <stddef.h>

/* What the backends and soft/ speak instead of CKM_ numbers. */

enum p11_hash {
    HASH_NONE,
    HASH_SHA1,
    HASH_SHA224,
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_SHA3_224,
    HASH_SHA3_256,
    HASH_SHA3_384,
    HASH_SHA3_512,
    HASH_COUNT
};

#define HASH_SIZE_MAXIMUM 64

enum p11_scheme {
    SCHEME_NONE,  /* key generation and digests */
    SCHEME_PKCS1, /* RSASSA-PKCS1-v1_5 over a ready DigestInfo, or over any short data */
    SCHEME_PSS,   /* RSASSA-PSS over a digest */
    SCHEME_RAW,   /* the bare RSA private operation */
    SCHEME_ECDSA, /* over a digest, r || s */
    SCHEME_EDDSA, /* pure Ed25519, over the message */
    SCHEME_OAEP,  /* RSAES-OAEP */
};

/* A mechanism's parameter, parsed and checked; zero where the scheme has none. */
struct p11_parameters {
    enum p11_hash hash;     /* PSS: of the digest that is signed; OAEP: of the label */
    enum p11_hash mgf_hash; /* PSS, OAEP: of MGF1 */
    size_t salt_length;     /* PSS: in bytes */
    struct bytes label;     /* OAEP; freed by who holds the parameters */
    struct bytes auth;      /* what C_Login gave for this one use of a key with an authorization of its own;
                               freed by who holds the parameters */
};

#endif
