/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/capability.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/tpm/nv.h"
#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <stdlib.h>

/* Of the response to GetCapability: header, moreData, then which capability it is of. */
#define CAPABILITY_BIT (8 * (10 + 1))
#define CAPABILITY_BITS 32

static struct tpm *tpm;

static void up(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
    tpm = tpm_take(getenv("DEVID_TCTI"));
    ck_assert_msg(tpm_enter(tpm) == CKR_OK, "%s", p11_failure_text());
    test_tpm_count_reset();
}

static void down(void)
{
    tpm_leave(tpm);
    tpm_return(tpm);
}

static void change(unsigned bit)
{
    test_tpm_count()->flip_command = TPM2_CC_GetCapability;
    test_tpm_count()->flip_bit = bit;
}

START_TEST(a_list_of_handles_is_one)
{
    struct tpm_nv_list list;

    ck_assert_uint_eq(tpm_nv_list(tpm, 0x01000000, 0x01ffffff, &list), TSS2_RC_SUCCESS);
    for (unsigned bit = 0; bit < CAPABILITY_BITS; bit++) {
        change(CAPABILITY_BIT + bit);
        ck_assert_msg(tpm_nv_list(tpm, 0x01000000, 0x01ffffff, &list) != TSS2_RC_SUCCESS, "bit %u", bit);
        ck_assert_uint_eq(list.count, 0);
    }
}
END_TEST

START_TEST(an_answer_to_another_question_is_none)
{
    struct tpm_lockout lockout;

    ck_assert_uint_eq(tpm_capability_lockout(tpm, &lockout), CKR_OK);
    ck_assert_uint_ne(lockout.maximum, 0);
    for (unsigned bit = 0; bit < CAPABILITY_BITS; bit++) {
        change(CAPABILITY_BIT + bit);
        p11_failure_clear();
        ck_assert_msg(tpm_capability_lockout(tpm, &lockout) == CKR_DEVICE_ERROR, "bit %u", bit);
        ck_assert_uint_eq(lockout.maximum, 0);
    }
    ck_assert_uint_eq(tpm_capability_lockout(tpm, &lockout), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("capability");
    TCase *t = tcase_create("capability");

    tcase_add_unchecked_fixture(t, test_tpm_start, NULL);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, a_list_of_handles_is_one);
    tcase_add_test(t, an_answer_to_another_question_is_none);
    suite_add_tcase(s, t);
    return s;
}
