/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/encrypt.h"
#include "pkcs11/soft/verify.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/keyarea.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

/* Keys that another program made, with an auth value of their own, in a token without a PIN. */

static struct tpm_token *token;
static struct tpmtoken_key key;
static uint8_t right_bytes[] = "the key's own auth";
static uint8_t wrong_bytes[] = "another auth";
static const struct bytes right = {right_bytes, sizeof right_bytes - 1};
static const struct bytes wrong = {wrong_bytes, sizeof wrong_bytes - 1};

static const struct key_request ec_request = {.type = CKK_EC, .sign = true, .derive = true};
static const struct key_request rsa_request = {.type = CKK_RSA, .bits = 2048, .sign = true, .decrypt = true};

/* `guarded`: wrong guesses count for the TPM's lockout. */
static void open_with(int way, const struct key_request *request, bool guarded)
{
    struct key_request whole = *request;
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.userAuth.size = (UINT16)right.size};
    TPM2B_PUBLIC template = {0};
    struct tpm_created created;

    support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti());
    token = tpmtoken_open(way);
    whole.curve = p11_curve_by_name("P-256", 5);
    assert_rv(tpm_key_area(&whole, &template.publicArea), CKR_OK);
    if (guarded)
        template.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_NODA;
    memcpy(sensitive.sensitive.userAuth.buffer, right.data, right.size);
    assert_rv(tpm_create(token, "make a key", &sensitive, &template, &created), CKR_OK);
    key = (struct tpmtoken_key){0};
    assert_rv(tpm_created_block(token, &created, TSS_KEY_LOADABLE, false, &key.block), CKR_OK);
    tpmtoken_load(&key);
    test_tpm_count_reset();
}

static void close_token(void)
{
    ck_assert(!tpmtoken_recorded(right.data, right.size));
    tpmtoken_free(&key);
    tpmtoken_close();
}

static CK_RV sign(const struct bytes *auth)
{
    const struct p11_parameters parameters = {.auth = *auth};
    uint8_t digest[32] = "what is signed";
    uint8_t signature[64];
    CK_RV rv = tpm_backend.sign(token, key.key, SCHEME_ECDSA, &parameters, digest, sizeof digest, signature,
                                sizeof signature);

    if (rv == CKR_OK)
        assert_rv(soft_verify(&key.public, SCHEME_ECDSA, &parameters, digest, sizeof digest, signature),
                  CKR_OK);
    return rv;
}

START_TEST(the_auth_is_checked_and_used_and_never_seen)
{
    open_with(_i, &ec_request, false);
    ck_assert(tpm_backend.has_own_auth(key.key));
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
    test_tpm_count_reset();
    assert_rv(sign(&right), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
    close_token();
}
END_TEST

START_TEST(a_wrong_auth_is_an_incorrect_pin)
{
    open_with(_i, &ec_request, false);
    assert_rv(tpm_backend.authenticate(token, key.key, &wrong), CKR_PIN_INCORRECT);
    assert_rv(tpm_backend.authenticate(token, key.key, &BYTES_EMPTY), CKR_PIN_INCORRECT);
    assert_rv(sign(&wrong), CKR_DEVICE_ERROR);
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_OK);
    assert_rv(sign(&right), CKR_OK);
    close_token();
}
END_TEST

START_TEST(too_long_an_auth_costs_no_command)
{
    uint8_t bytes[33] = "x";
    const struct bytes longer = {bytes, sizeof bytes};

    open_with(0, &ec_request, false);
    assert_rv(tpm_backend.authenticate(token, key.key, &longer), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    close_token();
}
END_TEST

START_TEST(guesses_that_count_lock_the_tpm)
{
    CK_RV rv = CKR_PIN_INCORRECT;

    open_with(0, &ec_request, true);
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_OK);
    for (int i = 0; i < 10 && rv == CKR_PIN_INCORRECT; i++)
        rv = tpm_backend.authenticate(token, key.key, &wrong);
    ck_assert_uint_eq(rv, CKR_PIN_LOCKED);
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_PIN_LOCKED);
    support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti());
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_OK);
    close_token();
}
END_TEST

START_TEST(rsa_keys_of_all_uses_take_it)
{
    const struct p11_parameters parameters = {.hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .auth = right};
    const struct p11_parameters long_salt = {
        .hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .salt_length = 7, .auth = right};
    uint8_t digest[32] = "what is signed";
    uint8_t signature[256];
    struct bytes block;
    struct bytes out;

    open_with(_i, &rsa_request, false);
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_OK);
    assert_rv(
        tpm_backend.sign(token, key.key, SCHEME_PKCS1, &parameters, digest, sizeof digest, signature, 256),
        CKR_OK);
    assert_rv(tpm_backend.sign(token, key.key, SCHEME_PSS, &long_salt, digest, sizeof digest, signature, 256),
              CKR_OK);
    assert_rv(soft_verify(&key.public, SCHEME_PSS, &long_salt, digest, sizeof digest, signature), CKR_OK);
    assert_rv(soft_encrypt(&key.public, SCHEME_OAEP, &parameters, digest, sizeof digest, &block), CKR_OK);
    assert_rv(tpm_backend.decrypt(token, key.key, SCHEME_OAEP, &parameters, block.data, block.size, &out),
              CKR_OK);
    ck_assert(bytes_equal(out.data, out.size, digest, sizeof digest));
    bytes_free(&out);
    assert_rv(tpm_backend.decrypt(token, key.key, SCHEME_PKCS1, &parameters, block.data, block.size, &out),
              CKR_OK); /* no oracle here either */
    bytes_free(&block);
    bytes_free(&out);
    close_token();
}
END_TEST

START_TEST(it_cannot_be_given_to_a_derivation)
{
    struct bytes secret;

    open_with(0, &ec_request, false);
    assert_rv(tpm_backend.derive(token, key.key, &key.public, &secret), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    close_token();
}
END_TEST

/* A failure that says nothing of the authorization is neither a right nor a wrong one. */
START_TEST(other_failures_are_the_devices)
{
    open_with(0, &ec_request, false);
    test_tpm_count()->inject_command = TPM2_CC_Sign;
    test_tpm_count()->inject_times = 9;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_DEVICE_ERROR);
    test_tpm_count()->inject_command = TPM2_CC_StartAuthSession;
    test_tpm_count()->inject_times = 9;
    test_tpm_count()->inject_code = TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2;
    assert_rv(tpm_backend.authenticate(token, key.key, &right), CKR_DEVICE_ERROR);
    test_tpm_count_reset();
    close_token();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/ownauth");
    TCase *t = tcase_create("ownauth");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, the_auth_is_checked_and_used_and_never_seen, 0, 4);
    tcase_add_loop_test(t, a_wrong_auth_is_an_incorrect_pin, 0, 2);
    tcase_add_test(t, too_long_an_auth_costs_no_command);
    tcase_add_test(t, guesses_that_count_lock_the_tpm);
    tcase_add_loop_test(t, rsa_keys_of_all_uses_take_it, 0, 2);
    tcase_add_test(t, it_cannot_be_given_to_a_derivation);
    tcase_add_test(t, other_failures_are_the_devices);
    suite_add_tcase(s, t);
    return s;
}
