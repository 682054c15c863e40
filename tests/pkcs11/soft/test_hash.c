/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/module.h"

/* FIPS 180-4's example message "abc". */
static const struct {
    enum p11_hash hash;
    size_t size;
    uint8_t head[4];
} rows[] = {
    {HASH_SHA1,   20, {0xa9, 0x99, 0x3e, 0x36}},
    {HASH_SHA224, 28, {0x23, 0x09, 0x7d, 0x22}},
    {HASH_SHA256, 32, {0xba, 0x78, 0x16, 0xbf}},
    {HASH_SHA384, 48, {0xcb, 0x00, 0x75, 0x3f}},
    {HASH_SHA512, 64, {0xdd, 0xaf, 0x35, 0xa1}},
};

#define ROWS (sizeof rows / sizeof rows[0])

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
}

START_TEST(digests_are_those_of_the_standard)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t digest[HASH_SIZE_MAXIMUM];

        ck_assert_uint_eq(soft_hash_size(rows[i].hash), rows[i].size);
        ck_assert_rv(soft_hash_once(rows[i].hash, "abc", 3, digest), CKR_OK);
        ck_assert_mem_eq(digest, rows[i].head, 4);
    }
    ck_assert_uint_eq(ROWS, HASH_COUNT - 1);
}
END_TEST

START_TEST(parts_give_the_digest_of_the_whole)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t whole[HASH_SIZE_MAXIMUM];
        uint8_t parts[HASH_SIZE_MAXIMUM];
        struct soft_hash *running;

        ck_assert_rv(soft_hash_once(rows[i].hash, "abc", 3, whole), CKR_OK);
        ck_assert_rv(soft_hash_new(rows[i].hash, &running), CKR_OK);
        ck_assert_rv(soft_hash_update(running, "a", 1), CKR_OK);
        ck_assert_rv(soft_hash_update(running, "", 0), CKR_OK);
        ck_assert_rv(soft_hash_update(running, "bc", 2), CKR_OK);
        ck_assert_rv(soft_hash_final(running, parts), CKR_OK);
        soft_hash_free(running);
        ck_assert_mem_eq(whole, parts, rows[i].size);
    }
}
END_TEST

START_TEST(no_hash_has_no_size_and_no_digest)
{
    struct soft_hash *running;
    uint8_t digest[HASH_SIZE_MAXIMUM];

    ck_assert_uint_eq(soft_hash_size(HASH_NONE), 0);
    ck_assert_uint_eq(soft_hash_size(HASH_COUNT), 0);
    ck_assert_rv(soft_hash_new(HASH_NONE, &running), CKR_GENERAL_ERROR);
    ck_assert_ptr_null(running);
    ck_assert_rv(soft_hash_once(HASH_NONE, "abc", 3, digest), CKR_GENERAL_ERROR);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("hash");
    TCase *t = tcase_create("hash");

    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, digests_are_those_of_the_standard);
    tcase_add_test(t, parts_give_the_digest_of_the_whole);
    tcase_add_test(t, no_hash_has_no_size_and_no_digest);
    suite_add_tcase(s, t);
    return s;
}
