/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_FILETOKEN_H
#define DEVID_TESTS_SUPPORT_FILETOKEN_H

#include "pkcs11/failure.h"
#include "tests/support/support.h"

#include <p11-kit/pkcs11.h>

#include <openssl/types.h>

/*
 * File tokens of the PKCS#11 module that is linked into the test program, below support_directory(); no TPM
 * is there. What the module signs and decrypts is judged by libcrypto with the public key alone.
 */

/* For checked fixtures: C_Initialize with an empty directory of tokens, and a file token "disk";
 * C_Finalize. */
void filetoken_up(void);
void filetoken_down(void);

/* Makes a token in the empty slot of that description, or answers the slot of the token, or that for a new
 * file token. */
CK_SLOT_ID filetoken_init(const char *slot_description, const char *label);
CK_SLOT_ID filetoken_slot(const char *label);
CK_SLOT_ID filetoken_empty_slot(void);
CK_SESSION_HANDLE filetoken_session(const char *label);

/* Makes a key pair that is called `kind`: "RSA-2048" (any size), "P-256", "P-384", "P-521", "ED25519",
 * "X25519". The private half gets `extra` besides (may be NULL). */
CK_RV filetoken_generate(CK_SESSION_HANDLE session, const char *kind, bool token, const CK_ATTRIBUTE *extra,
                         CK_ULONG count, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private);
/* Makes a secret key of the value with C_CreateObject: an object of the session, which nobody may read,
 * unless `extra` (may be NULL) says otherwise. */
CK_RV filetoken_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, const void *value, size_t size,
                       const CK_ATTRIBUTE *extra, CK_ULONG count, CK_OBJECT_HANDLE *key);
/* The one object of class and label, or 0. */
CK_OBJECT_HANDLE filetoken_find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, const char *label);
/* The attribute's value in *value (at most *size bytes), or why not. */
CK_RV filetoken_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                          void *value, CK_ULONG *size);
/* The object's public key as libcrypto has it. */
EVP_PKEY *filetoken_public(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);

/* C_SignInit and C_Sign. */
CK_RV filetoken_sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                     const void *data, size_t size, uint8_t *signature, CK_ULONG *signature_size);
/* Whether r || s is an ECDSA signature over the digest. */
bool filetoken_verify_ecdsa(EVP_PKEY *pkey, const uint8_t *digest, size_t digest_size,
                            const uint8_t *signature, size_t size);

#define filetoken_assert_rv(call, wanted)                                                                    \
    do {                                                                                                     \
        CK_RV got_ = (call);                                                                                 \
        ck_assert_msg(got_ == (wanted), "%s is 0x%lx, wanted 0x%lx: %s", #call, got_, (CK_RV)(wanted),       \
                      p11_failure_text());                                                                   \
    } while (0)

#endif
