/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/ec.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

static struct tpm_token *token;
static struct tpmtoken_key key;

static const char *const curves[] = {"P-256", "P-384"};

static const struct p11_curve *curve(const char *name)
{
    return p11_curve_by_name(name, strlen(name));
}

static void open_with(int way, const char *name, bool derive)
{
    const struct key_request request = {
        .type = CKK_EC, .curve = curve(name), .sign = true, .derive = derive, .private = true};

    token = tpmtoken_open(way);
    tpmtoken_generate(&request, &key);
    test_tpm_count_reset();
}

static void close_token(void)
{
    tpmtoken_free(&key);
    tpmtoken_close();
}

/* A key for one agreement, and the secret as libcrypto has it from the other side. */
static void make_peer(struct public_key *peer, struct bytes *secret)
{
    *peer = (struct public_key){.type = CKK_EC, .curve = key.public.curve};
    assert_rv(soft_ecdh_ephemeral(&key.public, &peer->point, secret), CKR_OK);
}

START_TEST(both_sides_come_to_the_same_secret_which_is_not_seen)
{
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        open_with(_i, curves[i], true);
        for (unsigned round = 0; round < 3; round++) {
            struct public_key peer;
            struct bytes wanted;
            struct bytes secret;

            make_peer(&peer, &wanted);
            test_tpm_count_reset();
            assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_OK);
            ck_assert_uint_eq(secret.size, key.public.curve->field_size);
            ck_assert(bytes_equal(secret.data, secret.size, wanted.data, wanted.size));
            ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_ECDH_ZGen), 1);
            ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
            if (round != 0) /* the key is loaded */
                ck_assert_uint_eq(test_tpm_count()->total, 2);
            ck_assert(!tpmtoken_recorded(secret.data, 16));
            ck_assert(tpmtoken_recorded(peer.point.data + 1, 16));
            bytes_free(&wanted);
            bytes_free(&secret);
            public_key_free(&peer);
        }
        close_token();
    }
}
END_TEST

/* One secret in 256 begins with a zero, which has to stay. */
START_TEST(leading_zeros_of_the_secret_are_kept)
{
    bool seen = false;

    open_with(1, "P-256", true);
    for (unsigned i = 0; i < 5000 && !seen; i++) {
        struct public_key peer;
        struct bytes wanted;
        struct bytes secret;

        make_peer(&peer, &wanted);
        seen = wanted.data[0] == 0;
        if (seen) {
            assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_OK);
            ck_assert(bytes_equal(secret.data, secret.size, wanted.data, wanted.size));
            bytes_free(&secret);
        }
        bytes_free(&wanted);
        public_key_free(&peer);
    }
    ck_assert(seen);
    close_token();
}
END_TEST

START_TEST(points_that_are_none_are_refused)
{
    struct public_key peer;
    struct bytes wanted;
    struct bytes secret;

    open_with(0, "P-256", true);
    make_peer(&peer, &wanted);
    peer.point.data[40] ^= 1;
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_ptr_null(secret.data);
    test_tpm_count_reset();
    peer.curve = curve("P-384");
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_MECHANISM_PARAM_INVALID);
    peer.curve = curve("P-256");
    peer.point.size--;
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_MECHANISM_PARAM_INVALID);
    peer.point.size++;
    peer.type = CKK_RSA;
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    bytes_free(&wanted);
    public_key_free(&peer);
    close_token();
}
END_TEST

START_TEST(a_key_without_derive_is_refused)
{
    struct public_key peer;
    struct bytes wanted;
    struct bytes secret;

    open_with(0, "P-256", false);
    make_peer(&peer, &wanted);
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "CKA_DERIVE"));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    bytes_free(&wanted);
    public_key_free(&peer);
    close_token();
}
END_TEST

START_TEST(a_changed_answer_is_no_secret)
{
    struct public_key peer;
    struct bytes wanted;
    struct bytes secret;

    open_with(0, "P-256", true);
    make_peer(&peer, &wanted);
    test_tpm_count()->flip_command = TPM2_CC_ECDH_ZGen;
    test_tpm_count()->flip_bit = 8 * 30;
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "changed on the way"));
    ck_assert_ptr_null(secret.data);
    bytes_free(&wanted);
    public_key_free(&peer);
    close_token();
}
END_TEST

START_TEST(a_session_that_does_not_come_about_is_no_bad_point)
{
    struct public_key peer;
    struct bytes wanted;
    struct bytes secret;

    open_with(1, "P-256", true);
    make_peer(&peer, &wanted);
    test_tpm_count()->inject_command = TPM2_CC_StartAuthSession;
    test_tpm_count()->inject_times = 9;
    test_tpm_count()->inject_code = TPM2_RC_ECC_POINT | TPM2_RC_P | TPM2_RC_2;
    assert_rv(tpm_backend.derive(token, key.key, &peer, &secret), CKR_DEVICE_ERROR);
    test_tpm_count_reset();
    bytes_free(&wanted);
    public_key_free(&peer);
    close_token();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/derive");
    TCase *t = tcase_create("derive");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, both_sides_come_to_the_same_secret_which_is_not_seen, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, leading_zeros_of_the_secret_are_kept);
    tcase_add_test(t, points_that_are_none_are_refused);
    tcase_add_test(t, a_key_without_derive_is_refused);
    tcase_add_test(t, a_changed_answer_is_no_secret);
    tcase_add_test(t, a_session_that_does_not_come_about_is_no_bad_point);
    suite_add_tcase(s, t);
    return s;
}
