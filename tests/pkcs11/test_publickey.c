/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/publickey.h"
#include "tests/support/support.h"

#include <string.h>

static struct public_key rsa_key(const uint8_t *modulus, size_t size)
{
    struct public_key key = {.type = CKK_RSA};

    ck_assert(bytes_copy(&key.modulus, modulus, size));
    ck_assert(bytes_copy(&key.exponent, "\1\0\1", 3));
    return key;
}

static struct public_key ec_key(const char *curve)
{
    struct public_key key = {.type = CKK_EC, .curve = p11_curve_by_name(curve, strlen(curve))};

    ck_assert(bytes_alloc(&key.point, 1 + 2 * key.curve->field_size));
    key.point.data[0] = 4;
    return key;
}

START_TEST(bits_of_a_modulus_count_from_its_highest_one)
{
    static const struct {
        uint8_t top;
        size_t bits;
    } rows[] = {
        {0xff, 16},
        {0x80, 16},
        {0x7f, 15},
        {0x01, 9 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct public_key key = rsa_key((const uint8_t[]){rows[i].top, 0}, 2);

        ck_assert_uint_eq(public_key_bits(&key), rows[i].bits);
        ck_assert_uint_eq(public_key_signature_size(&key), 2);
        public_key_free(&key);
    }
}
END_TEST

START_TEST(ec_point_is_a_der_octet_string_of_every_curve)
{
    static const struct {
        const char *curve;
        uint8_t head[3];
        size_t head_size;
        size_t signature;
    } rows[] = {
        {"P-256", {0x04, 65},        2, 64 },
        {"P-384", {0x04, 97},        2, 96 },
        {"P-521", {0x04, 0x81, 133}, 3, 132},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct public_key key = ec_key(rows[i].curve);
        struct attributes set = {0};
        const CK_ATTRIBUTE *point;

        ck_assert_uint_eq(public_key_to_attributes(&key, &set), CKR_OK);
        point = attributes_find(&set, CKA_EC_POINT);
        ck_assert_uint_eq(point->ulValueLen, rows[i].head_size + key.point.size);
        ck_assert_mem_eq(point->pValue, rows[i].head, rows[i].head_size);
        ck_assert_uint_eq(public_key_signature_size(&key), rows[i].signature);
        ck_assert_uint_eq(attributes_get_ulong(&set, CKA_KEY_TYPE, 0), CKK_EC);
        attributes_free(&set);
        public_key_free(&key);
    }
}
END_TEST

START_TEST(modulus_bits_belong_to_public_keys)
{
    struct public_key key = rsa_key((const uint8_t[]){0xc0, 1}, 2);
    struct attributes public = {0};
    struct attributes private = {0};

    ck_assert_uint_eq(attributes_set_ulong(&public, CKA_CLASS, CKO_PUBLIC_KEY), CKR_OK);
    ck_assert_uint_eq(attributes_set_ulong(&private, CKA_CLASS, CKO_PRIVATE_KEY), CKR_OK);
    ck_assert_uint_eq(public_key_to_attributes(&key, &public), CKR_OK);
    ck_assert_uint_eq(public_key_to_attributes(&key, &private), CKR_OK);
    ck_assert_uint_eq(attributes_get_ulong(&public, CKA_MODULUS_BITS, 0), 16);
    ck_assert_ptr_null(attributes_find(&private, CKA_MODULUS_BITS));
    ck_assert_ptr_nonnull(attributes_find(&private, CKA_PUBLIC_EXPONENT));
    attributes_free(&public);
    attributes_free(&private);
    public_key_free(&key);
}
END_TEST

START_TEST(equality_looks_at_every_member)
{
    struct public_key a = ec_key("P-256");
    struct public_key b;

    ck_assert_uint_eq(public_key_copy(&b, &a), CKR_OK);
    ck_assert(public_key_equal(&a, &b));
    b.point.data[64] ^= 1;
    ck_assert(!public_key_equal(&a, &b));
    b.point.data[64] ^= 1;
    b.curve = p11_curve_by_name("P-384", 5);
    ck_assert(!public_key_equal(&a, &b));
    public_key_free(&a);
    public_key_free(&b);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("publickey");
    TCase *t = tcase_create("publickey");

    tcase_add_test(t, bits_of_a_modulus_count_from_its_highest_one);
    tcase_add_test(t, ec_point_is_a_der_octet_string_of_every_curve);
    tcase_add_test(t, modulus_bits_belong_to_public_keys);
    tcase_add_test(t, equality_looks_at_every_member);
    suite_add_tcase(s, t);
    return s;
}
