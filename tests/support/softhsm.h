/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_SOFTHSM_H
#define DEVID_TESTS_SUPPORT_SOFTHSM_H

#include "tests/support/p11_spy.h"

#include <openssl/evp.h>
#include <openssl/types.h>
#include <stdbool.h>

/*
 * A SoftHSM token of this program's own below support_directory(): label "dev", PIN 1234; key pairs "ec"
 * (P-256, id 01), "rsa" (2048 bits, id 02) and "ec384" (id 03), the first two with certificates of the same
 * label and id; "lone" (P-256, id 04), a private key whose public key object was removed and which has a
 * certificate; "mute" (P-256, id 05), which has neither; "twin" twice (id 06 and 07); "fussy" (id 08), which
 * wants the PIN for each signature; "pss" and "pss256" (RSA, id 09 and 0a), whose allowed mechanisms are PSS
 * over a digest, and PSS over a message with SHA-256; "mac" (id 0b), a secret key of 32 bytes, twice the
 * hexadecimal digits. $DEVID_PKCS11_MODULE is the spy around SoftHSM, and $OPENSSL_MODULES the directory of
 * the built provider. Use it as an unchecked fixture.
 */
void test_softhsm_start(void);

/* The spy around any module, and the built provider, as above; for fixtures of other tokens. */
void test_spy_start(const char *module);

/* Adds a spy around another module to $DEVID_PKCS11_MODULE, behind those that are there. Its counters. */
struct p11_spy *test_spy_add(const char *module);

/* Adds secret keys like "mac" with another label. */
void test_softhsm_add_secrets(const char *label, unsigned number);

/* The counters and the injection, shared with the (first) module; reset sets those of all to zero. */
struct p11_spy *test_spy(void);
void test_spy_reset(void);

/* "pkcs11:token=dev;object=LABEL;type=private?pin-value=1234", from static storage that the next 8 calls do
 * not touch. */
const char *test_uri(const char *label);

/* Where the fixture left the certificate of "ec" or "rsa", signed by "ca.crt". */
const char *test_software_certificate(const char *label);

/* In which order a library context loads the providers. */
enum test_order { DEFAULT_FIRST, DEVID_FIRST, DEVID_BY_PROPERTY, TEST_ORDERS };

/* A context with both providers; test_context_free unloads and frees all of it. */
OSSL_LIB_CTX *test_context(enum test_order order);
void test_context_free(OSSL_LIB_CTX *context);

/* The first key that a URI gives; NULL: none. */
EVP_PKEY *test_load_key(OSSL_LIB_CTX *context, const char *uri);

/* The public half as the default provider has it, in the default context, where ours is not. */
EVP_PKEY *test_public_half(EVP_PKEY *key);

/* Signs "data" with SHA-256. *size is the room, then what was written. False with errors in the queue. */
bool test_key_sign(OSSL_LIB_CTX *context, EVP_PKEY *key, unsigned char *signature, size_t *size);

/* Whether it signs, and the signature is verified: with the key itself in the same context, and with its
 * public half by the default provider alone. */
bool test_key_signs(OSSL_LIB_CTX *context, EVP_PKEY *key);

/* The texts of all errors in the queue, which is emptied; malloc'ed. */
char *test_errors(void);

#endif
