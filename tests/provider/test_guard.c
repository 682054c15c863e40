/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/guard.h"
#include "tests/support/support.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>

START_TEST(what_the_module_leaves_behind_is_not_the_applications)
{
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 1);
    errno = EAGAIN;
    prov_guard_enter();
    errno = ENOENT;
    ERR_raise(ERR_LIB_USER, 2);
    prov_guard_enter();
    errno = EACCES;
    ERR_raise(ERR_LIB_USER, 3);
    prov_guard_leave();
    ck_assert(prov_guard_inside());
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()), 2);
    prov_guard_leave();
    ck_assert(!prov_guard_inside());
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()), 1);
    ERR_clear_error();
}
END_TEST

static void *look(void *inside)
{
    *(bool *)inside = prov_guard_inside();
    return NULL;
}

START_TEST(each_thread_is_inside_for_itself)
{
    bool inside = true;
    pthread_t thread;

    prov_guard_enter();
    ck_assert_int_eq(pthread_create(&thread, NULL, look, &inside), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!inside);
    prov_guard_leave();
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("guard");
    TCase *guard = tcase_create("guard");

    tcase_add_test(guard, what_the_module_leaves_behind_is_not_the_applications);
    tcase_add_test(guard, each_thread_is_inside_for_itself);
    suite_add_tcase(suite, guard);
    return suite;
}
