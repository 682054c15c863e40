/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/aes.h"
#include "common/bytes.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <string.h>

/* NIST SP 800-38A, F.3.13: CFB128-AES128. */
#define KEY "2b7e151628aed2a6abf7158809cf4f3c"
#define IV "000102030405060708090a0b0c0d0e0f"
#define PLAIN                                                                                                \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                       \
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define CIPHER                                                                                               \
    "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"                                       \
    "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"

static struct bytes key, iv, plain, cipher;

static void read_vector(const char *hex, struct bytes *out)
{
    ck_assert(bytes_from_hex(hex, strlen(hex), out));
}

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
    read_vector(KEY, &key);
    read_vector(IV, &iv);
    read_vector(PLAIN, &plain);
    read_vector(CIPHER, &cipher);
}

static void stop(void)
{
    bytes_free(&key);
    bytes_free(&iv);
    bytes_free(&plain);
    bytes_free(&cipher);
}

START_TEST(vector_encrypts_and_decrypts_in_place)
{
    uint8_t data[64];

    memcpy(data, plain.data, sizeof data);
    ck_assert_uint_eq(soft_aes128_cfb(true, key.data, iv.data, data, sizeof data), CKR_OK);
    ck_assert_mem_eq(data, cipher.data, sizeof data);
    ck_assert_uint_eq(soft_aes128_cfb(false, key.data, iv.data, data, sizeof data), CKR_OK);
    ck_assert_mem_eq(data, plain.data, sizeof data);
}
END_TEST

START_TEST(any_length_is_a_prefix)
{
    uint8_t data[64];

    for (size_t size = 0; size <= sizeof data; size++) {
        memcpy(data, plain.data, sizeof data);
        ck_assert_uint_eq(soft_aes128_cfb(true, key.data, iv.data, data, size), CKR_OK);
        ck_assert(size == 0 || memcmp(data, cipher.data, size) == 0);
        ck_assert(size == sizeof data || memcmp(data + size, plain.data + size, sizeof data - size) == 0);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("aes");
    TCase *t = tcase_create("cfb");

    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_test(t, vector_encrypts_and_decrypts_in_place);
    tcase_add_test(t, any_length_is_a_prefix);
    suite_add_tcase(s, t);
    return s;
}
