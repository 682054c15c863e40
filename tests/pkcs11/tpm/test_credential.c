/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/credential.h"

#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "pkcs11/tpm/backend.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "tests/support/credential.h"
#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PASSWORD "endorsement-password-to-look-for"

/* A token's instance without the layers above it. */
static struct token_conf conf;
static struct tpm_token *token;
static struct tpm_key *ek;
static struct tpm_key *srk;

static struct test_credential made;
static uint8_t wire[TEST_CREDENTIAL_MAXIMUM];
static struct bytes blob = {wire, 0};
static struct bytes block;

static void make(void)
{
    struct token_conf process = {0};

    unsetenv("CREDENTIALS_DIRECTORY");
    test_tpm_start();
    mkdir(support_path("token"), 0700);
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
    ck_assert_uint_eq(soft_start(), CKR_OK);
    ck_assert_uint_eq(token_conf_set(&process, "tcti", getenv("DEVID_TCTI")), CKR_OK);
    ck_assert_msg(tpm_backend.init(&conf, &process) == CKR_OK, "%s", p11_failure_text());
    ck_assert_uint_eq(token_conf_set(&conf, "tcti", getenv("DEVID_TCTI")), CKR_OK);
    token_conf_free(&process);
}

static void drop(void)
{
    token_conf_free(&conf);
}

static void assert_rv(CK_RV rv, CK_RV wanted)
{
    ck_assert_msg(rv == wanted, "0x%lx instead of 0x%lx: %s", rv, wanted, p11_failure_text());
}

static CK_RV adopt_key(void *data, const struct device_object *object)
{
    void *key = NULL;

    (void)data;
    if (object->public == NULL)
        return CKR_OK;
    assert_rv(tpm_backend.adopt(token, &object->area, object->handle, object->public, &key), CKR_OK);
    if (strcmp(object->name, "tpm-ek-rsa") == 0)
        ek = key;
    else if (strcmp(object->name, "tpm-srk") == 0)
        srk = key;
    else
        tpm_backend.drop(token, key);
    return CKR_OK;
}

static void open_token(void)
{
    void *instance;

    assert_rv(tpm_backend.open(&conf, support_path("token"), &instance), CKR_OK);
    token = instance;
}

static void close_token(void)
{
    tpm_backend.drop(token, ek);
    tpm_backend.drop(token, srk);
    tpm_backend.close(token);
}

static size_t area_of(const struct tpm_key *key, uint8_t *out)
{
    struct bytes area;
    size_t size;

    assert_rv(tpm_backend.key_attribute(key, 0x80000000UL | 0x44560000UL | 2, &area), CKR_OK);
    memcpy(out, area.data, area.size);
    size = area.size;
    bytes_free(&area);
    return size;
}

static void make_blob(void)
{
    uint8_t ek_area[sizeof(TPM2B_PUBLIC)];
    uint8_t srk_area[sizeof(TPM2B_PUBLIC)];
    size_t ek_size = area_of(ek, ek_area);
    size_t srk_size = area_of(srk, srk_area);

    blob.size = test_credential_make(&made, ek_area, ek_size, srk_area, srk_size, wire);
}

static void up_with(bool persist)
{
    p11_failure_clear();
    open_token();
    assert_rv(tpm_backend.device_objects(token, persist, adopt_key, NULL), CKR_OK);
    ck_assert_ptr_nonnull(ek);
    ck_assert_ptr_nonnull(srk);
    made = test_credential_known();
    make_blob();
    ck_assert_int_eq(support_shell(NULL, "rm -f %s", support_path("traffic")), 0);
    tpm_backend.close(token); /* the traffic begins with the next connection */
    open_token();
    p11_failure_clear();
    test_tpm_count_reset();
}

static void up(void)
{
    up_with(false);
}

static void down(void)
{
    bytes_free(&block);
    close_token();
}

/* --- TPM2_HMAC with the key that came out */

struct mac {
    TPM2_HANDLE key;
    TPM2B_DIGEST digest;
};

static TSS2_RC prepare_hmac(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_MAX_BUFFER data = {.size = 5, .buffer = "hello"};
    const struct mac *mac = arguments;

    return Tss2_Sys_HMAC_Prepare(sys, mac->key, &data, TPM2_ALG_SHA256);
}

static TSS2_RC complete_hmac(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_HMAC_Complete(sys, result);
}

static TSS2_RC hmac_with(struct tpm *tpm, TPM2_HANDLE handle, void *data)
{
    static const struct tpm_command command = {"HMAC", prepare_hmac, complete_hmac, 1};
    struct mac *mac = data;

    mac->key = handle;
    mac->digest.size = 0;
    return tpm_execute(tpm, &command, mac, &mac->digest);
}

static void assert_block_is_the_key(void)
{
    struct tpm_key key = {.auth = NULL};
    struct tss_key file;
    struct mac mac = {0};
    uint8_t wanted[32];

    assert_rv(soft_tss_key_read(&block, &file), CKR_OK);
    ck_assert(file.empty_auth);
    ck_assert_uint_eq(file.parent, token->parent);
    assert_rv(tpm_created_read(&file, &key.public_area, &key.private_area), CKR_OK);
    assert_rv(tpm_public_name(&key.public_area, &key.name), CKR_OK);
    key.parent = file.parent;
    assert_rv(tpm_with_key(token, &key, "test", hmac_with, &mac), CKR_OK);
    tpm_flush_key(token->tpm, &key);
    HMAC(EVP_sha256(), made.key, sizeof made.key, (const unsigned char *)"hello", 5, wanted, NULL);
    ck_assert_uint_eq(mac.digest.size, sizeof wanted);
    ck_assert_mem_eq(mac.digest.buffer, wanted, sizeof wanted);
    tss_key_free(&file);
}

static bool was_seen(const void *text, size_t text_size)
{
    size_t size;
    char *traffic = support_read(support_path("traffic"), &size);
    bool seen = memmem(traffic, size, text, text_size) != NULL;

    free(traffic);
    return seen;
}

/* --- the wrapping that the tests do, against published vectors */

static void assert_hex(const uint8_t *data, size_t size, const char *wanted)
{
    char *hex = malloc(2 * size + 1);

    bytes_to_hex(data, size, hex);
    ck_assert_str_eq(hex, wanted);
    free(hex);
}

START_TEST(the_tests_own_wrapping_gives_the_known_answers)
{
    struct test_credential known = test_credential_known();
    uint8_t name[34] = {0x00, 0x0b};
    uint8_t out[512];
    size_t size;

    memset(name + 2, 0xaa, 32);
    size = test_credential_identity(&known, name, out);
    assert_hex(
        out, size,
        "00340020b6a8b530f23e4a64b9b2919170065137d6feab4a9b8d33fd80f4e6dc3c2968761e7a2af23c7f4558468b383"
        "41fd19e3b684f");
    size = test_credential_public(&known, out);
    assert_hex(
        out, size,
        "00300008000b0004044000000005000b0020adfafc05aac733fe9509f43bd1d158c882890351c7f343634c8ef9ea42c"
        "db505");
    size = test_credential_duplicate(&known, out);
    assert_hex(
        out, size,
        "008e00201252bd5f8c3a5f62de05cdb70d5169fc9b3bf239792d1052105a32308ec02dd4dde945fde19c5cbc588a8db"
        "ca195bcdada8ac278ba96536be8f40ba7b99601c79b42f945ee7cc04e1f589d96dcc4a1fe1b13267c2d0e80ff6149da"
        "a63ae9f5d3ff4d12335d92ac6566a4a02085426a5167d159de36956f1d7eb7692412f0b59c9cb47c649168ba1be6c71"
        "b83");
}
END_TEST

/* --- opening */

START_TEST(the_key_of_a_credential_signs_in_the_tpm)
{
    ck_assert_uint_eq(blob.size, 766);
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    assert_block_is_the_key();
}
END_TEST

START_TEST(a_public_area_with_a_policy_and_any_sixth_field_are_taken)
{
    static const size_t user_data[] = {0, 1, 8, 190};

    for (int policy = 0; policy < 2; policy++) {
        for (size_t i = 0; i < 4; i++) {
            made.duplicate_policy = policy != 0;
            made.user_data = user_data[i];
            made.key[0]++;
            make_blob();
            ck_assert_uint_eq(blob.size, (policy != 0 ? 798U : 766U) + user_data[i]);
            bytes_free(&block);
            assert_rv(tpm_credential_open(token, ek, NULL, &blob, &block), CKR_OK);
            assert_block_is_the_key();
        }
    }
}
END_TEST

START_TEST(opening_costs_what_it_must_and_leaves_nothing)
{
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 1); /* the EK, which is not persistent */
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PolicySecret), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_ActivateCredential), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 7);
    tpm_backend.idle(token);
    close_token();
    ck_assert_int_eq(support_shell(NULL,
                                   "test -z \"$(tpm2_getcap -T %s handles-transient; tpm2_getcap -T %s "
                                   "handles-loaded-session)\"",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
    up();
}
END_TEST

START_TEST(the_inner_key_does_not_cross_the_bus)
{
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    ck_assert(was_seen(wire, 54)); /* the credential does: the record is not empty */
    ck_assert(!was_seen(made.inner_key, sizeof made.inner_key));
    ck_assert(!was_seen(made.key, sizeof made.key));
}
END_TEST

START_TEST(without_protection_it_costs_a_session_less)
{
    token->bus.protection = TPM_PROTECT_NEVER;
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 6);
    ck_assert(was_seen(made.inner_key, sizeof made.inner_key)); /* this is what the session is for */
    assert_block_is_the_key();
}
END_TEST

START_TEST(all_may_be_protected)
{
    token->bus.protection = TPM_PROTECT_ALWAYS;
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    assert_block_is_the_key();
}
END_TEST

/* --- refusals */

START_TEST(a_blob_cut_anywhere_is_refused_without_asking_the_tpm)
{
    size_t whole = blob.size;

    for (size_t size = 0; size < whole; size++) {
        uint8_t *copy = malloc(size != 0 ? size : 1);
        struct bytes cut = {copy, size};

        memcpy(copy, wire, size);
        assert_rv(tpm_credential_open(token, ek, srk, &cut, &block),
                  size == 0 ? CKR_WRAPPED_KEY_LEN_RANGE : CKR_WRAPPED_KEY_INVALID);
        ck_assert_ptr_null(block.data);
        free(copy);
    }
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    blob.size = whole + 1;
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_WRAPPED_KEY_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(a_blob_longer_than_any_is_refused)
{
    struct bytes large;

    ck_assert(bytes_alloc(&large, 5000));
    assert_rv(tpm_credential_open(token, ek, srk, &large, &block), CKR_WRAPPED_KEY_LEN_RANGE);
    bytes_free(&large);
}
END_TEST

/* A bit in each byte; the TPM is asked only where the form is still good. Field 6 is nobody's. */
START_TEST(a_changed_blob_is_refused_and_never_a_device_error)
{
    unsigned opened = 0;

    close_token();
    up_with(true);
    token->bus.protection = TPM_PROTECT_NEVER; /* fewer commands, the same answers */
    for (size_t i = 0; i < blob.size; i++) {
        CK_RV rv;

        wire[i] ^= (uint8_t)(1U << i % 8);
        p11_failure_clear();
        rv = tpm_credential_open(token, ek, srk, &blob, &block);
        wire[i] ^= (uint8_t)(1U << i % 8);
        opened += rv == CKR_OK;
        bytes_free(&block);
        ck_assert_msg(rv == CKR_OK || rv == CKR_WRAPPED_KEY_INVALID, "byte %zu: 0x%lx %s", i, rv,
                      p11_failure_text());
    }
    ck_assert_uint_eq(opened, 0);
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    assert_block_is_the_key();
}
END_TEST

/* With libtpms a padding that is wrong looks like a broken TPM. One that is broken still is. */
START_TEST(a_tpm_in_failure_mode_is_told_from_a_changed_blob)
{
    struct tcti_count *count = test_tpm_count();

    count->inject_command = TPM2_CC_ReadPublic;
    count->inject_times = 1;
    count->inject_code = TPM2_RC_FAILURE;
    wire[100] ^= 1;
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(count->inject_times, 0);
    p11_failure_clear();
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_WRAPPED_KEY_INVALID);
}
END_TEST

START_TEST(keys_that_are_not_the_right_ones_are_refused)
{
    assert_rv(tpm_credential_open(token, srk, srk, &blob, &block), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    assert_rv(tpm_credential_open(token, ek, ek, &blob, &block), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(a_key_that_is_no_hmac_key_is_refused)
{
    uint8_t *scheme = memmem(wire, blob.size, "\x00\x08\x00\x0b\x00\x04\x04\x40\x00\x00\x00\x05", 12);

    ck_assert_ptr_nonnull(scheme);
    scheme[11] = 0x10; /* TPM_ALG_NULL has no hash: what follows no longer fits */
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_WRAPPED_KEY_INVALID);
    scheme[11] = 0x05;
    scheme[6] = 0x00; /* no userWithAuth, no sign */
    scheme[7] = 0x00;
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_WRAPPED_KEY_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

/* --- the endorsement key's place and its hierarchy's password */

START_TEST(a_persistent_endorsement_key_is_used_where_it_is)
{
    close_token();
    up_with(true);
    ck_assert_uint_ne(ek->persistent, 0);
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 5);
    assert_block_is_the_key();
    bytes_free(&block);
    ck_assert_int_eq(support_shell(NULL,
                                   "tpm2_evictcontrol -Q -T %s -C o -c 0x81010001; tpm2_evictcontrol -Q "
                                   "-T %s -C o -c 0x81010002",
                                   test_tpm_tcti(), test_tpm_tcti()),
                     0);
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK); /* it is made anew */
    assert_block_is_the_key();
}
END_TEST

static void set_password(const char *before, const char *after)
{
    ck_assert_int_eq(
        support_shell(NULL, "tpm2_changeauth -T %s -c endorsement %s %s", test_tpm_tcti(), before, after), 0);
}

START_TEST(the_endorsement_password_is_needed_and_stays_secret)
{
    set_password("", PASSWORD);
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_DEVICE_ERROR);
    ck_assert_msg(strstr(p11_failure_text(), "endorsement-auth") != NULL, "%s", p11_failure_text());
    ck_assert_uint_eq(token_conf_set(&conf, "endorsement-auth", PASSWORD), CKR_OK);
    tpm_backend.close(token);
    open_token();
    p11_failure_clear();
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    assert_block_is_the_key();
    ck_assert(!was_seen(PASSWORD, strlen(PASSWORD)));
    ck_assert_uint_eq(token_conf_set(&conf, "endorsement-auth", ""), CKR_OK);
    tpm_backend.close(token);
    set_password("-p " PASSWORD, "");
    open_token();
}
END_TEST

/* Whatever step a TPM fails at, the answer is a device error, and neither session nor key is left. */
START_TEST(a_tpm_that_fails_midway_is_a_device_error_and_nothing_is_left)
{
    static const TPM2_CC commands[] = {TPM2_CC_CreatePrimary, TPM2_CC_StartAuthSession, TPM2_CC_PolicySecret,
                                       TPM2_CC_ActivateCredential, TPM2_CC_Import};
    struct tcti_count *count = test_tpm_count();

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        test_tpm_count_reset();
        count->inject_command = commands[i];
        count->inject_times = 1;
        count->inject_code = TPM2_RC_NV_UNAVAILABLE;
        p11_failure_clear();
        assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_DEVICE_ERROR);
        ck_assert_str_ne(p11_failure_text(), "");
    }
    test_tpm_count_reset();
    assert_rv(tpm_credential_open(token, ek, srk, &blob, &block), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 7); /* no slot was short */
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("credential");
    TCase *t = tcase_create("credential");

    tcase_add_unchecked_fixture(t, make, drop);
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, the_tests_own_wrapping_gives_the_known_answers);
    tcase_add_test(t, the_key_of_a_credential_signs_in_the_tpm);
    tcase_add_test(t, a_public_area_with_a_policy_and_any_sixth_field_are_taken);
    tcase_add_test(t, opening_costs_what_it_must_and_leaves_nothing);
    tcase_add_test(t, the_inner_key_does_not_cross_the_bus);
    tcase_add_test(t, without_protection_it_costs_a_session_less);
    tcase_add_test(t, all_may_be_protected);
    tcase_add_test(t, a_blob_cut_anywhere_is_refused_without_asking_the_tpm);
    tcase_add_test(t, a_blob_longer_than_any_is_refused);
    tcase_add_test(t, a_changed_blob_is_refused_and_never_a_device_error);
    tcase_add_test(t, a_tpm_in_failure_mode_is_told_from_a_changed_blob);
    tcase_add_test(t, keys_that_are_not_the_right_ones_are_refused);
    tcase_add_test(t, a_key_that_is_no_hmac_key_is_refused);
    tcase_add_test(t, a_persistent_endorsement_key_is_used_where_it_is);
    tcase_add_test(t, the_endorsement_password_is_needed_and_stays_secret);
    tcase_add_test(t, a_tpm_that_fails_midway_is_a_device_error_and_nothing_is_left);
    suite_add_tcase(s, t);
    return s;
}
