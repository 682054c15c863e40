/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PASSWORD "owner-password-to-look-for"

/* A tool of another project, on the same TPM; it must succeed. */
#define tool(...) ck_assert_int_eq(support_shell(NULL, "export TPM2TOOLS_TCTI=%s; " __VA_ARGS__), 0)

static void make(void)
{
    test_module_environment();
    test_tpm_start();
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
}

static void forget_passwords(void)
{
    unsetenv("DEVID_OWNER_AUTH");
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv("DEVID_PARENT");
    unsetenv("DEVID_BUS_PROTECTION");
}

/* Every test begins with an owner that has the password, no storage key and no token. */
static void up(void)
{
    forget_passwords();
    tool("tpm2_flushcontext -t; tpm2_clear -c p && tpm2_changeauth -c owner " PASSWORD, test_tpm_tcti());
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s/* %s", support_path("tokens"), support_path("traffic")),
                     0);
    test_tpm_count_reset();
}

static void down(void)
{
    test_module_down();
    forget_passwords();
}

static CK_RV init(void)
{
    CK_UTF8CHAR field[32] = "device                          ";

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    return C_InitToken(test_slot(NULL), NULL, 0, field);
}

static void assert_parent(const char *wanted)
{
    char *conf = support_read(test_token_file("token.conf"), NULL);
    char line[64];

    snprintf(line, sizeof line, "\nparent = %s\n", wanted);
    ck_assert_msg(strstr(conf, line) != NULL, "%s", conf);
    ck_assert_ptr_null(strstr(conf, PASSWORD));
    free(conf);
}

static bool was_seen(const char *text)
{
    size_t size;
    char *traffic = support_read(support_path("traffic"), &size);
    bool seen = memmem(traffic, size, text, strlen(text)) != NULL;

    free(traffic);
    return seen;
}

static void make_a_key_and_sign(void)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}

static void write_credential(const char *text)
{
    mkdir(support_path("credentials"), 0700);
    support_write(support_path("credentials/devid-owner-auth"), text);
    setenv("CREDENTIALS_DIRECTORY", support_path("credentials"), 1);
}

/* --- where it comes from */

START_TEST(the_password_may_be_text)
{
    setenv("DEVID_OWNER_AUTH", PASSWORD, 1);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
    make_a_key_and_sign();
}
END_TEST

START_TEST(the_password_may_be_hexadecimal)
{
    char hex[2 * sizeof PASSWORD];
    char source[4 + sizeof hex];

    for (size_t i = 0; i < sizeof PASSWORD - 1; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)PASSWORD[i]);
    snprintf(source, sizeof source, "hex:%s", hex);
    setenv("DEVID_OWNER_AUTH", source, 1);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
}
END_TEST

START_TEST(the_password_may_be_in_a_file)
{
    char source[4300];

    support_write(support_path("owner"), PASSWORD "\n");
    snprintf(source, sizeof source, "file:%s", support_path("owner"));
    setenv("DEVID_OWNER_AUTH", source, 1);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
}
END_TEST

START_TEST(the_password_may_be_a_credential_of_the_service)
{
    write_credential(PASSWORD);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
}
END_TEST

START_TEST(the_configuration_comes_before_the_credential)
{
    write_credential("another");
    setenv("DEVID_OWNER_AUTH", PASSWORD, 1);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
}
END_TEST

/* --- how it goes to the TPM */

START_TEST(the_password_never_crosses_the_bus)
{
    setenv("DEVID_OWNER_AUTH", PASSWORD, 1);
    ck_assert_rv(init(), CKR_OK);
    make_a_key_and_sign();
    ck_assert_uint_ge(test_tpm_count_of(TPM2_CC_StartAuthSession), 2);
    ck_assert(!was_seen(PASSWORD));
    ck_assert(was_seen("\x80\x02")); /* the record is not empty: commands with sessions */
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient; "
                                   "tpm2_getcap -T %s handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
}
END_TEST

START_TEST(a_transient_parent_is_made_with_it_in_each_process)
{
    CK_SESSION_HANDLE session;

    setenv("DEVID_OWNER_AUTH", PASSWORD, 1);
    setenv("DEVID_PARENT", "owner", 1);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x40000001");
    make_a_key_and_sign();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 2); /* the salt's key, and the parent */
    ck_assert_uint_eq(test_tpm_count()->total, 6);                  /* with one flush, Load and Sign */
    ck_assert(!was_seen(PASSWORD));
}
END_TEST

START_TEST(without_a_password_nothing_is_added)
{
    tool("tpm2_changeauth -c owner -p " PASSWORD, test_tpm_tcti());
    test_tpm_count_reset();
    ck_assert_rv(init(), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 0);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 1);
}
END_TEST

/* --- refusals */

static void assert_refused_with_advice(void)
{
    static const char *const words[] = {"owner hierarchy", "owner-auth", "DEVID_OWNER_AUTH",
                                        "devid-owner-auth"};
    char *lockout;

    ck_assert_rv(init(), CKR_DEVICE_ERROR);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ck_assert_msg(strstr(p11_failure_text(), words[i]) != NULL, "%s", p11_failure_text());
    ck_assert_ptr_null(strstr(p11_failure_text(), "wrong-word"));
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(&lockout, "tpm2_getcap -T %s properties-variable | grep LOCKOUT_COUNTER",
                                   test_tpm_tcti()),
                     0);
    ck_assert_msg(strstr(lockout, "LOCKOUT_COUNTER: 0x0\n") != NULL, "%s", lockout);
    free(lockout);
}

START_TEST(none_and_a_wrong_one_are_refused_with_advice_and_count_for_no_lockout)
{
    assert_refused_with_advice();
    setenv("DEVID_OWNER_AUTH", "wrong-word", 1);
    for (int i = 0; i < 4; i++) /* more than the lockout's three */
        assert_refused_with_advice();
    ck_assert(!was_seen("wrong-word"));
}
END_TEST

START_TEST(a_source_that_cannot_be_read_is_named)
{
    static const struct {
        const char *source;
        const char *word;
    } rows[] = {
        {"file:/nonexistent/password", "/nonexistent/password"},
        {"hex:xyz",                    "hex:"                 },
        {"hex:123",                    "hex:"                 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("DEVID_OWNER_AUTH", rows[i].source, 1);
        ck_assert_rv_of(rows[i].source, init(), CKR_DEVICE_ERROR);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].word) != NULL, "%s", p11_failure_text());
        ck_assert_rv(C_Finalize(NULL), CKR_OK);
    }
}
END_TEST

START_TEST(a_password_longer_than_any_is_refused)
{
    char source[200];

    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    setenv("DEVID_OWNER_AUTH", source, 1);
    ck_assert_rv(init(), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "longer"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hierarchy");
    TCase *t = tcase_create("hierarchy");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_password_may_be_text);
    tcase_add_test(t, the_password_may_be_hexadecimal);
    tcase_add_test(t, the_password_may_be_in_a_file);
    tcase_add_test(t, the_password_may_be_a_credential_of_the_service);
    tcase_add_test(t, the_configuration_comes_before_the_credential);
    tcase_add_test(t, the_password_never_crosses_the_bus);
    tcase_add_test(t, a_transient_parent_is_made_with_it_in_each_process);
    tcase_add_test(t, without_a_password_nothing_is_added);
    tcase_add_test(t, none_and_a_wrong_one_are_refused_with_advice_and_count_for_no_lockout);
    tcase_add_test(t, a_source_that_cannot_be_read_is_named);
    tcase_add_test(t, a_password_longer_than_any_is_refused);
    suite_add_tcase(s, t);
    return s;
}
