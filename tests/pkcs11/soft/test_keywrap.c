/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/keywrap.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <string.h>

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

static struct bytes from_hex(const char *hex)
{
    struct bytes bytes;

    ck_assert(bytes_from_hex(hex, strlen(hex), &bytes));
    return bytes;
}

static const struct vector {
    bool padded;
    const char *key;
    const char *plain;
    const char *wrapped;
} vectors[] = {
  /* RFC 3394, 4.1 to 4.6 */
    {false, "000102030405060708090a0b0c0d0e0f",                                 "00112233445566778899aabbccddeeff",
     "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"                                                                                                                                                       },
    {false, "000102030405060708090a0b0c0d0e0f1011121314151617",                 "00112233445566778899aabbccddeeff",
     "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"                                                                                                                                                       },
    {false, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff",                                                                                    "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"                                },
    {false, "000102030405060708090a0b0c0d0e0f1011121314151617",
     "00112233445566778899aabbccddeeff0001020304050607",                                                                    "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"                },
    {false, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff0001020304050607",                                                                    "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"                },
    {false, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",                                                    "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
 /* RFC 5649, 6 */
    {true,  "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",                 "c37b7e6492584340bed12207808941155068f738",
     "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"                                                                                                                                       },
    {true,  "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",                 "466f7250617369",
     "afbeb0f07dfbf5419200f2ccb50bb24f"                                                                                                                                                                       },
};

#define VECTORS ((int)(sizeof vectors / sizeof vectors[0]))

static const struct bytes standard;

START_TEST(vectors_come_out)
{
    struct bytes key = from_hex(vectors[_i].key);
    struct bytes plain = from_hex(vectors[_i].plain);
    struct bytes wanted = from_hex(vectors[_i].wrapped);
    struct bytes out;
    struct bytes back;

    ck_assert_uint_eq(soft_key_wrap(vectors[_i].padded, &key, &standard, &plain, &out), CKR_OK);
    ck_assert(bytes_equal(out.data, out.size, wanted.data, wanted.size));
    ck_assert_uint_eq(soft_key_unwrap(vectors[_i].padded, &key, &standard, &out, &back), CKR_OK);
    ck_assert(bytes_equal(back.data, back.size, plain.data, plain.size));
    bytes_free(&key);
    bytes_free(&plain);
    bytes_free(&wanted);
    bytes_free(&out);
    bytes_free(&back);
}
END_TEST

START_TEST(every_changed_bit_is_seen)
{
    struct bytes key = from_hex(vectors[_i].key);
    struct bytes wrapped = from_hex(vectors[_i].wrapped);
    struct bytes out;

    for (size_t bit = 0; bit < 8 * wrapped.size; bit++) {
        wrapped.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        p11_failure_clear();
        ck_assert_uint_eq(soft_key_unwrap(vectors[_i].padded, &key, &standard, &wrapped, &out),
                          CKR_WRAPPED_KEY_INVALID);
        ck_assert_ptr_null(out.data);
        ck_assert(p11_failure_kept());
        wrapped.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    bytes_free(&key);
    bytes_free(&wrapped);
}
END_TEST

START_TEST(an_iv_of_ones_own_counts)
{
    struct bytes key = from_hex(vectors[0].key);
    struct bytes plain = from_hex(vectors[0].plain);
    struct bytes iv = from_hex(_i == 0 ? "0102030405060708" : "01020304");
    struct bytes out;
    struct bytes back;

    ck_assert_uint_eq(soft_key_wrap(_i != 0, &key, &iv, &plain, &out), CKR_OK);
    ck_assert_uint_eq(soft_key_unwrap(_i != 0, &key, &iv, &out, &back), CKR_OK);
    ck_assert(bytes_equal(back.data, back.size, plain.data, plain.size));
    bytes_free(&back);
    ck_assert_uint_eq(soft_key_unwrap(_i != 0, &key, &standard, &out, &back), CKR_WRAPPED_KEY_INVALID);
    bytes_free(&key);
    bytes_free(&plain);
    bytes_free(&iv);
    bytes_free(&out);
}
END_TEST

static const struct {
    bool padded;
    bool wrap;
    size_t size;
    CK_RV rv;
} lengths[] = {
    {false, true,  0,     CKR_KEY_SIZE_RANGE       },
    {false, true,  8,     CKR_KEY_SIZE_RANGE       },
    {false, true,  17,    CKR_KEY_SIZE_RANGE       },
    {false, true,  65544, CKR_KEY_SIZE_RANGE       },
    {false, true,  16,    CKR_OK                   },
    {true,  true,  0,     CKR_KEY_SIZE_RANGE       },
    {true,  true,  1,     CKR_OK                   },
    {true,  true,  17,    CKR_OK                   },
    {false, false, 0,     CKR_WRAPPED_KEY_LEN_RANGE},
    {false, false, 16,    CKR_WRAPPED_KEY_LEN_RANGE},
    {false, false, 25,    CKR_WRAPPED_KEY_LEN_RANGE},
    {false, false, 24,    CKR_WRAPPED_KEY_INVALID  },
    {true,  false, 8,     CKR_WRAPPED_KEY_LEN_RANGE},
    {true,  false, 17,    CKR_WRAPPED_KEY_LEN_RANGE},
    {true,  false, 16,    CKR_WRAPPED_KEY_INVALID  },
    {true,  false, 65544, CKR_WRAPPED_KEY_LEN_RANGE},
};

START_TEST(lengths_are_checked)
{
    struct bytes key = from_hex(vectors[0].key);
    struct bytes input;
    struct bytes out;
    CK_RV rv;

    ck_assert(bytes_alloc(&input, lengths[_i].size));
    rv = lengths[_i].wrap ? soft_key_wrap(lengths[_i].padded, &key, &standard, &input, &out)
                          : soft_key_unwrap(lengths[_i].padded, &key, &standard, &input, &out);
    ck_assert_uint_eq(rv, lengths[_i].rv);
    bytes_free(&key);
    bytes_free(&input);
    bytes_free(&out);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("keywrap");
    TCase *t = tcase_create("keywrap");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_loop_test(t, vectors_come_out, 0, VECTORS);
    tcase_add_loop_test(t, every_changed_bit_is_seen, 0, VECTORS);
    tcase_add_loop_test(t, an_iv_of_ones_own_counts, 0, 2);
    tcase_add_loop_test(t, lengths_are_checked, 0, (int)(sizeof lengths / sizeof lengths[0]));
    suite_add_tcase(s, t);
    return s;
}
