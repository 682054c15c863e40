/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_KEYPAIR_H
#define DEVID_CLI_KEYPAIR_H

#include "cli/object.h"

/* A kind of key pair that devid makes. */
struct cli_key_type {
    const char *name; /* "ec-p256" */
    unsigned bits;
    CK_KEY_TYPE key_type;
    CK_MECHANISM_TYPE mechanism;
    const uint8_t *curve; /* CKA_EC_PARAMS; NULL for RSA */
    size_t curve_size;
};

/* The row of a name; NULL: there is none. */
const struct cli_key_type *cli_key_type_find(const char *name);

/* All names, for messages: "ec-p256, ... or ed25519". */
const char *cli_key_type_names(void);

/* The row that a key object fits, NULL when none; *bits is its size also then, 0 when unknown. */
enum cli_status cli_key_type_of(const struct cli_session *session, const struct cli_object *key,
                                const struct cli_key_type **type, unsigned *bits);

/* What a key may be used for, a set. Its public half may do what belongs to that. */
enum cli_key_usage {
    CLI_KEY_SIGN = 1,
    CLI_KEY_DECRYPT = 2,
    CLI_KEY_DERIVE = 4,
};

/* Reads "sign,decrypt"; false: a word is none of sign, decrypt and derive, or there is none. */
bool cli_key_usage_read(const char *words, unsigned *usage);

struct cli_keypair {
    const struct cli_key_type *type;
    const char *label;
    const struct bytes *id; /* empty: the module chooses; where it does not, the SHA-1 of the public key */
    unsigned usage;         /* of enum cli_key_usage */
    const char *pcrs;       /* those that it is bound to ("sha256:0,7"); NULL: none */
};

/*
 * Makes a key pair in the token, never to be extracted. *key is the private one; the caller frees label and
 * id as cli_objects_free does.
 */
enum cli_status cli_keypair_generate(const struct cli_session *session, const struct cli_keypair *pair,
                                     struct cli_objects *key);

#endif
