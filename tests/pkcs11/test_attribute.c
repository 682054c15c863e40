/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/attribute.h"
#include "tests/support/support.h"

#include <string.h>

START_TEST(set_replaces_an_old_value)
{
    struct attributes set = {0};
    const CK_ATTRIBUTE *found;

    ck_assert_uint_eq(attributes_set(&set, CKA_LABEL, "first", 5), CKR_OK);
    ck_assert_uint_eq(attributes_set(&set, CKA_LABEL, "2", 1), CKR_OK);
    ck_assert_uint_eq(set.count, 1);
    found = attributes_find(&set, CKA_LABEL);
    ck_assert_uint_eq(found->ulValueLen, 1);
    ck_assert_mem_eq(found->pValue, "2", 1);
    ck_assert_ptr_null(attributes_find(&set, CKA_ID));
    attributes_free(&set);
    ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(an_empty_value_is_not_an_absent_one)
{
    struct attributes set = {0};

    ck_assert_uint_eq(attributes_set(&set, CKA_ID, NULL, 0), CKR_OK);
    ck_assert_ptr_nonnull(attributes_find(&set, CKA_ID));
    ck_assert_uint_eq(attributes_find(&set, CKA_ID)->ulValueLen, 0);
    attributes_free(&set);
}
END_TEST

START_TEST(a_set_grows_and_copies_whole)
{
    struct attributes from = {0};
    struct attributes to = {0};

    for (CK_ULONG i = 0; i < 100; i++)
        ck_assert_uint_eq(attributes_set_ulong(&from, 1000 + i, i), CKR_OK);
    ck_assert_uint_eq(attributes_set_ulong(&to, 1000, 77), CKR_OK);
    ck_assert_uint_eq(attributes_copy(&to, &from), CKR_OK);
    attributes_free(&from);
    ck_assert_uint_eq(to.count, 100);
    for (CK_ULONG i = 0; i < 100; i++)
        ck_assert_uint_eq(attributes_get_ulong(&to, 1000 + i, 5000), i);
    attributes_free(&to);
}
END_TEST

START_TEST(typed_readers_refuse_other_sizes)
{
    struct attributes set = {0};

    ck_assert_uint_eq(attributes_set(&set, CKA_SIGN, "\1\1", 2), CKR_OK);
    ck_assert_uint_eq(attributes_set(&set, CKA_KEY_TYPE, "\1", 1), CKR_OK);
    ck_assert_uint_eq(attributes_set_bool(&set, CKA_TOKEN, true), CKR_OK);
    ck_assert(!attributes_get_bool(&set, CKA_SIGN, false));
    ck_assert(attributes_get_bool(&set, CKA_SIGN, true));
    ck_assert_uint_eq(attributes_get_ulong(&set, CKA_KEY_TYPE, 9), 9);
    ck_assert(attributes_get_bool(&set, CKA_TOKEN, false));
    attributes_free(&set);
}
END_TEST

START_TEST(a_callers_template_is_not_trusted)
{
    CK_ULONG number = CKO_CERTIFICATE;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, NULL,    sizeof number},
        {CKA_ID,    &number, 3            },
        {CKA_CLASS, &number, sizeof number},
        {CKA_LABEL, &number, (CK_ULONG)-1 },
    };

    ck_assert_ptr_eq(template_find(items, 4, CKA_CLASS), &items[2]);
    ck_assert_uint_eq(template_get_ulong(items, 4, CKA_CLASS, 0), CKO_CERTIFICATE);
    ck_assert_uint_eq(template_get_ulong(items, 4, CKA_ID, 8), 8);
    ck_assert_uint_eq(template_get_ulong(items, 4, CKA_LABEL, 8), 8);
    ck_assert_ptr_null(template_find(NULL, 0, CKA_CLASS));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attribute");
    TCase *t = tcase_create("attribute");

    tcase_add_test(t, set_replaces_an_old_value);
    tcase_add_test(t, an_empty_value_is_not_an_absent_one);
    tcase_add_test(t, a_set_grows_and_copies_whole);
    tcase_add_test(t, typed_readers_refuse_other_sizes);
    tcase_add_test(t, a_callers_template_is_not_trusted);
    suite_add_tcase(s, t);
    return s;
}
