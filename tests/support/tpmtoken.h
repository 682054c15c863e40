/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_TPMTOKEN_H
#define DEVID_TESTS_SUPPORT_TPMTOKEN_H

#include "pkcs11/failure.h"
#include "pkcs11/tpm/backend.h"
#include "pkcs11/tpm/key.h"
#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <openssl/evp.h>

#include <string.h>

/*
 * A TPM token without the layers above it, in each of its ways: under the RSA key at 0x81000001 and under the
 * ECC primary, with the bus protected where it must be and always, and with the token secret of a PIN. Each
 * use of a key has a session of its own. All of its traffic is recorded.
 */
#define TPMTOKEN_WAYS 6

/* Unchecked fixture: starts the TPM and asks it what a token's token.conf wants to know; frees that. */
void tpmtoken_make(void);
void tpmtoken_drop(void);

/* A token in the way (0 to TPMTOKEN_WAYS - 1), the counters at zero. For the first lines of a loop test. */
struct tpm_token *tpmtoken_open(int way);
/* How many StartAuthSession commands an operation has there: of which the data is a secret, or not. */
unsigned tpmtoken_sessions(bool secret);
/* Closes it. The TPM holds nothing of ours any more. */
void tpmtoken_close(void);

/* Whether the bytes were seen on the bus since tpmtoken_open. */
bool tpmtoken_recorded(const void *needle, size_t size);

void tpmtoken_assert(const char *file, int line, CK_RV got, CK_RV wanted);
#define assert_rv(call, wanted) tpmtoken_assert(__FILE__, __LINE__, call, wanted)

/* A key of the open token. */
struct tpmtoken_key {
    void *key;
    struct public_key public;
    struct bytes block;
};

void tpmtoken_generate(const struct key_request *request, struct tpmtoken_key *key);
void tpmtoken_load(struct tpmtoken_key *key); /* what is in its block */
void tpmtoken_free(struct tpmtoken_key *key);
/* libcrypto's form of its public half. */
EVP_PKEY *tpmtoken_public(const struct tpmtoken_key *key);

#endif
