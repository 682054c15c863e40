/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/sealedbox.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <string.h>

static const uint8_t key[SOFT_BOX_KEY] = {1, 2, 3};
static uint8_t label[] = "what it is";
static uint8_t text[] = "what is in it";
static const struct bytes about = {label, sizeof label - 1};
static const struct bytes data = {text, sizeof text - 1};
static struct bytes box;

static void up(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
    ck_assert_uint_eq(soft_box_close(key, &about, &data, &box), CKR_OK);
}

static void down(void)
{
    bytes_free(&box);
}

START_TEST(a_box_opens_with_its_key)
{
    struct bytes open;
    struct bytes second;

    ck_assert_uint_eq(box.size, data.size + SOFT_BOX_OVERHEAD);
    ck_assert_uint_eq(soft_box_open(key, &about, &box, &open), CKR_OK);
    ck_assert(bytes_equal(open.data, open.size, data.data, data.size));
    ck_assert_uint_eq(soft_box_close(key, &about, &data, &second), CKR_OK);
    ck_assert(!bytes_equal(box.data, box.size, second.data, second.size)); /* another nonce */
    bytes_free(&open);
    bytes_free(&second);
}
END_TEST

START_TEST(no_byte_can_be_changed)
{
    struct bytes open;

    for (size_t i = 0; i < box.size; i++) {
        box.data[i] ^= 1;
        ck_assert_uint_eq(soft_box_open(key, &about, &box, &open), CKR_ENCRYPTED_DATA_INVALID);
        ck_assert_ptr_null(open.data);
        box.data[i] ^= 1;
    }
    for (size_t size = 0; size < box.size; size++)
        ck_assert_uint_eq(soft_box_open(key, &about, &(struct bytes){box.data, size}, &open),
                          CKR_ENCRYPTED_DATA_INVALID);
}
END_TEST

START_TEST(another_key_or_another_label_opens_nothing)
{
    const uint8_t other[SOFT_BOX_KEY] = {1, 2, 4};
    struct bytes open;

    ck_assert_uint_eq(soft_box_open(other, &about, &box, &open), CKR_ENCRYPTED_DATA_INVALID);
    ck_assert_uint_eq(soft_box_open(key, &data, &box, &open), CKR_ENCRYPTED_DATA_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sealedbox");
    TCase *t = tcase_create("sealedbox");

    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, a_box_opens_with_its_key);
    tcase_add_test(t, no_byte_can_be_changed);
    tcase_add_test(t, another_key_or_another_label_opens_nothing);
    suite_add_tcase(s, t);
    return s;
}
