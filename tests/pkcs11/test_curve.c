/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/curve.h"
#include "tests/support/support.h"

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <string.h>

static const char *const names[] = {"P-256", "P-384", "P-521"};

START_TEST(rows_agree_with_openssl)
{
    for (size_t i = 0; i < 3; i++) {
        const struct p11_curve *curve = p11_curve_by_name(names[i], strlen(names[i]));
        int nid = EC_curve_nist2nid(names[i]);
        EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
        unsigned char *params = NULL;
        int size = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &params);

        ck_assert_ptr_nonnull(curve);
        ck_assert_int_eq((int)curve->bits, EC_GROUP_get_degree(group));
        ck_assert_uint_eq(curve->field_size, (curve->bits + 7) / 8);
        ck_assert_int_eq((int)curve->params_size, size);
        ck_assert_mem_eq(curve->params, params, (size_t)size);
        ck_assert_ptr_eq(p11_curve_by_params(params, (size_t)size), curve);
        OPENSSL_free(params);
        EC_GROUP_free(group);
    }
}
END_TEST

START_TEST(others_are_unknown)
{
    const struct p11_curve *p256 = p11_curve_by_name("P-256", 5);
    uint8_t longer[16] = {0};

    memcpy(longer, p256->params, p256->params_size);
    ck_assert_ptr_null(p11_curve_by_params(longer, p256->params_size + 1));
    ck_assert_ptr_null(p11_curve_by_params(longer, p256->params_size - 1));
    ck_assert_ptr_null(p11_curve_by_params(longer, 0));
    ck_assert_ptr_null(p11_curve_by_name("P-2567", 6));
    ck_assert_ptr_null(p11_curve_by_name("P-256", 4));
    ck_assert_ptr_null(p11_curve_by_name("p-256", 5));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("curve");
    TCase *t = tcase_create("curve");

    tcase_add_test(t, rows_agree_with_openssl);
    tcase_add_test(t, others_are_unknown);
    suite_add_tcase(s, t);
    return s;
}
