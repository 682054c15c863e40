/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_OBJECT_H
#define DEVID_PKCS11_OBJECT_H

#include "pkcs11/attribute.h"
#include "pkcs11/backend.h"

struct token;

#define KEY_FINGERPRINT 32

/* One key block, shared by the private and the public object that it makes, or of a secret key; or a public
 * key alone, which belongs to no backend. */
struct key {
    unsigned references;           /* atomic */
    const struct backend *backend; /* NULL: a public key alone */
    void *instance;                /* the backend's, of the token */
    void *material;                /* the backend's, of the key */
    struct public_key public;
    uint8_t fingerprint[KEY_FINGERPRINT]; /* of a secret key's block: nothing public tells it from others */
};

/* An object. Immutable but for its reference count, once others can see it; a change makes a new one. */
struct object {
    unsigned references; /* atomic */
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type;         /* of keys */
    CK_SESSION_HANDLE session;    /* that made it; 0: a token object */
    struct attributes attributes; /* what is not the schema's default */
    struct key *key;              /* NULL: not a key */
    bool opened;                  /* made of a locked block: goes with the login */
    char *file;                   /* of a token object, in the token's directory */
    unsigned block;               /* its place among the file's blocks; under the token's lock */
};

/* A key read from a block by the backend. *key starts with one reference. CKR_DATA_INVALID: the backend
 * cannot use it. */
CK_RV key_load(const struct backend *backend, void *instance, const struct bytes *block, struct key **key);
/* The same of a locked block, whose public half stands beside it. */
CK_RV key_load_locked(const struct backend *backend, void *instance, const struct bytes *block,
                      const struct public_key *public, struct key **key);
/* A public key without a private half. What `public` holds is transferred, also on failure. NULL: no memory.
 */
struct key *key_new_public(struct public_key *public);
/* Whether both are of the same key pair, or of the same block of a secret key. */
bool key_equal(const struct key *a, const struct key *b);
/* Makes a public key alone one of the device itself: `area` and `handle` as backend.adopt takes them. */
CK_RV key_adopt(const struct backend *backend, void *instance, const CK_ATTRIBUTE *area, CK_ULONG handle,
                struct key *key);
/* What CKA_DEVID_PERSISTENT in `attributes` says of a key that is read from a file. */
CK_RV key_place(struct key *key, const struct attributes *attributes);
/* What its attributes say of the authorization of a loaded private key, and the other way round: one that is
 * the key's own makes it CKA_ALWAYS_AUTHENTICATE. */
CK_RV key_settle_auth(struct key *key, struct attributes *attributes);
/* A key that its device binds to one scheme and hash has CKA_ALLOWED_MECHANISMS that say so. */
CK_RV key_settle_binding(const struct key *key, struct attributes *attributes);
/* Whether its signatures by this scheme are of messages that the device hashes. */
bool key_hashes(const struct key *key, enum p11_scheme scheme, enum p11_hash hash);
/* backend.persist, where the key has it: else only `handle` 0 is CKR_OK. */
CK_RV key_persist(const struct key *key, CK_ULONG handle);
struct key *key_take(struct key *key);
void key_return(struct key *key); /* NULL is accepted */

/* A new object of one reference, with CKA_CLASS and, for a key (a reference to which it takes), what the
 * public key says. NULL: no memory. */
struct object *object_new(CK_OBJECT_CLASS object_class, struct key *key);
struct object *object_take(struct object *object);
void object_return(struct object *object); /* NULL is accepted */

/* Adds an attribute that was asked for. What the key itself says of it counts more, and a secret number is
 * the key's to keep. CKR_HOST_MEMORY. */
CK_RV object_add_asked(struct object *object, const CK_ATTRIBUTE *item);

/* A session's or token's object that has the attributes of another and `changes` in place of them; of the
 * same key. It is nobody's yet: neither handle nor file. NULL: no memory. */
struct object *object_copy(const struct object *from, const struct attributes *changes);

/* Reads an attribute for a caller: the stored value, the schema's default, or one worked out now. CKR_OK
 * (*value is a copy), CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE, or a failure. */
CK_RV object_attribute(const struct object *object, CK_ATTRIBUTE_TYPE type, struct bytes *value);
bool object_attribute_bool(const struct object *object, CK_ATTRIBUTE_TYPE type);

/* Whether each attribute of the template is there with the very value. */
bool object_matches(const struct object *object, const CK_ATTRIBUTE *items, CK_ULONG count);

#endif
