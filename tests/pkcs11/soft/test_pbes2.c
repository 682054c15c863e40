/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/pbes2.h"
#include "common/file.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <string.h>

static uint8_t secret_bytes[32] = {0xab, 0xcd, 0xef};
static const struct bytes secret = {secret_bytes, sizeof secret_bytes};
#define HEX "abcdef0000000000000000000000000000000000000000000000000000000000"

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
    p11_failure_clear();
}

static void read_der(const char *name, struct bytes *der)
{
    ck_assert_int_eq(file_read(AT_FDCWD, support_path("%s", name), 65536, der), 0);
}

START_TEST(openssl_opens_what_was_closed)
{
    struct bytes plain;
    struct bytes closed;
    struct bytes open;

    ck_assert_int_eq(support_shell(NULL, "openssl genpkey -algorithm ED25519 -outform DER -out %s",
                                   support_path("key.der")),
                     0);
    read_der("key.der", &plain);
    ck_assert_uint_eq(soft_pbes2_close(&secret, &plain, &closed), CKR_OK);
    support_write_bytes(support_path("closed.der"), closed.data, closed.size);
    ck_assert_int_eq(
        support_shell(NULL, "openssl pkcs8 -inform DER -in %s -passin pass:" HEX " -outform DER -out %s",
                      support_path("closed.der"), support_path("opened.der")),
        0);
    ck_assert_int_eq(support_shell(NULL, "openssl pkey -inform DER -in %s -outform DER | cmp - %s",
                                   support_path("opened.der"), support_path("key.der")),
                     0);
    ck_assert_uint_eq(soft_pbes2_open(&secret, &closed, &open), CKR_OK);
    ck_assert(bytes_equal(open.data, open.size, plain.data, plain.size));
    bytes_free(&plain);
    bytes_free(&closed);
    bytes_free(&open);
}
END_TEST

/* What a file asks for is not computed when it is too much, or unknown. */
static const struct {
    const char *options;
    CK_RV rv;
} theirs[] = {
    {"-v2 aes-256-cbc",                     CKR_OK          },
    {"-v2 aes-128-cbc -v2prf hmacWithSHA1", CKR_OK          },
    {"-iter 1000000",                       CKR_OK          },
    {"-iter 1000001",                       CKR_DATA_INVALID},
    {"-scrypt",                             CKR_DATA_INVALID},
    {"-v1 PBE-SHA1-3DES",                   CKR_DATA_INVALID},
};

START_TEST(files_of_openssl_are_opened_within_bounds)
{
    struct bytes der;
    struct bytes open;
    CK_RV rv;

    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genpkey -algorithm ED25519 | openssl pkcs8 -topk8 %s -passout pass:" HEX " "
                      "-outform DER -out %s",
                      theirs[_i].options, support_path("theirs.der")),
        0);
    read_der("theirs.der", &der);
    rv = soft_pbes2_open(&secret, &der, &open);
    ck_assert_msg(rv == theirs[_i].rv, "%s: 0x%lx %s", theirs[_i].options, rv, p11_failure_text());
    ck_assert_int_eq(open.size != 0, rv == CKR_OK);
    ck_assert_int_eq(p11_failure_text()[0] != '\0', rv != CKR_OK);
    bytes_free(&der);
    bytes_free(&open);
}
END_TEST

START_TEST(what_is_no_such_block_is_refused)
{
    uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    struct bytes open;

    for (size_t size = 0; size <= sizeof junk; size++)
        ck_assert_uint_eq(soft_pbes2_open(&secret, &(struct bytes){junk, size}, &open), CKR_DATA_INVALID);
}
END_TEST

START_TEST(nothing_stands_behind_the_block)
{
    uint8_t plain_bytes[] = "some key";
    const struct bytes plain = {plain_bytes, sizeof plain_bytes};
    struct bytes closed;
    struct bytes longer;
    struct bytes open;

    ck_assert_uint_eq(soft_pbes2_close(&secret, &plain, &closed), CKR_OK);
    ck_assert(bytes_alloc(&longer, closed.size + 1));
    memcpy(longer.data, closed.data, closed.size);
    ck_assert_uint_eq(soft_pbes2_open(&secret, &longer, &open), CKR_DATA_INVALID);
    ck_assert_ptr_null(open.data);
    longer.size--;
    ck_assert_uint_eq(soft_pbes2_open(&secret, &longer, &open), CKR_OK);
    bytes_free(&open);
    bytes_free(&longer);
    bytes_free(&closed);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pbes2");
    TCase *t = tcase_create("pbes2");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, openssl_opens_what_was_closed);
    tcase_add_loop_test(t, files_of_openssl_are_opened_within_bounds, 0, sizeof theirs / sizeof theirs[0]);
    tcase_add_test(t, what_is_no_such_block_is_refused);
    tcase_add_test(t, nothing_stands_behind_the_block);
    suite_add_tcase(s, t);
    return s;
}
