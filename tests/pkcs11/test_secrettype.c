/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/secrettype.h"
#include "tests/support/support.h"

#include <string.h>

START_TEST(each_type_is_found_by_its_number_and_by_its_name_in_der)
{
    size_t count;
    const struct secret_type *types = secret_types(&count);

    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(secret_type(types[i].type), &types[i]);
        ck_assert_ptr_eq(secret_type_by_oid(types[i].oid, types[i].oid_size), &types[i]);
        ck_assert_uint_eq(types[i].oid[0], 0x06);
        ck_assert_uint_eq(types[i].oid[1], types[i].oid_size - 2);
        ck_assert_int_eq(strncmp(types[i].name, "CKK_", 4), 0);
    }
    ck_assert_ptr_null(secret_type(CKK_RSA));
    ck_assert_ptr_null(secret_type(CKK_DES3));
    ck_assert_ptr_null(secret_type_by_oid(types[0].oid, types[0].oid_size - 1));
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        CK_KEY_TYPE type;
        size_t size;
        bool good;
    } rows[] = {
        {CKK_AES,            0,                  false},
        {CKK_AES,            8,                  false},
        {CKK_AES,            15,                 false},
        {CKK_AES,            16,                 true },
        {CKK_AES,            20,                 false},
        {CKK_AES,            24,                 true },
        {CKK_AES,            32,                 true },
        {CKK_AES,            40,                 false},
        {CKK_GENERIC_SECRET, 0,                  false},
        {CKK_GENERIC_SECRET, 1,                  true },
        {CKK_GENERIC_SECRET, SECRET_MAXIMUM,     true },
        {CKK_GENERIC_SECRET, SECRET_MAXIMUM + 1, false},
        {CKK_SHA512_HMAC,    13,                 true },
        {CKK_SHA3_512_HMAC,  (size_t)-1,         false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(secret_type_has_size(secret_type(rows[i].type), rows[i].size) == rows[i].good,
                      "row %zu", i);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/secrettype");
    TCase *tcase = tcase_create("secrettype");

    tcase_add_test(tcase, each_type_is_found_by_its_number_and_by_its_name_in_der);
    tcase_add_test(tcase, sizes);
    suite_add_tcase(suite, tcase);
    return suite;
}
