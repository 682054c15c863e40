/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rvname.h"
#include "tests/support/support.h"

#include <p11-kit/pkcs11.h>

static const struct {
    CK_RV rv;
    const char *name;
} cases[] = {
    {CKR_OK,                           "CKR_OK"                          },
    {CKR_DEVICE_MEMORY,                "CKR_DEVICE_MEMORY"               },
    {CKR_PIN_EXPIRED,                  "CKR_PIN_EXPIRED"                 },
    {CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED"},
    {0x80000001UL,                     "CKR_0x80000001"                  },
    {0x7654321UL,                      "CKR_0x07654321"                  },
};

START_TEST(a_result_has_its_name_or_its_number)
{
    ck_assert_str_eq(rv_name(cases[_i].rv), cases[_i].name);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("rvname");
    TCase *t = tcase_create("rvname");

    tcase_add_loop_test(t, a_result_has_its_name_or_its_number, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, t);
    return s;
}
