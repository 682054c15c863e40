/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SECRETTYPE_H
#define DEVID_PKCS11_SECRETTYPE_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

struct attributes;
struct key_request;

/* Longer generic and HMAC keys are not kept here; it is far beyond what any hash makes of a key. */
#define SECRET_MAXIMUM 4096

/* A type of secret key. */
struct secret_type {
    CK_KEY_TYPE type;
    const char *name;
    size_t minimum; /* in bytes */
    size_t maximum;
    size_t step;        /* sizes from the minimum on are so far apart */
    enum p11_hash hash; /* the one its HMAC is with; HASH_NONE: any, or it is no HMAC key */
    const uint8_t *oid; /* the DER of the OBJECT IDENTIFIER that says it in a PKCS#8 PrivateKeyInfo */
    size_t oid_size;
};

/* NULL: there are no secret keys of that type here. */
const struct secret_type *secret_type(CK_KEY_TYPE type);
const struct secret_type *secret_type_by_oid(const uint8_t *oid, size_t size);

bool secret_type_has_size(const struct secret_type *row, size_t size);

/* What a backend is asked for, to make a key of these attributes or to take it in. */
struct key_request secret_type_request(CK_KEY_TYPE type, size_t size, const struct attributes *attributes);

/* The table itself, for the tests that walk it. */
const struct secret_type *secret_types(size_t *count);

#endif
