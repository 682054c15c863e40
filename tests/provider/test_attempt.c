/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/module.h"
#include "tests/support/support.h"

#include <openssl/err.h>

/* What the attempts are to do, one row each, and what was seen of them. */
struct script {
    struct {
        CK_RV rv;
        bool ok;
        bool final;
    } steps[2];
    int runs;
    uint64_t epochs[2];
};

static struct prov_module module;

static void set_up(void)
{
    module = (struct prov_module){.epoch = 1000};
    ck_assert_int_eq(pthread_mutex_init(&module.lock, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&module.session_returned, NULL), 0);
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 100);
}

/* Each attempt raises an error of its own number, whatever its answer. */
static bool follow(void *data, struct prov_attempt *attempt)
{
    struct script *script = data;
    int i = script->runs++;

    ck_assert_int_lt(i, 2);
    ck_assert(attempt->module == NULL && attempt->rv == CKR_OK && !attempt->final);
    ERR_raise(ERR_LIB_USER, i + 1);
    script->epochs[i] = prov_module_epoch(&module);
    *attempt = (struct prov_attempt){&module, script->steps[i].rv, script->epochs[i], script->steps[i].final};
    return script->steps[i].ok;
}

static void check_run(struct script script, bool ok, int runs, int last_error)
{
    ck_assert_int_eq(prov_attempt_run(follow, &script), ok);
    ck_assert_int_eq(script.runs, runs);
    if (runs == 2)
        ck_assert_uint_ne(script.epochs[0], script.epochs[1]);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), 100);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()), last_error);
}

START_TEST(success_leaves_no_error)
{
    check_run((struct script){.steps = {{.ok = true}}}, true, 1, 100);
}
END_TEST

START_TEST(what_is_stale_is_tried_once_more_in_a_new_epoch)
{
    check_run(
        (struct script){
            .steps = {{.rv = CKR_SESSION_HANDLE_INVALID}, {.ok = true}}
    },
        true, 2, 100);
}
END_TEST

START_TEST(what_stays_stale_fails_with_the_second_error_alone)
{
    check_run(
        (struct script){
            .steps = {{.rv = CKR_SESSION_HANDLE_INVALID}, {.rv = CKR_SESSION_HANDLE_INVALID}}
    },
        false, 2, 2);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 100);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 2);
}
END_TEST

START_TEST(what_failed_otherwise_is_not_tried_again)
{
    check_run((struct script){.steps = {{.rv = CKR_DEVICE_ERROR}}}, false, 1, 1);
}
END_TEST

START_TEST(what_failed_without_an_answer_is_not_tried_again)
{
    check_run((struct script){.steps = {{.rv = CKR_OK}}}, false, 1, 1);
}
END_TEST

START_TEST(what_had_an_effect_is_not_tried_again)
{
    check_run((struct script){.steps = {{.rv = CKR_SESSION_HANDLE_INVALID, .final = true}}}, false, 1, 1);
}
END_TEST

START_TEST(success_counts_whatever_the_last_answer)
{
    check_run((struct script){.steps = {{.rv = CKR_SESSION_HANDLE_INVALID, .ok = true}}}, true, 1, 100);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("attempt");
    TCase *attempt = tcase_create("attempt");

    tcase_add_checked_fixture(attempt, set_up, NULL);
    tcase_add_test(attempt, success_leaves_no_error);
    tcase_add_test(attempt, what_is_stale_is_tried_once_more_in_a_new_epoch);
    tcase_add_test(attempt, what_stays_stale_fails_with_the_second_error_alone);
    tcase_add_test(attempt, what_failed_otherwise_is_not_tried_again);
    tcase_add_test(attempt, what_failed_without_an_answer_is_not_tried_again);
    tcase_add_test(attempt, what_had_an_effect_is_not_tried_again);
    tcase_add_test(attempt, success_counts_whatever_the_last_answer);
    suite_add_tcase(suite, attempt);
    return suite;
}
