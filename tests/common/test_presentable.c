/* SPDX-License-Identifier: Apache-2.0 */
#include "common/presentable.h"
#include "tests/support/support.h"

#include <stdio.h>

static const struct {
    const char *given;
    const char *wanted;
} cases[] = {
    {"",                                           ""                                          },
    {"nothing to hide",                            "nothing to hide"                           },
    {"a\nb\tc\x1b[31m\x7f",                        "a b c [31m "                               },
    {"K\xc3\xb6ln",                                "K\xc3\xb6ln"                               },
    {"pkcs11:token=a?pin-value=1234",              "pkcs11:token=a?pin-value=****"             },
    {"pkcs11:token=a?pin-value=12&module-path=/m", "pkcs11:token=a?pin-value=**&module-path=/m"},
    {"pkcs11:token=a;pin-value=12;object=b",       "pkcs11:token=a;pin-value=**;object=b"      },
    {"pkcs11:pin-value=12?pin-source=x",           "pkcs11:pin-value=**?pin-source=x"          },
    {"PIN-VALUE=12 and pin-value=3: is wrong",     "PIN-VALUE=** and pin-value=*: is wrong"    },
    {"pin-value=a:b",                              "pin-value=***"                             },
    {"(pin-value=ab)",                             "(pin-value=**)"                            },
    {"pin-value=",                                 "pin-value="                                },
};

START_TEST(a_message_is_one_line_without_pins)
{
    char text[100];

    snprintf(text, sizeof text, "%s", cases[_i].given);
    make_presentable(text);
    ck_assert_str_eq(text, cases[_i].wanted);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("presentable");
    TCase *t = tcase_create("presentable");

    tcase_add_loop_test(t, a_message_is_one_line_without_pins, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(s, t);
    return s;
}
