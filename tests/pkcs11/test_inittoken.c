/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *tcti;

static void make(void)
{
    test_module_environment();
    test_tpm_start();
    tcti = strdup(getenv("DEVID_TCTI"));
}

static void up(void)
{
    setenv("DEVID_TCTI", tcti, 1);
    unsetenv("DEVID_PARENT");
    test_tpm_count_reset();
    ck_assert_int_eq(support_shell(NULL, "cd %s && find . -mindepth 1 -delete", support_path("tokens")), 0);
}

static CK_RV init(const char *label)
{
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, label, strlen(label));
    return C_InitToken(test_slot(NULL), NULL, 0, field);
}

static void assert_listing(const char *wanted)
{
    char *listing;

    ck_assert_int_eq(support_shell(&listing, "ls -A %s", support_path("tokens")), 0);
    ck_assert_str_eq(listing, wanted);
    free(listing);
}

START_TEST(a_token_is_a_directory_of_the_owner_in_the_slot_it_was_made_in)
{
    CK_SLOT_ID empty;
    struct stat status;
    char *conf;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    empty = test_slot(NULL);
    ck_assert_rv(init("My Device"), CKR_OK);
    ck_assert_uint_eq(test_slot("My Device"), empty);
    ck_assert_uint_ne(test_slot(NULL), empty);
    ck_assert_int_eq(stat(support_path("tokens/my-device"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    ck_assert_int_eq(stat(support_path("tokens/my-device/token.conf"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    conf = support_read(support_path("tokens/my-device/token.conf"), NULL);
    ck_assert_ptr_nonnull(strstr(conf, "\nlabel = My Device\n"));
    ck_assert_ptr_nonnull(strstr(conf, "\nparent = 0x81000001\n"));
    ck_assert_ptr_null(strstr(conf, "tcti"));
    free(conf);
    assert_listing("my-device\n");
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(test_slot("My Device"), empty);
}
END_TEST

START_TEST(equal_labels_make_two_directories)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init("device"), CKR_OK);
    ck_assert_rv(init("Device"), CKR_OK);
    assert_listing("device\ndevice-2\n");
}
END_TEST

START_TEST(labels_are_checked)
{
    static const struct {
        const char *label;
        CK_RV rv;
    } rows[] = {
        {"",                  CKR_ARGUMENTS_BAD},
        {"   ",               CKR_ARGUMENTS_BAD},
        {"a\nbackend = file", CKR_ARGUMENTS_BAD},
        {"tab\t",             CKR_ARGUMENTS_BAD},
        {"delete\x7f",        CKR_ARGUMENTS_BAD},
        {" leading blank",    CKR_ARGUMENTS_BAD},
    };

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_rv_of(rows[i].label, init(rows[i].label), rows[i].rv);
    ck_assert_rv(C_InitToken(test_slot(NULL), NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    assert_listing("");
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(odd_labels_are_kept_and_make_harmless_names)
{
    static const char *const labels[] = {"../up", "=#[]", "01234567890123456789012345678901",
                                         "\xc3\xa4\xe2\x82\xac"};

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        CK_TOKEN_INFO info;
        CK_SLOT_ID slot = test_slot(NULL);

        ck_assert_rv_of(labels[i], init(labels[i]), CKR_OK);
        ck_assert_rv(C_GetTokenInfo(slot, &info), CKR_OK);
        ck_assert_mem_eq(info.label, labels[i], strlen(labels[i]));
    }
    ck_assert_int_ne(access(support_path("up"), F_OK), 0);
}
END_TEST

START_TEST(a_bad_pin_is_refused_rather_than_ignored)
{
    CK_UTF8CHAR label[32] = "device                          ";
    CK_UTF8CHAR pin[] = "1234";

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_InitToken(test_slot(NULL), pin, 3, label), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_InitToken(test_slot(NULL), NULL, 4, label), CKR_ARGUMENTS_BAD);
    ck_assert_ptr_null(strstr(p11_failure_text(), "1234"));
    ck_assert_rv(C_InitToken(99, NULL, 0, label), CKR_SLOT_ID_INVALID);
    assert_listing("");
}
END_TEST

/* PKCS#11 2.40, 5.5: it is the same token, empty. */
START_TEST(a_token_is_made_anew_in_its_place)
{
    CK_UTF8CHAR label[32] = "second                          ";
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO before;
    CK_TOKEN_INFO after;
    CK_SLOT_ID slot;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init("device"), CKR_OK);
    slot = test_slot("device");
    session = test_session();
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(C_InitToken(slot, NULL, 0, label), CKR_SESSION_EXISTS);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_rv(C_GetTokenInfo(slot, &before), CKR_OK);
    ck_assert_rv(C_InitToken(slot, NULL, 0, label), CKR_OK);
    ck_assert_rv(C_GetTokenInfo(slot, &after), CKR_OK);
    ck_assert_mem_eq(after.label, label, sizeof after.label);
    ck_assert_mem_eq(after.serialNumber, before.serialNumber, sizeof after.serialNumber);
    assert_listing("device\n");
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}
END_TEST

/* Another process was faster: the number that the caller saw empty is that token's now. */
START_TEST(a_slot_that_was_taken_meanwhile_is_refused)
{
    CK_UTF8CHAR label[32] = "zzz                             ";
    CK_SLOT_ID slot;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    slot = test_slot(NULL);
    ck_assert_uint_eq(slot, 0);
    test_write_token("aaa", "curves = P-256\n");
    ck_assert_rv(C_InitToken(slot, NULL, 0, label), CKR_FUNCTION_FAILED);
    assert_listing("aaa\n");
}
END_TEST

START_TEST(without_a_tpm_nothing_is_left_behind)
{
    static const struct {
        const char *tcti;
        const char *said;
    } rows[] = {
        {"swtpm:host=127.0.0.1,port=1", "port=1"         },
        {"device:/dev/null-is-no-tpm",  "null-is-no-tpm" },
        {"nonsense:at=all",             "nonsense:at=all"},
        {"no tcti at all",              "no tcti at all" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        setenv("DEVID_TCTI", rows[i].tcti, 1);
        ck_assert_rv(C_Initialize(NULL), CKR_OK);
        ck_assert_rv_of(rows[i].tcti, init("device"), CKR_DEVICE_ERROR);
        ck_assert_msg(strstr(p11_failure_text(), rows[i].said) != NULL, "%s", p11_failure_text());
        assert_listing("");
        test_slot(NULL);
        ck_assert_rv(C_Finalize(NULL), CKR_OK);
    }
}
END_TEST

START_TEST(a_tpm_that_fails_half_way_leaves_nothing_behind)
{
    static const unsigned commands[] = {0x173, 0x17a, 0x131}; /* ReadPublic, GetCapability, CreatePrimary */

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct tcti_count *count = test_tpm_count();

        setenv("DEVID_PARENT", commands[i] == 0x131 ? "owner" : "auto", 1);
        ck_assert_rv(C_Initialize(NULL), CKR_OK);
        test_tpm_count_reset();
        count->inject_command = commands[i];
        count->inject_times = 1000;
        count->inject_code = 0x101; /* TPM_RC_FAILURE */
        ck_assert_rv(init("device"), CKR_DEVICE_ERROR);
        assert_listing("");
        test_tpm_count_reset();
        ck_assert_rv(C_Finalize(NULL), CKR_OK);
    }
}
END_TEST

START_TEST(a_directory_that_cannot_be_written_costs_no_tpm_command)
{
    bool root = geteuid() == 0;

    ck_assert_int_eq(chmod(support_path("tokens"), 0555), 0);
    ck_assert_int_eq(chmod(support_directory(), 0755), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_tpm_count_reset();
    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_rv(init("device"), CKR_TOKEN_WRITE_PROTECTED);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_int_eq(chmod(support_path("tokens"), 0700), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("inittoken");
    TCase *t = tcase_create("inittoken");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_token_is_a_directory_of_the_owner_in_the_slot_it_was_made_in);
    tcase_add_test(t, equal_labels_make_two_directories);
    tcase_add_test(t, labels_are_checked);
    tcase_add_test(t, odd_labels_are_kept_and_make_harmless_names);
    tcase_add_test(t, a_bad_pin_is_refused_rather_than_ignored);
    tcase_add_test(t, a_token_is_made_anew_in_its_place);
    tcase_add_test(t, a_slot_that_was_taken_meanwhile_is_refused);
    tcase_add_test(t, without_a_tpm_nothing_is_left_behind);
    tcase_add_test(t, a_tpm_that_fails_half_way_leaves_nothing_behind);
    tcase_add_test(t, a_directory_that_cannot_be_written_costs_no_tpm_command);
    suite_add_tcase(s, t);
    return s;
}
