/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/handle.h"
#include "tests/support/support.h"

static int things[200];

START_TEST(zero_is_never_a_handle)
{
    struct handle_map map = {0};

    ck_assert_ptr_null(handle_find(&map, CK_INVALID_HANDLE));
    ck_assert_ptr_null(handle_remove(&map, CK_INVALID_HANDLE));
    ck_assert_uint_ne(handle_add(&map, &things[0]), CK_INVALID_HANDLE);
    ck_assert_ptr_null(handle_find(&map, CK_INVALID_HANDLE));
    handle_map_free(&map);
}
END_TEST

START_TEST(each_handle_leads_to_its_pointer_whatever_was_removed)
{
    struct handle_map map = {0};
    CK_ULONG handles[200];

    for (size_t i = 0; i < 200; i++)
        handles[i] = handle_add(&map, &things[i]);
    for (size_t i = 0; i < 200; i += 3)
        ck_assert_ptr_eq(handle_remove(&map, handles[i]), &things[i]);
    for (size_t i = 0; i < 200; i++)
        ck_assert_ptr_eq(handle_find(&map, handles[i]), i % 3 == 0 ? NULL : &things[i]);
    ck_assert_ptr_null(handle_remove(&map, handles[0]));
    ck_assert_ptr_null(handle_find(&map, handles[199] + 1));
    handle_map_free(&map);
}
END_TEST

START_TEST(a_handle_is_not_used_again)
{
    struct handle_map map = {0};
    CK_ULONG first = handle_add(&map, &things[0]);
    CK_ULONG second;

    handle_remove(&map, first);
    second = handle_add(&map, &things[1]);
    ck_assert_uint_gt(second, first);
    handle_map_free(&map);
    ck_assert_uint_gt(handle_add(&map, &things[2]), second);
    handle_map_free(&map);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("handle");
    TCase *t = tcase_create("handle");

    tcase_add_test(t, zero_is_never_a_handle);
    tcase_add_test(t, each_handle_leads_to_its_pointer_whatever_was_removed);
    tcase_add_test(t, a_handle_is_not_used_again);
    suite_add_tcase(s, t);
    return s;
}
