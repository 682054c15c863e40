/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/backend.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>

#define ABILITIES "curves = P-256\nhashes = sha256\n"

static void remove_tokens(void)
{
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s/*", support_path("tokens")), 0);
    unsetenv("DEVID_EMPTY_SLOTS");
}

static void write_conf(const char *folder, const char *text)
{
    test_write_token(folder, "");
    support_write(support_path("tokens/%s/token.conf", folder), text);
}

static size_t slots(CK_SLOT_ID list[16])
{
    CK_ULONG count = 16;

    ck_assert_rv(C_GetSlotList(CK_FALSE, NULL, &count), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_FALSE, list, &count), CKR_OK);
    return count;
}

START_TEST(without_tokens_there_is_a_slot_of_each_kind_to_make_one_in)
{
    CK_SLOT_ID list[16];
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(slots(list), BACKENDS);
    ck_assert_rv(C_GetSlotInfo(list[0], &slot), CKR_OK);
    ck_assert_mem_eq(slot.slotDescription, "DevID TPM slot  ", 16);
    ck_assert_uint_eq(slot.flags & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    ck_assert_rv(C_GetTokenInfo(list[0], &token), CKR_OK);
    ck_assert_uint_eq(token.flags & CKF_TOKEN_INITIALIZED, 0);
    ck_assert_rv(C_OpenSession(list[0], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_TOKEN_NOT_RECOGNIZED);
}
END_TEST

START_TEST(the_empty_slot_can_be_switched_off)
{
    CK_SLOT_ID list[16];

    setenv("DEVID_EMPTY_SLOTS", "no", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(slots(list), 0);
    test_write_token("device", ABILITIES);
    ck_assert_uint_eq(slots(list), 1);
}
END_TEST

START_TEST(a_directory_of_tokens_that_is_not_there_holds_none)
{
    CK_SLOT_ID list[16];

    setenv("DEVID_TOKENS", support_path("absent"), 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(slots(list), BACKENDS);
    setenv("DEVID_TOKENS", support_path("tokens"), 1);
}
END_TEST

START_TEST(token_info_is_what_the_file_says)
{
    CK_TOKEN_INFO info;

    test_write_token("device", ABILITIES "manufacturer = IBM\n");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    ck_assert_mem_eq(info.label, "device                          ", 32);
    ck_assert_mem_eq(info.serialNumber, "00              ", 16);
    ck_assert_mem_eq(info.model, "TPM 2.0         ", 16);
    ck_assert_mem_eq(info.manufacturerID, "IBM ", 4);
    ck_assert_uint_ne(info.flags & CKF_TOKEN_INITIALIZED, 0);
    ck_assert_uint_eq(info.flags & (CKF_LOGIN_REQUIRED | CKF_WRITE_PROTECTED), 0);
    ck_assert_rv(C_GetTokenInfo(0, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetTokenInfo(99, &info), CKR_SLOT_ID_INVALID);
    ck_assert_rv(C_GetSlotInfo(0, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetSlotInfo(99, &(CK_SLOT_INFO){0}), CKR_SLOT_ID_INVALID);
}
END_TEST

START_TEST(the_list_keeps_the_two_call_rule)
{
    CK_SLOT_ID list[2] = {77, 77};
    CK_ULONG count = 1;

    test_write_token("device", ABILITIES);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_TRUE, list, &count), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(count, 1 + BACKENDS);
    ck_assert_uint_eq(list[1], 77);
    ck_assert_rv(C_GetSlotList(CK_TRUE, list, NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(slots_keep_their_numbers)
{
    CK_SLOT_ID before;
    CK_SLOT_ID after;

    write_conf("a", "format = 1\nlabel = a\nserial = 1\nslot = 7\nbackend = tpm\n");
    write_conf("b", "format = 1\nlabel = b\nserial = 2\nslot = 3\nbackend = tpm\n");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    before = test_slot("a");
    ck_assert_uint_eq(before, 7);
    ck_assert_uint_eq(test_slot("b"), 3);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "rm -r %s", support_path("tokens/b")), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    after = test_slot("a");
    ck_assert_uint_eq(before, after);
}
END_TEST

START_TEST(a_number_taken_twice_is_the_first_ones)
{
    write_conf("a", "format = 1\nlabel = a\nserial = 1\nslot = 5\nbackend = tpm\n");
    write_conf("b", "format = 1\nlabel = b\nserial = 1\nslot = 5\nbackend = tpm\n");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(test_slot("a"), 5);
    ck_assert_uint_ne(test_slot("b"), 5);
    ck_assert_uint_ne(test_slot(NULL), test_slot("b"));
}
END_TEST

START_TEST(a_token_that_appears_takes_its_number_from_the_empty_slot)
{
    CK_SLOT_ID empty;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    empty = test_slot(NULL);
    ck_assert_uint_eq(empty, 0);
    test_write_token("device", ABILITIES);
    ck_assert_uint_eq(test_slot("device"), 0);
    ck_assert_uint_ne(test_slot(NULL), 0);
}
END_TEST

START_TEST(a_broken_token_is_one_token_missing)
{
    static const char *const texts[] = {
        "",
        "nonsense",
        "format = 9\nlabel = x\nserial = 1\nslot = 1\nbackend = tpm\n",
        "format = 1\nlabel = x\nserial = 1\nslot = 1\nbackend = moon\n",
        "format = 1\nlabel = x\nserial = 1\nslot = one\nbackend = tpm\n",
        "format = 1\nlabel = x\nserial = 1\nslot = 99999999999\nbackend = tpm\n",
        "format = 1\nlabel = x\nserial = 1\nslot = 1\nbackend = tpm\nparent-name = xyz\nparent = "
        "0x81000001\n",
        "format = 1\nlabel = x\nserial = 1\nslot = 1\nbackend = tpm\nparent-name = 00\n",
    };
    CK_SLOT_ID list[16];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_conf("broken", texts[i]);
        test_write_token("good", ABILITIES);
        ck_assert_rv(C_Initialize(NULL), CKR_OK);
        ck_assert_msg(slots(list) == 1 + BACKENDS, "%s", texts[i]);
        ck_assert_uint_eq(test_slot("good"), 0);
        ck_assert_rv(C_Finalize(NULL), CKR_OK);
    }
}
END_TEST

START_TEST(what_is_no_token_is_passed_over)
{
    CK_SLOT_ID list[16];

    support_write(support_path("tokens/file"), "");
    write_conf(".hidden", "format = 1\nlabel = x\nserial = 1\nslot = 1\nbackend = tpm\n");
    ck_assert_int_eq(support_shell(NULL, "mkdir %s/empty; rm -rf %s/.hidden", support_path("tokens"),
                                   support_path("none")),
                     0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_eq(slots(list), BACKENDS);
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s", support_path("tokens/.hidden")), 0);
}
END_TEST

START_TEST(slot_events_do_not_come)
{
    CK_SLOT_ID slot;
    int thing;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    ck_assert_rv(C_WaitForSlotEvent(0, &slot, NULL), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &thing), CKR_ARGUMENTS_BAD);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("slot");
    TCase *t = tcase_create("slot");

    tcase_add_unchecked_fixture(t, test_module_environment, NULL);
    tcase_add_checked_fixture(t, remove_tokens, test_module_down);
    tcase_add_test(t, without_tokens_there_is_a_slot_of_each_kind_to_make_one_in);
    tcase_add_test(t, the_empty_slot_can_be_switched_off);
    tcase_add_test(t, a_directory_of_tokens_that_is_not_there_holds_none);
    tcase_add_test(t, token_info_is_what_the_file_says);
    tcase_add_test(t, the_list_keeps_the_two_call_rule);
    tcase_add_test(t, slots_keep_their_numbers);
    tcase_add_test(t, a_number_taken_twice_is_the_first_ones);
    tcase_add_test(t, a_token_that_appears_takes_its_number_from_the_empty_slot);
    tcase_add_test(t, a_broken_token_is_one_token_missing);
    tcase_add_test(t, what_is_no_token_is_passed_over);
    tcase_add_test(t, slot_events_do_not_come);
    suite_add_tcase(s, t);
    return s;
}
