/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/auth.h"
#include "common/file.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/tpm/backend.h"
#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A token's instance without the layers above it, in a directory of its own. */
static struct token_conf conf;
static struct tpm_token *token;
static uint8_t pin_bytes[] = "a PIN that is looked for";
static uint8_t so_bytes[] = "an SO's PIN to look for";
static const struct bytes pin = {pin_bytes, sizeof pin_bytes - 1};
static const struct bytes so_pin = {so_bytes, sizeof so_bytes - 1};

static void make(void)
{
    struct token_conf process = {0};

    test_tpm_start();
    ck_assert_uint_eq(soft_start(), CKR_OK);
    ck_assert_uint_eq(token_conf_set(&process, "tcti", getenv("DEVID_TCTI")), CKR_OK);
    ck_assert_msg(tpm_backend.init(&conf, &process) == CKR_OK, "%s", p11_failure_text());
    token_conf_free(&process);
    ck_assert_uint_eq(token_conf_set(&conf, "tcti", getenv("DEVID_TCTI")), CKR_OK);
}

static void drop(void)
{
    token_conf_free(&conf);
}

static void open_token(void)
{
    void *instance;

    ck_assert_msg(tpm_backend.open(&conf, support_path("token"), &instance) == CKR_OK, "%s",
                  p11_failure_text());
    token = instance;
}

static void assert_ok(CK_RV rv)
{
    ck_assert_msg(rv == CKR_OK, "0x%lx %s", rv, p11_failure_text());
}

/* From C_InitToken to the user's first login; all of it is recorded. */
static void up(void)
{
    p11_failure_clear();
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s; tpm2_dictionarylockout -T %s -c", support_path("token"),
                                   test_tpm_tcti()),
                     0);
    mkdir(support_path("token"), 0700);
    unlink(support_path("traffic"));
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
    open_token();
    assert_ok(tpm_set_pin(token, CKU_SO, NULL, &so_pin));
    tpm_backend.close(token);
    open_token();
    assert_ok(tpm_login(token, CKU_SO, &so_pin));
    assert_ok(tpm_set_pin(token, CKU_USER, NULL, &pin));
    tpm_logout(token);
    assert_ok(tpm_login(token, CKU_USER, &pin));
}

static void down(void)
{
    tpm_backend.close(token);
}

static bool recorded(const void *needle, size_t size)
{
    struct bytes traffic;
    bool found;

    ck_assert_int_eq(file_read(AT_FDCWD, support_path("traffic"), 1 << 22, &traffic), 0);
    found = memmem(traffic.data, traffic.size, needle, size) != NULL;
    bytes_free(&traffic);
    return found;
}

static void generate(bool private, struct bytes *block)
{
    const struct key_request request = {
        .type = CKK_EC, .curve = p11_curve_by_name("P-256", 5), .sign = true, .private = private};

    assert_ok(tpm_backend.generate_pair(token, &request, block));
}

static CK_RV sign(const struct bytes *block)
{
    const struct p11_parameters parameters = {0};
    struct public_key public = {0};
    uint8_t digest[32] = {1};
    uint8_t signature[64];
    void *key;
    CK_RV rv = tpm_backend.load(token, block, &key, &public);

    ck_assert_uint_eq(rv, CKR_OK);
    rv = tpm_backend.sign(token, key, SCHEME_ECDSA, &parameters, digest, sizeof digest, signature,
                          sizeof signature);
    tpm_backend.drop(token, key);
    public_key_free(&public);
    return rv;
}

START_TEST(no_pin_and_no_secret_crosses_the_bus)
{
    struct bytes block;

    ck_assert_uint_eq(token->secret.size, 32);
    generate(true, &block);
    assert_ok(sign(&block));
    ck_assert(recorded("\x00\x00\x01\x5d", 4)); /* TPM2_CC_Sign: it does record */
    ck_assert(!recorded(token->secret.data, 16));
    ck_assert(!recorded(token->secret.data + 16, 16));
    ck_assert(!recorded(pin.data, pin.size));
    ck_assert(!recorded(so_pin.data, so_pin.size));
    bytes_free(&block);
}
END_TEST

START_TEST(never_shows_the_secret_so_the_test_can_fail)
{
    struct bytes block;

    token->bus.protection = TPM_PROTECT_NEVER;
    generate(true, &block);
    assert_ok(sign(&block));
    ck_assert(recorded(token->secret.data, 16));
    bytes_free(&block);
}
END_TEST

START_TEST(files_keep_neither_pin_nor_secret)
{
    size_t size;
    char *text = support_read(support_path("token/pin.pem"), &size);

    ck_assert_ptr_null(memmem(text, size, pin.data, pin.size));
    ck_assert_ptr_null(memmem(text, size, token->secret.data, 16));
    free(text);
}
END_TEST

START_TEST(private_key_has_an_auth_value_and_others_none)
{
    struct tss_key file;
    struct bytes block;

    for (int private = 0; private < 2; private ++) {
        generate(private, &block);
        ck_assert_uint_eq(soft_tss_key_read(&block, &file), CKR_OK);
        ck_assert_int_eq(file.empty_auth, !private);
        tss_key_free(&file);
        tpm_logout(token);
        ck_assert_uint_eq(sign(&block), private ? CKR_USER_NOT_LOGGED_IN : CKR_OK);
        assert_ok(tpm_login(token, CKU_USER, &pin));
        assert_ok(sign(&block));
        bytes_free(&block);
    }
}
END_TEST

/* With the secret of another token the TPM itself refuses, and nobody's PIN was wrong. */
START_TEST(another_secret_does_not_use_the_key)
{
    struct bytes block;

    generate(true, &block);
    token->secret.data[0] ^= 1;
    ck_assert_uint_eq(sign(&block), CKR_DEVICE_ERROR);
    bytes_free(&block);
}
END_TEST

START_TEST(both_users_open_the_same_secret)
{
    struct bytes secret;

    ck_assert_uint_eq(tpm_secret_copy(token, &secret), CKR_OK);
    tpm_logout(token);
    ck_assert_uint_eq(token->secret.size, 0);
    assert_ok(tpm_login(token, CKU_SO, &so_pin));
    ck_assert(bytes_equal(secret.data, secret.size, token->secret.data, token->secret.size));
    bytes_free(&secret);
    tpm_logout(token);
    ck_assert_uint_eq(tpm_secret_copy(token, &secret), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("auth");
    TCase *t = tcase_create("auth");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, drop);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, no_pin_and_no_secret_crosses_the_bus);
    tcase_add_test(t, never_shows_the_secret_so_the_test_can_fail);
    tcase_add_test(t, files_keep_neither_pin_nor_secret);
    tcase_add_test(t, private_key_has_an_auth_value_and_others_none);
    tcase_add_test(t, another_secret_does_not_use_the_key);
    tcase_add_test(t, both_users_open_the_same_secret);
    suite_add_tcase(s, t);
    return s;
}
