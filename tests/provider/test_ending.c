/* SPDX-License-Identifier: Apache-2.0 */
/* However a program ends, it ends: with its own exit status, at once, and in silence. */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

static const char *const endings[] = {
    "tidily",
    "with_live_keys",
    "unloaded_with_live_keys",
    "keys_after_unload",
    "cleaned_up_with_live_keys",
    "cleaned_up_tidily",
    "from_a_thread",
    "while_threads_sign",
    "main_thread_first",
    "in_a_child",
    "in_a_child_that_does_nothing",
    "loaded_again",
    "with_a_handler",
};
enum { ENDINGS = sizeof endings / sizeof endings[0] };

/* Over the spy and so SoftHSM, which frees its own things in a destructor. Leaks are not looked for: programs
 * that just end have them. */
START_TEST(a_program_ends)
{
    char *output = NULL;
    int status;

    test_spy_reset();
    status = support_shell(&output, "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout -k 5 120 %s %s",
                           support_build_path("tests/provider/ending"), endings[_i]);
    ck_assert_msg(status == 0 && output[0] == '\0', "%s: exit status %d%s: %s", endings[_i], status,
                  status == 124 ? " (it hung)" : "", output);
    ck_assert_uint_eq(test_spy()->calls[SPY_FINALIZE], 0);
    free(output);
}
END_TEST

START_TEST(an_unknown_ending_is_noticed)
{
    ck_assert_int_eq(support_shell(NULL, "%s nohow", support_build_path("tests/provider/ending")), 99);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("ending");
    TCase *t = tcase_create("ending");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_loop_test(t, a_program_ends, 0, ENDINGS);
    tcase_add_test(t, an_unknown_ending_is_noticed);
    suite_add_tcase(s, t);
    return s;
}
