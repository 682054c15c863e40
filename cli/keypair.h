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

/* All names, for messages: "ec-p256 or rsa-2048". */
const char *cli_key_type_names(void);

/* The row that a key object fits, NULL when none; *bits is its size also then, 0 when unknown. */
enum cli_status cli_key_type_of(const struct cli_session *session, const struct cli_object *key,
                                const struct cli_key_type **type, unsigned *bits);

/*
 * Makes a key pair in the token for signatures, never to be extracted. `id` empty: the module chooses, and
 * where it does not, the id becomes the SHA-1 of the public key. *key is the private one; the caller frees
 * label and id as cli_objects_free does. `pcrs`: those that the key is bound to ("sha256:0,7"), NULL: none.
 */
enum cli_status cli_keypair_generate(const struct cli_session *session, const struct cli_key_type *type,
                                     const char *label, const struct bytes *id, const char *pcrs,
                                     struct cli_objects *key);

#endif
