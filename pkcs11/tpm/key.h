/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_KEY_H
#define DEVID_PKCS11_TPM_KEY_H

#include "common/bytes.h"
#include "pkcs11/backend.h"
#include "pkcs11/store.h"
#include "pkcs11/tpm/bus.h"
#include "pkcs11/tpm/capability.h"
#include "pkcs11/tpm/context.h"

/* A token's view of its TPM: immutable once it is open, but for what its PINs open. */
struct tpm_token {
    struct tpm *tpm;
    char *path;               /* of the token, for messages */
    struct store store;       /* the same, for pin.pem */
    TPM2_HANDLE parent;       /* of new keys: a persistent handle, or TPM2_RH_OWNER */
    struct bytes parent_name; /* as it was when the token was made */
    struct tpm_bus bus;
    struct tpm_capability capability;
    bool has_pin;                /* there is a pin.pem: keys carry the token secret */
    bool pin_refused;            /* atomic: the TPM may count failed tries */
    bool pin_wrong;              /* atomic: the last PIN was */
    struct bytes secret;         /* under the TPM's lock; empty: nobody is logged in */
    bool seals;                  /* token.conf asks for sealed keys (sealed.h) */
    pthread_mutex_t sealed_lock; /* of what follows; taken before the TPM's */
    struct tpm_sealed *open;     /* sealed keys whose value is in this process */
};

/* What an importable key has besides its areas. */
struct tpm_arrival {
    TPM2B_ENCRYPTED_SECRET seed;
    TPM2B_PRIVATE private_area; /* that loads, under the TPM's lock; size 0: it was not imported yet */
};

/* A key block, ready to be loaded, a key that somebody left at a handle (athandle.h), or a key of the TPM
 * itself (both without a private area): the backend's `key`. Immutable. */
struct tpm_key {
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE private_area;
    TPM2B_NAME name;
    TPM2_HANDLE parent;          /* a persistent handle, TPM2_RH_OWNER, or TPM_OWNER_RSA */
    TPM2_HANDLE persistent;      /* of a key of the TPM itself: where it stays, 0: nowhere */
    struct tpm_stay *stay;       /* of others: the same (stay.h); owned */
    struct tpm_arrival *arrival; /* of an importable key, whose private area is the wrapped one; else NULL */
    struct tpm_policy *policy;   /* that is executed for each use (policy.h); owned; NULL: none */
    const struct bytes *auth;    /* its auth value, read under the TPM's lock; NULL: empty */
    bool own_auth;               /* it has one of its own instead, which is given for each use */
    struct bytes block;          /* the DER it came from */
    struct public_key public;
};

void tpm_key_free(struct tpm_key *key);
/* From a block of any kind. Of sealed data, `public` is what its description says; of no type when it says
 * nothing. CKR_DATA_INVALID, said. */
CK_RV tpm_key_read(const struct tpm_token *token, const struct bytes *block, struct tpm_key **key);

/* The backend's members that have files of their own. */
bool tpm_has_own_auth(const void *key);
void tpm_disown(void *key);
CK_RV tpm_authenticate(void *instance, void *key, const struct bytes *pin);
CK_RV tpm_generate_pair(void *instance, const struct key_request *request, struct bytes *block);
CK_RV tpm_generate(void *instance, const struct key_request *request, struct bytes *block);
CK_RV tpm_import(void *instance, const struct attributes *attributes, struct bytes *block);
CK_RV tpm_sign(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
               const uint8_t *input, size_t input_size, uint8_t *out, size_t size);
CK_RV tpm_decrypt(void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
                  const uint8_t *input, size_t input_size, struct bytes *out);
CK_RV tpm_unwrap(void *instance, void *key, const struct mechanism *row,
                 const struct p11_parameters *parameters, const struct bytes *wrapped, struct bytes *block);
CK_RV tpm_derive(void *instance, void *key, const struct public_key *peer, struct bytes *secret);
CK_RV tpm_stream_begin(void *instance, void *key, enum p11_scheme scheme,
                       const struct p11_parameters *parameters, bool encrypt, void **stream);
CK_RV tpm_stream_update(void *stream, const uint8_t *input, size_t size, uint8_t *out);
CK_RV tpm_stream_final(void *stream, uint8_t *tag, size_t size);
void tpm_stream_end(void *stream);
CK_RV tpm_random(void *instance, uint8_t *out, size_t size);
CK_RV tpm_seed(void *instance, const uint8_t *seed, size_t size);

#endif
