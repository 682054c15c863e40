/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SCHEME_H
#define DEVID_PKCS11_SCHEME_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

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
    SCHEME_NONE,         /* key generation and digests */
    SCHEME_PKCS1,        /* RSASSA-PKCS1-v1_5 over a ready DigestInfo, or over any short data */
    SCHEME_PSS,          /* RSASSA-PSS over a digest */
    SCHEME_RAW,          /* the bare RSA private operation */
    SCHEME_ECDSA,        /* over a digest, r || s */
    SCHEME_EDDSA,        /* pure Ed25519, over the message */
    SCHEME_OAEP,         /* RSAES-OAEP */
    SCHEME_ECDH,         /* on EC and X25519 keys */
    SCHEME_HKDF,         /* RFC 5869 */
    SCHEME_KEY_WRAP,     /* RFC 3394 */
    SCHEME_KEY_WRAP_PAD, /* RFC 5649 */
    SCHEME_TSS2_KEY,     /* a key as it stands in a TSS2 PRIVATE KEY file */
    SCHEME_CREDENTIAL,   /* a key that a provisioning service made for one TPM */
    SCHEME_HMAC,         /* over the message, its first bytes (mac_size) */
    SCHEME_CMAC,         /* AES-CMAC, the same */
    SCHEME_ECB,          /* AES, whole blocks */
    SCHEME_CBC,          /* AES, whole blocks */
    SCHEME_CBC_PAD,      /* the same with the padding of PKCS#7, which is not the backends' business */
    SCHEME_CTR,          /* AES, any length */
    SCHEME_GCM,          /* AES, any length, and a tag */
};

/* A mechanism's parameter, parsed and checked; zero where the scheme has none. Freed by who holds it, with
 * parameters_free. */
struct p11_parameters {
    enum p11_hash
        hash; /* PSS: of the digest that is signed; OAEP: of the label; ECDH, HKDF: of the KDF; HMAC */
    enum p11_hash mgf_hash; /* PSS, OAEP: of MGF1 */
    size_t salt_length;     /* PSS: in bytes */
    struct bytes label;     /* OAEP; ECDH, HKDF: what the parties share ("info") */
    struct bytes point;     /* ECDH: the other party's public key, as the caller has it */
    struct bytes salt;      /* HKDF */
    struct bytes iv;        /* key wrap (empty: the RFC's own), CBC, GCM; CTR: the first counter block */
    struct bytes aad;       /* GCM */
    size_t counter_width;   /* CTR: how many bits of the block are the counter */
    size_t mac_size;        /* HMAC, CMAC; GCM: of the tag; in bytes */
    bool message;           /* signatures: the input is not hashed yet (struct key_binding) */
    bool extract;           /* HKDF: which of its steps */
    bool expand;
    CK_OBJECT_HANDLE object; /* HKDF: the key that is the salt, or 0; CREDENTIAL: the storage root key */
    void *parent;            /* CREDENTIAL: the backend's of that object */
    struct bytes auth; /* what C_Login gave for this one use of a key with an authorization of its own */
};

#endif
