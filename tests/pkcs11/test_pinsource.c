/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* PINs that nobody types. */

static CK_UTF8CHAR so_pin[] = "the SO's PIN";
static CK_UTF8CHAR pin[] = "1234";
static CK_UTF8CHAR wrong[] = "0000";

#define PIN(text) text, sizeof text - 1

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;

static void up(void)
{
    CK_UTF8CHAR label[32] = "disk                            ";

    unsetenv("DEVID_PIN_SOURCE");
    unsetenv("CREDENTIALS_DIRECTORY");
    filetoken_up();
    slot = filetoken_slot("disk");
    ck_assert_rv(C_InitToken(slot, PIN(so_pin), label), CKR_OK);
    session = filetoken_session("disk");
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

static void down(void)
{
    C_Finalize(NULL);
}

static void begin(void)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
}

static void secret_file(const char *path, const char *text)
{
    support_write(path, text);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

static void set_source(const char *source)
{
    ck_assert_int_eq(
        support_shell(NULL, "echo 'pin-source = %s' >>%s", source, support_path("tokens/disk/token.conf")),
        0);
}

static bool is_protected(void)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    return (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

static CK_RV login(void)
{
    return C_Login(session, CKU_USER, NULL, 0);
}

START_TEST(without_a_source_a_pin_is_needed)
{
    begin();
    ck_assert(!is_protected());
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

/* What a file may have behind the PIN. */
static const struct {
    const char *content;
    CK_RV rv;
} files[] = {
    {"1234",     CKR_OK           },
    {"1234\n",   CKR_OK           },
    {"1234\r\n", CKR_OK           },
    {"1234\n\n", CKR_PIN_INCORRECT},
    {"1234 \n",  CKR_PIN_INCORRECT},
    {"",         CKR_PIN_INCORRECT},
};

START_TEST(a_file_opens_the_token)
{
    char source[256];

    secret_file(support_path("pin"), files[_i].content);
    snprintf(source, sizeof source, "%s%s", _i % 2 != 0 ? "file:" : "", support_path("pin"));
    set_source(source);
    begin();
    ck_assert(is_protected());
    ck_assert_rv(login(), files[_i].rv);
}
END_TEST

START_TEST(the_process_names_a_source_for_all_tokens)
{
    secret_file(support_path("pin"), "1234\n");
    setenv("DEVID_PIN_SOURCE", support_path("pin"), 1);
    begin();
    ck_assert(is_protected());
    ck_assert_rv(C_Login(session, CKU_SO, NULL, 0), CKR_PIN_INCORRECT); /* it is the user's */
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT); /* a PIN that is given counts */
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

START_TEST(a_variable_opens_the_token)
{
    setenv("THE_PIN", "1234", 1);
    set_source("env:THE_PIN");
    begin();
    ck_assert(is_protected());
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    unsetenv("THE_PIN");
    ck_assert_rv(login(), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "THE_PIN"));
}
END_TEST

START_TEST(systemd_credentials_open_the_token)
{
    ck_assert_int_eq(support_shell(NULL, "mkdir -p %s && rm -f %s/*", support_path("credentials"),
                                   support_path("credentials")),
                     0);
    setenv("CREDENTIALS_DIRECTORY", support_path("credentials"), 1);
    begin();
    ck_assert(!is_protected());
    secret_file(support_path("credentials/devid-pin"), "1234");
    ck_assert(is_protected());
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    secret_file(support_path("credentials/devid-pin-disk"), "0000"); /* this token's comes first */
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    secret_file(support_path("credentials/devid-pin-disk"), "1234");
    ck_assert_rv(login(), CKR_OK);
}
END_TEST

START_TEST(a_source_that_cannot_be_read_is_no_wrong_pin)
{
    static const char *const sources[] = {"/nowhere/pin", "relative", "file:", "/dev/null", "/"};
    CK_TOKEN_INFO info;

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        setenv("DEVID_PIN_SOURCE", sources[i], 1);
        begin();
        ck_assert_rv_of(sources[i], login(), CKR_DEVICE_ERROR);
        ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
        ck_assert_uint_eq(info.flags & CKF_USER_PIN_COUNT_LOW, 0);
        ck_assert_rv(C_Finalize(NULL), CKR_OK);
    }
    begin();
}
END_TEST

/* The mark of a wrong PIN is removed behind the module's back: it comes again only when a PIN is tried. */
static bool was_tried(void)
{
    return unlink(support_path("tokens/disk/.user-pin-was-wrong")) == 0;
}

START_TEST(a_wrong_pin_is_tried_once)
{
    secret_file(support_path("pin"), "0000");
    set_source(support_path("pin"));
    begin();
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert(was_tried());
    for (int i = 0; i < 3; i++)
        ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert(!was_tried());
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "refused before"));
    ck_assert_ptr_null(strstr(p11_failure_text(), "0000"));
    secret_file(support_path("pin"), "9999");
    ck_assert_rv(login(), CKR_PIN_INCORRECT);
    ck_assert(was_tried());
    secret_file(support_path("pin"), "1234");
    ck_assert_rv(login(), CKR_OK);
}
END_TEST

START_TEST(each_use_of_a_key_can_be_opened_by_the_source)
{
    CK_ATTRIBUTE asks = {CKA_ALWAYS_AUTHENTICATE, &test_yes, 1};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE key;
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    secret_file(support_path("pin"), "1234");
    set_source(support_path("pin"));
    begin();
    ck_assert_rv(login(), CKR_OK);
    ck_assert_rv(filetoken_generate(session, "P-256", true, &asks, 1, &public, &key), CKR_OK);
    ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, NULL, 0), CKR_OK);
    ck_assert_rv(C_Sign(session, signature, 32, signature, &size), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pinsource");
    TCase *t = tcase_create("pinsource");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, without_a_source_a_pin_is_needed);
    tcase_add_loop_test(t, a_file_opens_the_token, 0, sizeof files / sizeof files[0]);
    tcase_add_test(t, the_process_names_a_source_for_all_tokens);
    tcase_add_test(t, a_variable_opens_the_token);
    tcase_add_test(t, systemd_credentials_open_the_token);
    tcase_add_test(t, a_source_that_cannot_be_read_is_no_wrong_pin);
    tcase_add_test(t, a_wrong_pin_is_tried_once);
    tcase_add_test(t, each_use_of_a_key_can_be_opened_by_the_source);
    suite_add_tcase(s, t);
    return s;
}
