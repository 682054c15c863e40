/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/lock.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pbes2.h"
#include "pkcs11/soft/pem.h"

#include <stdio.h>
#include <string.h>

#define LABEL_MAXIMUM 64

bool lock_wanted(const struct token *token, bool private)
{
    return private && token->has_pin;
}

bool lock_is_closed(const struct keyfile_block *block)
{
    size_t length = strlen(LOCKED_PEM);

    return block->label_size > length && memcmp(block->label, LOCKED_PEM, length) == 0;
}

static CK_RV secret_of(const struct token *token, struct bytes *secret)
{
    *secret = BYTES_EMPTY;
    if (!token->has_pin)
        return p11_fail(CKR_DATA_INVALID,
                        "the block is encrypted, and the token has no PIN to decrypt it with");
    if (token->backend->secret == NULL)
        return backend_missing(token->backend, "encrypt what its files hold");
    return token->backend->secret(token_instance(token, token->backend), secret);
}

/* CKR_USER_NOT_LOGGED_IN: the token's secret is not known. *locked is the caller's. */
static CK_RV close_block(const struct token *token, const struct bytes *plain, struct bytes *locked)
{
    struct bytes secret;
    CK_RV rv = secret_of(token, &secret);

    *locked = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = soft_pbes2_close(&secret, plain, locked);
    bytes_free(&secret);
    return rv;
}

CK_RV lock_open(const struct token *token, const struct bytes *locked, struct bytes *plain)
{
    struct bytes secret;
    CK_RV rv = secret_of(token, &secret);

    *plain = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = soft_pbes2_open(&secret, locked, plain);
    bytes_free(&secret);
    return rv;
}

static CK_RV encode(const char *label, const struct bytes *locked, struct buffer *text)
{
    char name[LABEL_MAXIMUM];

    snprintf(name, sizeof name, LOCKED_PEM "%s", label);
    return soft_pem_encode(name, locked, text);
}

CK_RV lock_encode(const struct token *token, bool locked, const char *label, const struct bytes *plain,
                  struct buffer *text)
{
    struct bytes closed;
    CK_RV rv;

    if (!locked)
        return soft_pem_encode(label, plain, text);
    rv = close_block(token, plain, &closed);
    if (rv == CKR_OK)
        rv = encode(label, &closed, text);
    bytes_free(&closed);
    return rv;
}

/* --- keys
 * ---------------------------------------------------------------------------------------------------- */

bool lock_key_wanted(const struct token *token, const struct key *key, bool private)
{
    return key->backend->in_clear && lock_wanted(token, private);
}

CK_RV lock_key(const struct token *token, const struct bytes *plain, struct key **key, struct bytes *locked)
{
    struct key *closed = NULL;
    CK_RV rv = close_block(token, plain, locked);

    if (rv == CKR_OK)
        rv = key_load_locked((*key)->backend, (*key)->instance, locked, &(*key)->public, &closed);
    if (rv != CKR_OK) {
        bytes_free(locked);
        return rv;
    }
    key_return(*key);
    *key = closed;
    return CKR_OK;
}

/* A secret key has no public half; what it is shows after the login. */
static CK_RV public_line(const struct key *key, struct buffer *text)
{
    struct bytes info;
    CK_RV rv;

    if (public_key_is_secret(&key->public))
        return CKR_OK;
    rv = soft_public_info(&key->public, &info);
    buffer_add_text(text, LOCKED_PUBLIC_LINE ": ");
    for (size_t i = 0; rv == CKR_OK && i < info.size; i++)
        buffer_addf(text, "%02x", info.data[i]);
    buffer_add_text(text, "\n");
    bytes_free(&info);
    return rv;
}

CK_RV lock_key_encode(const struct key *key, const struct bytes *locked, struct buffer *text)
{
    CK_RV rv = public_line(key, text);

    return rv == CKR_OK ? encode(key->backend->pem_label, locked, text) : rv;
}
