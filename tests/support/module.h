/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_MODULE_H
#define DEVID_TESTS_SUPPORT_MODULE_H

#include "pkcs11/failure.h"
#include "tests/support/support.h"

#include <p11-kit/pkcs11.h>

/*
 * The PKCS#11 module inside the test program: its C_ functions are called directly. Its tokens are in
 * support_path("tokens"), its TPM is the program's own swtpm, and no configuration of the machine is read.
 */

/* An assertion that names both CKR_ codes, and what the module says about the failure. */
#define ck_assert_rv(call, wanted) ck_assert_rv_of(#call, call, wanted)
/* The same in a loop over a table: `what` names the row. */
#define ck_assert_rv_of(what, call, wanted) test_rv(__FILE__, __LINE__, what, call, wanted)
void test_rv(const char *file, int line, const char *what, CK_RV got, CK_RV wanted);

/* Makes and points $DEVID_TOKENS at the directory, and clears what else the module would read. */
void test_module_environment(void);

/* Keys that test_module_make puts on the token "device". */
#define TEST_EC 0x1U        /* label "ec", P-256 */
#define TEST_RSA 0x2U       /* label "rsa", 2048 bits, CKA_SIGN and CKA_DECRYPT */
#define TEST_RSA_SIGNS 0x4U /* label "rsa-signs", 2048 bits, CKA_SIGN only */
/* Starts the TPM, makes the token with the keys, and keeps a copy of it. For an unchecked fixture. */
void test_module_make(unsigned keys);
/* For checked fixtures: the tokens as test_module_make left them, and C_Initialize; C_Finalize. */
void test_module_up(void);
void test_module_down(void);

/* Writes a TPM token by hand, without asking a TPM: its directory, and token.conf with slot 0, the label
 * `folder` and the settings given. */
void test_write_token(const char *folder, const char *settings);

/* C_InitToken in the empty slot, and its number. */
CK_SLOT_ID test_init_token(const char *label);
/* The slot of the token; with NULL, the first one without a token. Fails the test when there is none. */
CK_SLOT_ID test_slot(const char *label);
/* A read-write session with the token "device", or with flags of the test's choice. */
CK_SESSION_HANDLE test_session(void);
CK_SESSION_HANDLE test_session_with(CK_FLAGS flags);

/* Key pairs. `token` says where they live; the rest of the templates is as the module defaults. */
CK_RV test_generate_ec(CK_SESSION_HANDLE session, const char *curve, const char *label, bool token,
                       CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private);
CK_RV test_generate_rsa(CK_SESSION_HANDLE session, CK_ULONG bits, const char *label, bool token, bool decrypt,
                        CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private);

/* How many objects match; all of them with (NULL, 0). */
size_t test_count(CK_SESSION_HANDLE session, CK_ATTRIBUTE *items, CK_ULONG count);
/* The one object of class and label, or 0. Fails the test when there are more. */
CK_OBJECT_HANDLE test_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, const char *label);

/* An attribute's value, malloc'ed and NUL-terminated; fails the test when it cannot be read. */
unsigned char *test_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                              size_t *size);
bool test_attribute_is(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       const void *value, size_t size);

/* Signs a digest of 32 bytes with CKM_ECDSA, from C_SignInit on. */
CK_RV test_sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);

/* The DER of a self-signed P-256 certificate with the name and serial number, valid in 2026 and 2027.
 * OPENSSL_free'd by the caller. */
unsigned char *test_certificate(const char *common_name, long serial, size_t *size);
/* The same as PEM, malloc'ed. */
char *test_certificate_pem(const char *common_name, long serial);

/* The path of a file of the token "device", from the storage of support_path; and how many object files are
 * there. */
const char *test_token_file(const char *name);
size_t test_token_files(void);

/* Lets no file be opened any more (RLIMIT_NOFILE), and lets them again. */
void test_no_descriptors(bool none);

extern CK_BBOOL test_yes;
extern CK_BBOOL test_no;

#endif
