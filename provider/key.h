/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_KEY_H
#define DEVID_PROVIDER_KEY_H

#include "provider/object.h"

#include <openssl/evp.h>

/* PKCS#11 3.0, for headers that stop at 2.40. */
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL
#endif

struct prov_key;
struct prov_tss2;

enum { PROV_REJECTION_SIZE = 32 };

/* A row for each type of key. */
struct prov_key_type {
    const char *name;      /* as libcrypto calls it */
    CK_OBJECT_CLASS class; /* of the object with the private half */
    CK_KEY_TYPE pkcs11;    /* of secret keys one of several: see struct prov_token_key */
    bool bare;             /* without parameters: a key is its bytes */
    bool pss_only;         /* RSA keys whose token does nothing but PSS with them */
    const char
        *public_param; /* a parameter that only a key with its public half has, and one of the private half */
    const char *private_param;
};

extern const struct prov_key_type prov_key_rsa;
extern const struct prov_key_type prov_key_rsa_pss;
extern const struct prov_key_type prov_key_ec;
extern const struct prov_key_type prov_key_ed25519;
extern const struct prov_key_type prov_key_x25519;
extern const struct prov_key_type prov_key_ed448;
extern const struct prov_key_type prov_key_x448;
extern const struct prov_key_type prov_key_hmac;

/* The private half of a key of a token, or a secret key: what identifies it, and where it is just now. */
struct prov_token_key {
    struct prov_uri *uri; /* the one it was loaded by: it may tell the PIN */
    char *name;           /* the full URI, without a PIN */
    struct prov_token *token;
    CK_KEY_TYPE key_type;
    struct bytes id;
    struct bytes label;
    bool always_authenticate;
    bool hashes_itself;        /* it signs messages, not digests: see allowed.h */
    CK_MECHANISM_TYPE hashing; /* by this mechanism and no other; 0: by that of the digest */
    const char *digest;        /* the only one that it signs with; NULL: any, or `pkey` says it */
    atomic_bool raw_pss;       /* the token refused CKM_RSA_PKCS_PSS: pad here, and ask for CKM_RSA_X_509 */
    uint8_t
        rejection[PROV_REJECTION_SIZE]; /* what broken ciphertexts are answered from, see asymcipher_rsa.c */
    struct prov_tss2 *file; /* the key is not an object of the token, but stands in a file: see tss2.h */
    /* Guarded by the lock of the module that is current: */
    CK_OBJECT_HANDLE handle;
    uint64_t epoch; /* of that handle; 0: none */
};

/*
 * A key as libcrypto holds it. `pkey` lives in the provider's private context: the public half of a token's
 * key, or the whole of a software key (`private` is NULL then). NULL until something was imported, and of
 * secret keys of a token. Shared by reference count; a token's key never changes.
 */
struct prov_key {
    atomic_uint references;
    struct provider *provider;
    const struct prov_key_type *type;
    EVP_PKEY *pkey;
    bool has_public;
    bool has_private;
    struct prov_token_key *private;
    char *public_name; /* of a token's key without its private half: the object's full URI, without a PIN */
};

/* An empty software key. NULL: no memory. */
struct prov_key *prov_key_new(struct provider *provider, const struct prov_key_type *type);
struct prov_key *prov_key_share(struct prov_key *key);
void prov_key_free(struct prov_key *key);

/* Makes `pkey` (taken) the content of a software key and notes which halves it has. */
void prov_key_set(struct prov_key *key, EVP_PKEY *pkey);

/* Leaves of a token's key, which nobody else may hold yet, a software key with its public half. */
void prov_key_drop_private(struct prov_key *key);

/*
 * The key that an object of class CKO_PRIVATE_KEY, CKO_SECRET_KEY (for HMAC) or CKO_PUBLIC_KEY is; the last
 * gives a software key. The public half comes from the object itself, else from the public key or the
 * certificate with the same id, which the session is used to find. NULL with an error raised.
 */
struct prov_key *prov_key_from_object(struct prov_session *session, struct prov_uri *uri,
                                      const struct prov_object *object);

#endif
