/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/seal.h"
#include "tests/support/tpmtoken.h"

#include <malloc.h>

static uint8_t auth_bytes[32] = "auth value, that nobody may see";
static uint8_t data_bytes[32] = "sealed data, no more public tha";
static const struct bytes auth = {auth_bytes, sizeof auth_bytes};
static const struct bytes data = {data_bytes, sizeof data_bytes};

/* Whether the system API has kept the bytes in its buffer. */
static bool is_kept(const struct tpm_token *token, const struct bytes *secret)
{
    const struct tpm *tpm = token->tpm;

    return memmem(tpm->sys, malloc_usable_size(tpm->sys), secret->data, secret->size) != NULL;
}

/* Whatever is said afterwards is shorter than what the secret stands behind. */
START_TEST(nothing_secret_stays_in_the_buffer)
{
    struct tpm_token *token = tpmtoken_open(_i);
    struct bytes block;
    struct bytes opened;

    assert_rv(tpm_seal(token, &auth, &data, &block), CKR_OK);
    ck_assert(!is_kept(token, &auth));
    ck_assert(!is_kept(token, &data));
    assert_rv(tpm_unseal(token, &block, &auth, &opened), CKR_OK);
    ck_assert(bytes_equal(opened.data, opened.size, data.data, data.size));
    ck_assert(!is_kept(token, &auth));
    ck_assert(!is_kept(token, &data));
    bytes_free(&opened);
    bytes_free(&block);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("command");
    TCase *t = tcase_create("command");

    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_checked_fixture(t, NULL, tpmtoken_close);
    tcase_add_loop_test(t, nothing_secret_stays_in_the_buffer, 0, TPMTOKEN_WAYS);
    suite_add_tcase(s, t);
    return s;
}
