/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tokens that are initialised anew. */

static CK_UTF8CHAR so_pin[] = "the SO's PIN";
static CK_UTF8CHAR pin[] = "1234";
static CK_UTF8CHAR wrong[] = "0000";
static CK_UTF8CHAR second[32] = "second                          ";

#define PIN(text) text, sizeof text - 1

static CK_SLOT_ID slot; /* of the token "disk", which has no PIN */

static void up(void)
{
    filetoken_up();
    slot = filetoken_slot("disk");
}

static CK_SESSION_HANDLE open_session(void)
{
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    return session;
}

static void assert_listing(const char *wanted)
{
    char *listing;

    ck_assert_int_eq(support_shell(&listing, "ls -A %s", support_path("tokens")), 0);
    ck_assert_str_eq(listing, wanted);
    free(listing);
}

static void give_pins(void)
{
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_InitToken(slot, PIN(so_pin), second), CKR_OK);
    session = open_session();
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
}

START_TEST(a_token_without_a_pin_gets_one)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_InitToken(slot, so_pin, 3, second), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_InitToken(slot, NULL, 4, second), CKR_ARGUMENTS_BAD);
    give_pins();
    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_LOGIN_REQUIRED, 0);
    assert_listing("disk\n");
}
END_TEST

START_TEST(the_so_must_agree)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SESSION_HANDLE session;

    give_pins();
    session = open_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_OK);
    ck_assert_rv(C_InitToken(slot, PIN(so_pin), second), CKR_SESSION_EXISTS);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_rv(C_InitToken(slot, NULL, 0, second), CKR_PIN_INCORRECT);
    ck_assert_rv(C_InitToken(slot, PIN(wrong), second), CKR_PIN_INCORRECT);
    ck_assert_rv(C_InitToken(slot, PIN(pin), second), CKR_PIN_INCORRECT);
    ck_assert_int_eq(access(support_path("tokens/disk/p-256.pem"), F_OK), 0);
    ck_assert_rv(C_InitToken(slot, PIN(so_pin), second), CKR_OK);
    ck_assert_int_ne(access(support_path("tokens/disk/p-256.pem"), F_OK), 0);
    session = open_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
}
END_TEST

/* A key of the old token does not open with the new one's secret. */
START_TEST(what_was_kept_of_the_old_token_is_of_no_use)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_SESSION_HANDLE session;
    uint8_t signature[64];
    CK_ULONG size = sizeof signature;

    give_pins();
    session = open_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_int_eq(
        support_shell(NULL, "cp %s %s", support_path("tokens/disk/p-256.pem"), support_path("kept")), 0);
    give_pins();
    ck_assert_int_eq(
        support_shell(NULL, "cp %s %s", support_path("kept"), support_path("tokens/disk/p-256.pem")), 0);
    session = open_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    private = filetoken_find(session, CKO_PRIVATE_KEY, "P-256");
    ck_assert_rv(filetoken_sign(session, &mechanism, private, second, 32, signature, &size),
                 CKR_DEVICE_ERROR);
}
END_TEST

START_TEST(settings_of_the_owner_stay)
{
    char *conf;

    ck_assert_int_eq(
        support_shell(NULL, "echo 'note = of mine' >>%s", support_path("tokens/disk/token.conf")), 0);
    ck_assert_rv(C_InitToken(slot, NULL, 0, second), CKR_OK);
    conf = support_read(support_path("tokens/disk/token.conf"), NULL);
    ck_assert_ptr_nonnull(strstr(conf, "\nnote = of mine\n"));
    ck_assert_ptr_nonnull(strstr(conf, "\nlabel = second\n"));
    free(conf);
}
END_TEST

/* Killed before the exchange or after it: a hidden directory is left, which is no token, and goes the next
 * time. */
START_TEST(a_killed_process_leaves_the_old_token_or_the_new)
{
    CK_TOKEN_INFO info;
    char serial[17] = "";

    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    memcpy(serial, info.serialNumber, 16);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens/disk"),
                                   support_path("tokens/.new-%s", serial)),
                     0);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(filetoken_slot("disk"), slot);
    ck_assert_rv(C_InitToken(slot, NULL, 0, second), CKR_OK);
    assert_listing("disk\n");
}
END_TEST

START_TEST(a_read_only_directory_keeps_its_token)
{
    bool root = geteuid() == 0;

    ck_assert_int_eq(support_shell(NULL, "chmod 755 %s && chmod -R a+rX %s && chmod 555 %s",
                                   support_directory(), support_path("tokens"), support_path("tokens")),
                     0);
    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_rv(C_InitToken(slot, NULL, 0, second), CKR_TOKEN_WRITE_PROTECTED);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chmod(support_path("tokens"), 0755), 0);
    assert_listing("disk\n");
    ck_assert_uint_eq(filetoken_slot("disk"), slot);
}
END_TEST

/* As another process would do it: a new directory in the place of the old one. */
START_TEST(a_token_that_another_process_made_anew_is_seen)
{
    CK_SESSION_HANDLE session = open_session();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_TOKEN_INFO info;
    CK_ULONG count;

    ck_assert_int_eq(
        support_shell(NULL,
                      "cd %s && mkdir .n && sed 's/label = disk/label = theirs/' disk/token.conf "
                      ">.n/token.conf && rm -rf disk && mv .n disk",
                      support_path("tokens")),
        0);
    ck_assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    ck_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_DEVICE_ERROR);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
    ck_assert_mem_eq(info.label, "theirs ", 7);
    session = open_session();
    ck_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("newtoken");
    TCase *t = tcase_create("newtoken");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, up, filetoken_down);
    tcase_add_test(t, a_token_without_a_pin_gets_one);
    tcase_add_test(t, the_so_must_agree);
    tcase_add_test(t, what_was_kept_of_the_old_token_is_of_no_use);
    tcase_add_test(t, settings_of_the_owner_stay);
    tcase_add_test(t, a_killed_process_leaves_the_old_token_or_the_new);
    tcase_add_test(t, a_read_only_directory_keeps_its_token);
    tcase_add_test(t, a_token_that_another_process_made_anew_is_seen);
    suite_add_tcase(s, t);
    return s;
}
