/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_PROVIDER_TSS2_FIXTURE_H
#define DEVID_TESTS_PROVIDER_TSS2_FIXTURE_H

/* For tests of the provider with DevID's module and a TPM below, counted by the spy. */

#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/softhsm.h"
#include "tests/support/tpm.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* PEM, by `enum file`. A suite that reads none of them still holds them, or they would be leaks. */
static char *files[3] __attribute__((used));
enum file { EC_FILE, RSA_FILE, LOCKED_FILE };

/* "device" has the keys of the first two files, made by us; the third is tpm2-openssl's, with a password. */
static inline void fixture_make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
    files[EC_FILE] = support_read(test_token_file("ec.pem"), NULL);
    files[RSA_FILE] = support_read(test_token_file("rsa.pem"), NULL);
    ck_assert_int_eq(
        support_shell(
            NULL,
            "unset OPENSSL_MODULES OPENSSL_CONF; TPM2OPENSSL_TCTI=%s openssl genpkey -provider tpm2 "
            "-provider default -propquery '?provider=tpm2' -algorithm EC -pkeyopt group:P-256 "
            "-pkeyopt user-auth:sesame -out %s && tpm2_flushcontext -T %s -t",
            test_tpm_tcti(), support_path("locked.pem"), test_tpm_tcti()),
        0);
    files[LOCKED_FILE] = support_read(support_path("locked.pem"), NULL);
    test_spy_start(support_build_path("pkcs11/.libs/devid-pkcs11.so"));
}

static inline void fixture_up(void)
{
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s && cp -a %s %s", support_path("tokens"),
                                   support_path("made"), support_path("tokens")),
                     0);
    support_shell(NULL, "tpm2_flushcontext -T %s -t", test_tpm_tcti()); /* what a killed child left */
    test_spy_reset();
    test_tpm_count_reset();
}

struct answer {
    const char *text; /* NULL: the application gives none */
    int asked;
};

static inline int give(char *buffer, int size, int writing, void *data)
{
    struct answer *answer = data;

    (void)writing;
    answer->asked++;
    if (answer->text == NULL)
        return -1;
    ck_assert_int_lt((int)strlen(answer->text), size);
    memcpy(buffer, answer->text, strlen(answer->text));
    return (int)strlen(answer->text);
}

static inline EVP_PKEY *read_pem(OSSL_LIB_CTX *context, const char *pem, struct answer *answer)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, give, answer, context, NULL);

    BIO_free(bio);
    return key;
}

static inline unsigned open_sessions(void)
{
    return test_spy()->calls[SPY_OPEN_SESSION] - test_spy()->calls[SPY_CLOSE_SESSION];
}

/* A token of files, "disk", with the keys "ec" and "rsa". */
static inline void fixture_make_disk(void)
{
    CK_OBJECT_HANDLE public, private;
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init("DevID file slot", "disk");
    session = filetoken_session("disk");
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(test_generate_rsa(session, 2048, "rsa", true, true, &public, &private), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

#endif
