/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_LOCK_H
#define DEVID_PKCS11_LOCK_H

#include "pkcs11/keyfile.h"
#include "pkcs11/token.h"

/*
 * Locked blocks: on a token with a PIN, what is private and would lie in its file in the clear is encrypted
 * under the token's secret (soft/pbes2.h). The PEM label says so: "ENCRYPTED " before what it would be.
 */
#define LOCKED_PEM "ENCRYPTED "
/* The line above a locked key that states its public half: SubjectPublicKeyInfo in hexadecimal. */
#define LOCKED_PUBLIC_LINE "Public-Key-Info"

/* Whether a block of an object with such a CKA_PRIVATE is locked on this token. */
bool lock_wanted(const struct token *token, bool private);
/* Whether a block is. */
bool lock_is_closed(const struct keyfile_block *block);

/* CKR_USER_NOT_LOGGED_IN: the token's secret is not known; CKR_DATA_INVALID (said): the block is another
 * token's, or broken. */
CK_RV lock_open(const struct token *token, const struct bytes *locked, struct bytes *plain);

/* Adds a PEM block of that label, as it is or locked. */
CK_RV lock_encode(const struct token *token, bool locked, const char *label, const struct bytes *plain,
                  struct buffer *text);

/* Whether a token object with that CKA_PRIVATE keeps the key locked: not where the block protects itself. */
bool lock_key_wanted(const struct token *token, const struct key *key, bool private);
/* Locks a key that was loaded in the clear: *key is now that of the block in *locked, the caller's, and is
 * opened when it is used, like one that was read from a file. */
CK_RV lock_key(const struct token *token, const struct bytes *plain, struct key **key, struct bytes *locked);
/* Adds the PEM block of a locked key, and above it what must be known of it without opening it. */
CK_RV lock_key_encode(const struct key *key, const struct bytes *locked, struct buffer *text);

#endif
