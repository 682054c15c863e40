/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_FAKE_TPM_H
#define DEVID_TESTS_SUPPORT_FAKE_TPM_H

#include "devid/pkcs11.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * tests/support/.libs/fake_tpm.so is a PKCS#11 module with a token of a TPM that is none: it shows an
 * endorsement key and a storage root key, and "unwraps" what begins with FAKE_TPM_MARK by taking the rest for
 * the key. So a test can be the service, and count what the client asks of the token.
 */
#define FAKE_TPM_MARK "WRAP"
#define FAKE_TPM_LABEL "fake"
#define FAKE_TPM_PIN "1234"

struct fake_tpm {
    /* what the test wishes */
    unsigned tokens;          /* how many there are, 1 to 3; only the last is a TPM's */
    bool no_storage_root_key; /* only an endorsement key */
    bool no_rsa;              /* both keys are on a curve */
    bool wants_pin;           /* CKF_LOGIN_REQUIRED; nothing works before C_Login */
    bool keeps_nothing;       /* CKA_TOKEN keys are CKR_TEMPLATE_INCONSISTENT */
    size_t area_size;         /* of the public areas that it shows; 0: all of them */
    CK_RV unwrap_rv;          /* of each C_UnwrapKey; CKR_OK: as it comes */
    CK_RV sign_rv;
    /* what it saw */
    unsigned unwraps;
    unsigned signs;
    unsigned logins;
    unsigned sessions; /* open now */
    unsigned token_keys;
    unsigned session_keys;
    CK_OBJECT_HANDLE last_unwrapping_key;
    CK_OBJECT_HANDLE last_parent;
};

/* The handles of the two keys. */
#define FAKE_TPM_EK 1
#define FAKE_TPM_SRK 2

/* Forgets all and starts with one token. The module's own; a test finds it by dlsym. */
typedef struct fake_tpm *fake_tpm_reset_fn(void);
#define FAKE_TPM_RESET "fake_tpm_reset"

/* The module's path, and its struct after a reset. */
const char *fake_tpm_module(void);
struct fake_tpm *fake_tpm_start(void);

/* The two keys as the service gets them: base64 of the TPM2B_PUBLIC. */
#define FAKE_TPM_EK_PREFIX "ADgAAQALAAMAsgAA"
#define FAKE_TPM_SRK_PREFIX "ADgAAQALAAMEcgAA"

#endif
