/* SPDX-License-Identifier: Apache-2.0 */
/* TSS2 PRIVATE KEY files as keys, with DevID's module below, counted by the spy. */
#include "provider/pem.h"
#include "tests/provider/tss2_fixture.h"

#include <openssl/decoder.h>
#include <sys/wait.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

START_TEST(a_file_is_the_key)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        for (enum file file = EC_FILE; file <= LOCKED_FILE; file++) {
            OSSL_LIB_CTX *context = test_context((enum test_order)order);
            struct answer answer = {"sesame", 0};
            EVP_PKEY *key = read_pem(context, files[file], &answer);

            ck_assert_msg(key != NULL, "order %d, file %d: %s", order, file, test_errors());
            ck_assert_int_eq(answer.asked, file == LOCKED_FILE);
            ck_assert_msg(test_key_signs(context, key), "order %d, file %d: %s", order, file, test_errors());
            ck_assert_uint_eq(ERR_peek_error(), 0);
            EVP_PKEY_free(key);
            test_context_free(context);
        }
    }
}
END_TEST

START_TEST(a_load_costs_few_calls_and_no_tpm_command)
{
    for (enum file file = EC_FILE; file <= RSA_FILE; file++) {
        OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
        struct answer answer = {NULL, 0};
        unsigned char signature[512];
        size_t size = sizeof signature;
        EVP_PKEY *key;

        test_spy_reset();
        test_tpm_count_reset();
        key = read_pem(context, files[file], &answer);
        ck_assert_ptr_nonnull(key);
        ck_assert_uint_le(test_spy()->total, 12);
        ck_assert_uint_eq(test_spy()->calls[SPY_UNWRAP_KEY], 1);
        ck_assert_uint_eq(test_tpm_count()->total, 0);
        test_spy_reset();
        ck_assert(test_key_sign(context, key, signature, &size));
        ck_assert_uint_eq(test_spy()->total, 2);
        EVP_PKEY_free(key);
        test_context_free(context);
    }
}
END_TEST

START_TEST(a_freed_key_leaves_nothing)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    struct answer answer = {NULL, 0};
    unsigned before;

    EVP_PKEY_free(read_pem(context, files[EC_FILE], &answer));
    before = open_sessions();
    for (int i = 0; i < 50; i++) {
        EVP_PKEY *key = read_pem(context, files[EC_FILE], &answer);
        EVP_PKEY *copy = EVP_PKEY_dup(key);

        ck_assert_uint_eq(open_sessions(), before + 1);
        EVP_PKEY_free(key);
        ck_assert_uint_eq(open_sessions(), before + 1);
        EVP_PKEY_free(copy);
        ck_assert_uint_eq(open_sessions(), before);
    }
    test_context_free(context);
    ck_assert_uint_eq(open_sessions(), 0);
}
END_TEST

START_TEST(the_der_is_the_key_too)
{
    BIO *bio = BIO_new_mem_buf(files[EC_FILE], -1);
    struct answer answer = {NULL, 0};
    struct bytes der;
    const char *name;

    ck_assert_int_eq(prov_pem_read(bio, &name, &der), PROV_PEM_FOUND);
    ck_assert_str_eq(name, PROV_PEM_TSS2);
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        EVP_PKEY *pem = read_pem(context, files[EC_FILE], &answer);
        EVP_PKEY *key = NULL;
        OSSL_DECODER_CTX *decoder =
            OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, context, NULL);
        const unsigned char *data = der.data;
        size_t size = der.size;

        ck_assert_int_eq(OSSL_DECODER_from_data(decoder, &data, &size), 1);
        ck_assert_int_eq(EVP_PKEY_eq(key, pem), 1);
        ck_assert(test_key_signs(context, key));
        OSSL_DECODER_CTX_free(decoder);
        EVP_PKEY_free(key);
        EVP_PKEY_free(pem);
        test_context_free(context);
    }
    bytes_free(&der);
    BIO_free(bio);
}
END_TEST

static void refuses(const char *pem, const char *password, const char *detail)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        struct answer answer = {password, 0};
        unsigned before = open_sessions();
        EVP_PKEY *key = read_pem(context, pem, &answer);
        char *errors = test_errors();

        ck_assert_ptr_null(key);
        ck_assert_msg(strstr(errors, detail) != NULL, "order %d: %s", order, errors);
        free(errors);
        ck_assert_uint_le(open_sessions(), before + 1); /* the one that is kept */
        test_context_free(context);
        ck_assert_uint_eq(open_sessions(), before);
    }
}

START_TEST(a_broken_file_is_refused)
{
    char *cut = strdup(files[EC_FILE]);
    char *line = strstr(strstr(cut, "-----BEGIN"), "\n") + 1;

    setenv("P11_SPY_TEXT", "this is no wrapped key", 1);
    memcpy(line, "MAAA", 4); /* an empty sequence, and more */
    refuses(cut, NULL, "CKR_WRAPPED_KEY_INVALID (0x110), TSS2 PRIVATE KEY: this is no wrapped key");
    refuses(cut, NULL, "bad TSS2 PRIVATE KEY");
    free(cut);
    refuses("-----BEGIN TSS2 PRIVATE KEY-----\n!!!\n-----END TSS2 PRIVATE KEY-----\n", NULL,
            "the block TSS2 PRIVATE KEY is damaged");
}
END_TEST

START_TEST(a_password_that_nobody_gives)
{
    refuses(files[LOCKED_FILE], NULL, "the key has a password, and the program gave none");
}
END_TEST

START_TEST(a_wrong_password_is_tried_once)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    struct answer answer = {"guess", 0};
    EVP_PKEY *key = read_pem(context, files[LOCKED_FILE], &answer);
    unsigned char signature[512];
    size_t size = sizeof signature;
    unsigned commands;
    char *errors;

    ck_assert_ptr_nonnull(key);
    ck_assert(!test_key_sign(context, key, signature, &size));
    errors = test_errors();
    ck_assert_ptr_nonnull(strstr(errors, "wrong PIN"));
    ck_assert_ptr_null(strstr(errors, "guess"));
    free(errors);
    commands = test_tpm_count_of(TPM2_CC_Sign);
    ck_assert_uint_gt(commands, 0);
    ck_assert(!test_key_sign(context, key, signature, &size));
    errors = test_errors();
    ck_assert_ptr_nonnull(strstr(errors, "it is not tried again"));
    free(errors);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), commands);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

START_TEST(other_files_are_left_to_others)
{
    EVP_PKEY *software = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    EVP_PKEY *key;

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, software, NULL, NULL, 0, NULL, NULL), 1);
    key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, context, NULL);
    ck_assert_int_eq(EVP_PKEY_eq(key, software), 1);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(software);
    BIO_free(bio);
    test_context_free(context);
}
END_TEST

/* The child opens the file anew; the parent's object stays the parent's. */
START_TEST(a_key_survives_fork)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    struct answer answer = {"sesame", 0};
    EVP_PKEY *key = read_pem(context, files[_i], &answer);
    int status = -1;
    pid_t child;

    if (_i == RSA_FILE)
        ck_assert(test_key_signs(context, key));
    child = fork();
    if (child == 0) {
        bool ok = test_key_signs(context, key) && test_key_signs(context, key);

        EVP_PKEY_free(key);
        test_context_free(context); /* which takes its keys out of the TPM */
        _exit(!ok);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static const struct {
    enum p11_spy_call call;
    CK_RV rv;
} lost[] = {
    {SPY_SIGN_INIT, CKR_KEY_HANDLE_INVALID      },
    {SPY_SIGN_INIT, CKR_SESSION_HANDLE_INVALID  },
    {SPY_SIGN,      CKR_CRYPTOKI_NOT_INITIALIZED},
    {SPY_SIGN,      CKR_DEVICE_REMOVED          },
};

START_TEST(what_was_lost_is_opened_again)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    struct answer answer = {NULL, 0};
    EVP_PKEY *key = read_pem(context, files[EC_FILE], &answer);

    test_spy()->inject_rv = (uint32_t)lost[_i].rv;
    test_spy()->inject_call = lost[_i].call;
    test_spy()->inject_times = 1;
    ck_assert_msg(test_key_signs(context, key), "0x%lx: %s", lost[_i].rv, test_errors());
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static void add_token(const char *label)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_init_token(label);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

START_TEST(with_two_tokens_one_is_named)
{
    OSSL_LIB_CTX *context;
    struct answer answer = {NULL, 0};
    EVP_PKEY *key;

    add_token("second");
    refuses(files[EC_FILE], NULL, "tss2-token = pkcs11:token=LABEL");
    setenv("DEVID_PKCS11_TSS2_TOKEN", "pkcs11:token=second", 1);
    context = test_context(DEFAULT_FIRST);
    key = read_pem(context, files[EC_FILE], &answer);
    ck_assert_msg(key != NULL && test_key_signs(context, key), "%s", test_errors());
    EVP_PKEY_free(key);
    test_context_free(context);
    setenv("DEVID_PKCS11_TSS2_TOKEN", "pkcs11:token=third", 1);
    refuses(files[EC_FILE], NULL, "pkcs11:token=third");
    setenv("DEVID_PKCS11_TSS2_TOKEN", "pkcs11:tokens=third", 1);
    refuses(files[EC_FILE], NULL, "bad PKCS#11 URI");
    unsetenv("DEVID_PKCS11_TSS2_TOKEN");
}
END_TEST

START_TEST(without_a_token_it_says_what_to_do)
{
    support_shell(NULL, "rm -r %s", support_path("tokens/device"));
    refuses(files[EC_FILE], NULL, "devid token init --label LABEL");
}
END_TEST

/* A token with a PIN: its own keys are used after a login, others with their own password, or with none. */
START_TEST(a_token_with_a_pin)
{
    CK_UTF8CHAR pin[] = "123456";
    CK_OBJECT_HANDLE public, private;
    CK_SESSION_HANDLE session;
    OSSL_LIB_CTX *context;
    char *own;

    support_shell(NULL, "rm -r %s", support_path("tokens/device"));
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(
        C_InitToken(test_slot(NULL), pin, 6, (CK_UTF8CHAR *)(uintptr_t) "device                          "),
        CKR_OK);
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_SO, pin, 6), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, 6), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, 6), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "own", true, &public, &private), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    own = support_read(test_token_file("own.pem"), NULL);

    context = test_context(DEFAULT_FIRST);
    for (int i = 0; i < 3; i++) {
        const char *const pems[] = {files[EC_FILE], files[LOCKED_FILE], own};
        struct answer answers[] = {
            {NULL,     0},
            {"sesame", 0},
            {"123456", 0},
        };
        EVP_PKEY *key = read_pem(context, pems[i], &answers[i]);

        ck_assert_msg(key != NULL, "%d: %s", i, test_errors());
        ck_assert_int_eq(answers[i].asked, i != 0);
        ck_assert_msg(test_key_signs(context, key), "%d: %s", i, test_errors());
        EVP_PKEY_free(key);
    }
    test_context_free(context);
    free(own);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("decoder_tss2");
    TCase *t = tcase_create("decoder_tss2");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, fixture_make, NULL);
    tcase_add_checked_fixture(t, fixture_up, NULL);
    tcase_add_test(t, a_file_is_the_key);
    tcase_add_test(t, a_load_costs_few_calls_and_no_tpm_command);
    tcase_add_test(t, a_freed_key_leaves_nothing);
    tcase_add_test(t, the_der_is_the_key_too);
    tcase_add_test(t, a_broken_file_is_refused);
    tcase_add_test(t, a_password_that_nobody_gives);
    tcase_add_test(t, a_wrong_password_is_tried_once);
    tcase_add_test(t, other_files_are_left_to_others);
    tcase_add_loop_test(t, a_key_survives_fork, 0, 3);
    tcase_add_loop_test(t, what_was_lost_is_opened_again, 0, (int)(sizeof lost / sizeof lost[0]));
    tcase_add_test(t, with_two_tokens_one_is_named);
    tcase_add_test(t, without_a_token_it_says_what_to_do);
    tcase_add_test(t, a_token_with_a_pin);
    suite_add_tcase(s, t);
    return s;
}
