/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static CK_SESSION_HANDLE session;

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
}

static void up(void)
{
    test_module_up();
    session = test_session();
}

static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_KEY_TYPE ec = CKK_EC;
static CK_ULONG bits = 2048;
static char ec_label[] = "ec";
static char ec_longer[] = "ec2";

#define CLASS(value)                                                                                         \
    {                                                                                                        \
        CKA_CLASS, &(value), sizeof(value)                                                                   \
    }

START_TEST(templates_choose_by_every_attribute_they_name)
{
    const struct {
        const char *what;
        CK_ATTRIBUTE items[3];
        CK_ULONG count;
        size_t found;
    } rows[] = {
        {"everything",        {{0}},                                                 0, 4},
        {"private keys",      {CLASS(private_class)},                                1, 2},
        {"data",              {CLASS(data_class)},                                   1, 0},
        {"type",              {{CKA_KEY_TYPE, &ec, sizeof ec}},                      1, 2},
        {"type and class",    {{CKA_KEY_TYPE, &ec, sizeof ec}, CLASS(public_class)}, 2, 1},
        {"contradiction",     {CLASS(private_class), CLASS(public_class)},           2, 0},
        {"label",             {{CKA_LABEL, ec_label, 2}},                            1, 2},
        {"label's beginning", {{CKA_LABEL, ec_label, 1}},                            1, 0},
        {"longer label",      {{CKA_LABEL, ec_longer, 3}},                           1, 0},
        {"token",             {{CKA_TOKEN, &test_yes, 1}},                           1, 4},
        {"no token",          {{CKA_TOKEN, &test_no, 1}},                            1, 0},
        {"a default",         {{CKA_VERIFY, &test_yes, 1}},                          1, 2},
        {"another's",         {{CKA_MODULUS_BITS, &bits, sizeof bits}},              1, 1},
        {"wrong size",        {{CKA_TOKEN, &bits, sizeof bits}},                     1, 0},
        {"unknown type",      {{0x87654321, &bits, sizeof bits}},                    1, 0},
        {"NULL value",        {{CKA_LABEL, NULL, 2}},                                1, 0},
        {"unavailable",       {{CKA_LABEL, ec_label, CK_UNAVAILABLE_INFORMATION}},   1, 0},
        {"empty, a default",  {{CKA_SUBJECT, NULL, 0}},                              1, 4},
        {"secret",            {{CKA_PRIVATE_EXPONENT, NULL, 0}},                     1, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_ATTRIBUTE items[3];
        size_t found;

        memcpy(items, rows[i].items, sizeof items);
        found = test_count(session, items, rows[i].count);
        ck_assert_msg(found == rows[i].found, "%s: %zu, not %zu", rows[i].what, found, rows[i].found);
    }
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(a_search_has_a_beginning_a_middle_and_an_end)
{
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 9;

    ck_assert_rv(C_FindObjects(session, found, 8, &count), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_FindObjectsInit(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_FindObjects(session, found, 3, &count), CKR_OK);
    ck_assert_uint_eq(count, 3);
    ck_assert_rv(C_FindObjects(session, NULL, 1, &count), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_FindObjects(session, found, 1, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_FindObjects(session, found, 8, &count), CKR_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_rv(C_FindObjects(session, found, 8, &count), CKR_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
}
END_TEST

START_TEST(a_search_belongs_to_its_session)
{
    CK_SESSION_HANDLE other = test_session();

    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    ck_assert_rv(C_FindObjectsInit(other, NULL, 0), CKR_OK);
    ck_assert_rv(C_CloseSession(other), CKR_OK);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
}
END_TEST

/* --- what other processes do: files come and go below a running module */

START_TEST(a_file_that_is_dropped_in_is_an_object)
{
    CK_OBJECT_HANDLE key;

    ck_assert_uint_eq(test_count(session, NULL, 0), 4);
    ck_assert_int_eq(
        support_shell(NULL, "sed /Label:/d %s >%s", test_token_file("ec.pem"), test_token_file("copied.pem")),
        0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 6);
    key = test_find(session, CKO_PRIVATE_KEY, "copied");
    ck_assert_uint_ne(key, 0);
    ck_assert_rv(test_sign(session, key), CKR_OK);
}
END_TEST

START_TEST(a_file_that_is_removed_is_none_and_the_others_keep_their_handles)
{
    CK_OBJECT_HANDLE rsa = test_find(session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE key = test_find(session, CKO_PRIVATE_KEY, "ec");

    ck_assert_int_eq(support_shell(NULL, "rm %s", test_token_file("ec.pem")), 0);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "ec"), 0);
    ck_assert_rv(test_sign(session, key), CKR_KEY_HANDLE_INVALID);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "rsa"), rsa);
}
END_TEST

START_TEST(a_file_that_is_replaced_is_read_again)
{
    ck_assert_uint_eq(test_count(session, NULL, 0), 4);
    ck_assert_int_eq(support_shell(NULL, "sed 's/^Label: .*/Label: renamed/' %s >%s && mv %s %s",
                                   test_token_file("ec.pem"), test_token_file("tmp"), test_token_file("tmp"),
                                   test_token_file("ec.pem")),
                     0);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "ec"), 0);
    ck_assert_uint_ne(test_find(session, CKO_PRIVATE_KEY, "renamed"), 0);
    ck_assert_uint_ne(test_find(session, CKO_PUBLIC_KEY, "renamed"), 0);
}
END_TEST

START_TEST(a_broken_file_is_one_object_missing)
{
    static const char *const texts[] = {
        "",
        "no block at all\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\nnot base64 !\n-----END TSS2 PRIVATE KEY-----\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\n-----END TSS2 PRIVATE KEY-----\n",
        "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        support_write(test_token_file("broken.pem"), texts[i]);
        ck_assert_msg(test_count(session, NULL, 0) == 4, "%s", texts[i]);
        ck_assert_int_eq(support_shell(NULL, "rm %s", test_token_file("broken.pem")), 0);
    }
}
END_TEST

START_TEST(a_good_block_before_a_broken_one_is_left_out_too)
{
    ck_assert_int_eq(support_shell(NULL, "(cat %s; echo '-----BEGIN X-----') >%s", test_token_file("ec.pem"),
                                   test_token_file("half.pem")),
                     0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 4);
}
END_TEST

static void wait_for_the_clock(void)
{
    const struct timespec pause = {.tv_nsec = 60 * 1000 * 1000};

    nanosleep(&pause, NULL);
}

/* One failed look must not be taken for a look. */
START_TEST(a_directory_that_could_not_be_read_is_read_later)
{
    ck_assert_int_eq(support_shell(NULL, "cp %s %s", test_token_file("ec.pem"), test_token_file("a.pem")), 0);
    wait_for_the_clock();
    test_no_descriptors(true);
    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_DEVICE_ERROR);
    test_no_descriptors(false);
    ck_assert_uint_eq(test_count(session, NULL, 0), 6);
}
END_TEST

START_TEST(an_unchanged_token_is_not_read_again)
{
    wait_for_the_clock();
    test_count(session, NULL, 0);
    test_no_descriptors(true);
    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    test_no_descriptors(false);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("find");
    TCase *t = tcase_create("find");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, templates_choose_by_every_attribute_they_name);
    tcase_add_test(t, a_search_has_a_beginning_a_middle_and_an_end);
    tcase_add_test(t, a_search_belongs_to_its_session);
    tcase_add_test(t, a_file_that_is_dropped_in_is_an_object);
    tcase_add_test(t, a_file_that_is_removed_is_none_and_the_others_keep_their_handles);
    tcase_add_test(t, a_file_that_is_replaced_is_read_again);
    tcase_add_test(t, a_broken_file_is_one_object_missing);
    tcase_add_test(t, a_good_block_before_a_broken_one_is_left_out_too);
    tcase_add_test(t, a_directory_that_could_not_be_read_is_read_later);
    tcase_add_test(t, an_unchanged_token_is_not_read_again);
    suite_add_tcase(s, t);
    return s;
}
