/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_BACKEND_H
#define DEVID_PKCS11_BACKEND_H

#include "common/bytes.h"
#include "pkcs11/attribute.h"
#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"
#include "pkcs11/tokenconf.h"

struct mechanism;

/* An object of the device itself, such as a TPM's endorsement key, which the token keeps as a file: a public
 * key or certificates. Views, good for the call that passes it. */
struct device_object {
    const char *name; /* of the file, without its suffix */
    const char *label;
    const struct public_key *public; /* NULL: certificates */
    struct bytes area;               /* of the key: CKA_DEVID_TPM2B_PUBLIC */
    CK_ULONG handle;                 /* of the key: where it stays in the device, 0: nowhere */
    const struct bytes *certificates;
    size_t certificate_count;
};
typedef CK_RV device_object_sink(void *data, const struct device_object *object);

/* A key pair or a secret key to make. */
struct key_request {
    CK_KEY_TYPE type;
    size_t bits;                   /* RSA */
    const struct p11_curve *curve; /* pairs of all others */
    size_t size;                   /* of a secret key, in bytes */
    bool sign;                     /* secret keys: also verify */
    bool encrypt;                  /* secret keys */
    bool decrypt;                  /* RSA: decryption, and signatures that need the bare private operation */
    bool derive;                   /* EC: ECDH */
    bool private;                  /* CKA_PRIVATE: on a token with a PIN, for who is logged in */
    struct bytes pcrs;             /* pairs: CKA_DEVID_POLICY_PCR, the caller's; empty: none */
    struct bytes auth;             /* pairs: CKA_DEVID_AUTH, the caller's; empty: none */
    enum p11_hash hash;            /* EC: the only one that it signs with; HASH_NONE: any */
};

/* The one scheme and hash that a key signs with. */
struct key_binding {
    enum p11_scheme scheme;
    enum p11_hash hash;
    bool hashes; /* it signs messages that the device hashes, and no digests */
};

/*
 * THE backend vtable: how a kind of key store does what needs a secret. An `instance` is one token's; a `key`
 * is one loaded key block's. A NULL member is CKR_FUNCTION_NOT_SUPPORTED (see backend_missing). Verification,
 * encryption with a public key and digests need no secret and are not here.
 *
 * Members may be called from several threads at once for one instance: no lock of the layers above is held
 * but the caller's session, so whatever the backend shares it locks itself, and it never calls upward. Every
 * member that fails with a CKR_ code has said why with p11_fail.
 */
struct backend {
    const char *name;                    /* "tpm": in token.conf, and CKA_DEVID_BACKEND */
    const char *slot_name;               /* description of its uninitialised slot */
    const char *pem_label;               /* the PEM blocks that are its keys */
    const char *const *other_pem_labels; /* more of them, which are read and not written; NULL, or ends so */
    const char *model;                   /* CK_TOKEN_INFO.model */
    bool hardware;                       /* keys are in a device: CKF_HW */
    bool in_clear;                       /* its blocks are keys in plain: locked on tokens with a PIN */
    bool extractable; /* keys may leave it when they are made so: CKA_EXTRACTABLE, CKA_SENSITIVE false */

    /* Makes an instance from token.conf, without touching a device; conf is kept no longer than the call. */
    CK_RV (*open)(const struct token_conf *conf, const char *directory, void **instance);
    /* Frees it. No other call on it is under way. */
    void (*close)(void *instance);
    /* As close, in a child after fork: nothing that the parent shares may be told about it. */
    void (*abandon)(void *instance);
    /* No session is open any more: gives up what it holds in the device. */
    void (*idle)(void *instance);

    /* Completes the configuration of a new token; may touch the device. `process` is what the process's own
     * configuration says of it, such as `tcti` and `owner-auth`. */
    CK_RV (*init)(struct token_conf *conf, const struct token_conf *process);
    /* Reads the device's own objects and passes each to `add`; it may take seconds. `persist`: keys that are
     * made for it stay in the device. What cannot be read is left out and noted. A failure of `add` ends it.
     * Optional. */
    CK_RV (*device_objects)(void *instance, bool persist, device_object_sink *add, void *data);
    /* What C_GetTokenInfo can add. Optional. */
    void (*token_info)(void *instance, CK_TOKEN_INFO *info);
    /*
     * PINs, on tokens that have a pin.pem. `user` is CKU_SO or CKU_USER. login opens the token secret and
     * keeps it until logout; set_pin seals it under a new PIN: with the old one, or with NULL for the user's
     * after a login of the SO, or with NULL for the SO's on a token that is being made and has no pin.pem.
     * The lengths are checked. CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED exactly.
     */
    CK_RV (*login)(void *instance, CK_USER_TYPE user, const struct bytes *pin);
    void (*logout)(void *instance);
    CK_RV (*set_pin)(void *instance, CK_USER_TYPE user, const struct bytes *old, const struct bytes *pin);
    /* A copy of the token secret, the caller's. CKR_USER_NOT_LOGGED_IN. */
    CK_RV (*secret)(void *instance, struct bytes *secret);

    /* Whether the token can serve the row, and the key sizes it has for it. Without touching the device. */
    bool (*supports)(const void *instance, const struct mechanism *row);
    void (*limits)(const void *instance, const struct mechanism *row, CK_MECHANISM_INFO *info);

    /* The backend that a block of these labels is for, where it has more than one kind; the other is not a
     * token's, and has this one's instances. Optional: always this one. */
    const struct backend *(*serving)(const struct bytes *block);

    /* Reads a key block (the DER inside the PEM) without touching the device. *key and *public are the
     * caller's, the former ended with drop. CKR_DATA_INVALID: not such a block, or one that this backend
     * cannot use. */
    CK_RV (*load)(void *instance, const struct bytes *block, void **key, struct public_key *public);
    /*
     * The same for a block that the token's secret encrypts (pkcs11/lock.h), with its public half, which
     * stands beside it: the block is opened when the key is used, and not before the user's login. Of
     * backends with in_clear; `load` takes such blocks too, after a login (else CKR_USER_NOT_LOGGED_IN).
     */
    CK_RV(*load_locked)
    (void *instance, const struct bytes *block, const struct public_key *public, void **key);
    /*
     * Keys that somebody else left in the device. find: the block that stands for the one at a place, which
     * devid/pkcs11.h describes (CKM_DEVID_TSS2_KEY). CKR_DATA_INVALID: that is no place;
     * CKR_OBJECT_HANDLE_INVALID: nothing is there, or another key than the one that is meant. Optional.
     */
    CK_RV (*find)(void *instance, const struct bytes *place, struct bytes *block);
    /* The content of an NV index, freed with bytes_free. Optional. */
    CK_RV (*read_index)(void *instance, CK_ULONG index, struct bytes *content);
    void (*drop)(void *instance, void *key);
    /* A key of the device itself by what its file says: its area, its handle and the public key of the block,
     * which must be the area's (else CKR_DATA_INVALID). As load otherwise. */
    CK_RV(*adopt)
    (void *instance, const struct bytes *area, CK_ULONG handle, const struct public_key *public, void **key);
    /*
     * Keys that stay in the device besides their block, at a handle (CKA_DEVID_PERSISTENT). Both members or
     * neither. place: a file says so; before others see the key. CKR_DATA_INVALID. persist: has the key stay
     * at the handle, or, with 0, nowhere any more; it may be there, or gone, already.
     * CKR_ATTRIBUTE_VALUE_INVALID: no such handle, or it is taken.
     */
    CK_RV (*place)(void *key, CK_ULONG handle);
    CK_RV (*persist)(void *instance, void *key, CK_ULONG handle);
    /* CKA_DEVID_... attributes of a key, and the secret ones, which the caller has leave to read.
     * CKR_ATTRIBUTE_TYPE_INVALID: it has none such. */
    CK_RV (*key_attribute)(const void *key, CK_ATTRIBUTE_TYPE type, struct bytes *value);
    /*
     * Keys with an authorization of their own, which is not the token's. All members or none. Such a key
     * is CKA_ALWAYS_AUTHENTICATE; C_Login with CKU_CONTEXT_SPECIFIC brings its PIN to `authenticate`, which
     * answers CKR_OK (the members that use the key then get it as parameters->auth, once), CKR_PIN_INCORRECT
     * or CKR_PIN_LOCKED. Every other key that asks to be authenticated for is by the user's PIN.
     */
    bool (*has_own_auth)(const void *key);
    /* The key's object is not CKA_PRIVATE, so the token's PIN does not stand before it: its authorization, if
     * it has one, is its own. Before others see the key. Only where has_own_auth is. */
    void (*disown)(void *key);
    CK_RV (*authenticate)(void *instance, void *key, const struct bytes *pin);

    /* False: the key signs as the caller wants it. With binding.hashes `sign` gets the message itself, and
     * parameters->message says so. Optional: no key is bound. */
    bool (*binding)(const void *key, struct key_binding *binding);

    /* Makes a key pair or a secret key; *block is what a later load takes. The key is not kept by the device.
     */
    CK_RV (*generate_pair)(void *instance, const struct key_request *request, struct bytes *block);
    CK_RV (*generate)(void *instance, const struct key_request *request, struct bytes *block);
    /* Turns plain key material into a block: the template of a private or a secret key, as C_CreateObject
     * takes it. Of a secret key CKA_VALUE has a size that its type permits. */
    CK_RV (*import)(void *instance, const struct attributes *attributes, struct bytes *block);
    /* Turns a wrapped key into a block, by a scheme that needs the backend for more than `decrypt`:
     * SCHEME_CREDENTIAL, whose `key` is the endorsement key and parameters->parent the storage root key. Both
     * are of this backend and instance. CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE. */
    CK_RV(*unwrap)
    (void *instance, void *key, const struct mechanism *row, const struct p11_parameters *parameters,
     const struct bytes *wrapped, struct bytes *block);
    /* The key as it is wrapped, freed with bytes_free: a secret key's value, a private key's PrivateKeyInfo.
     * Of backends that are `extractable`. */
    CK_RV (*plain)(void *instance, void *key, struct bytes *plain);
    /* ECDH: the bare shared secret, field_size bytes, freed with bytes_free. CKR_MECHANISM_PARAM_INVALID: the
     * peer's point is on another curve or on none, or the result is zero. */
    CK_RV (*derive)(void *instance, void *key, const struct public_key *peer, struct bytes *secret);

    /*
     * Signs. `input` is a digest of parameters->hash; with HASH_NONE it is, for SCHEME_PKCS1, what the
     * padding goes around (a DigestInfo), for SCHEME_ECDSA a digest of any length, for SCHEME_RAW the block.
     * For SCHEME_HMAC and SCHEME_CMAC it is the message. `size` bytes are written to `out`:
     * public_key_signature_size, or the first mac_size bytes of a MAC.
     */
    CK_RV(*sign)
    (void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
     const uint8_t *input, size_t input_size, uint8_t *out, size_t size);
    /* Decrypts a block of the modulus's size. SCHEME_PKCS1 with a broken padding is CKR_OK all the same, with
     * bytes that tell nothing (implicit rejection); SCHEME_OAEP is CKR_ENCRYPTED_DATA_INVALID. */
    CK_RV(*decrypt)
    (void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
     const uint8_t *input, size_t input_size, struct bytes *out);
    CK_RV(*encrypt)
    (void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters,
     const uint8_t *input, size_t input_size, struct bytes *out);
    /*
     * Work in parts with a secret key: encryption and decryption by SCHEME_ECB, CBC, CTR and GCM (all there
     * is of these), and MACs that do not come in one call. Optional; without it messages for a MAC are
     * collected. A stream is used by one thread at a time, and ends before its key is dropped; `parameters`
     * outlive it. update writes as many bytes as it reads, to another place or the very same one: whole
     * blocks for ECB and CBC; a MAC has no `out`. final makes the MAC or GCM's tag of `size` bytes; in GCM
     * decryption it checks the one that is given: CKR_ENCRYPTED_DATA_INVALID. ECB, CBC and CTR have no final.
     */
    CK_RV(*stream_begin)
    (void *instance, void *key, enum p11_scheme scheme, const struct p11_parameters *parameters, bool encrypt,
     void **stream);
    CK_RV (*stream_update)(void *stream, const uint8_t *input, size_t size, uint8_t *out);
    CK_RV (*stream_final)(void *stream, uint8_t *tag, size_t size);
    void (*stream_end)(void *stream);
    CK_RV (*random)(void *instance, uint8_t *out, size_t size);
    CK_RV (*seed)(void *instance, const uint8_t *seed, size_t size); /* adds to what `random` draws on */
};

/* All backends, in the order of their slots; ends with NULL. */
extern const struct backend *const p11_backends[];
#define BACKENDS 2

/* NULL: no backend of that name, or none whose keys are in such PEM blocks. */
const struct backend *backend_by_name(const char *name);
const struct backend *backend_by_pem_label(const char *label, size_t length);

/* The backend whose keys are in this process's memory, whatever the token's own one is: for keys of a session
 * that are to be read or to leave. */
const struct backend *backend_in_software(void);

/* The one place where a missing member is refused. */
CK_RV backend_missing(const struct backend *backend, const char *what);

#endif
