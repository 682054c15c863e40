/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a policy guards: bound to PCRs here, and with the policies of other programs. */
#include "pkcs11/soft/tsskey.h"
#include "pkcs11/soft/verify.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

static struct tpm_token *token;
static struct key_request request = {.type = CKK_EC, .sign = true, .private = true};
static uint8_t text[] = "sha256:7,23";

static void open_token(int way)
{
    token = tpmtoken_open(way);
    request.curve = p11_curve_by_name("P-256", 5);
    request.pcrs = (struct bytes){text, sizeof text - 1};
}

static CK_RV sign(const struct tpmtoken_key *key)
{
    const struct p11_parameters parameters = {0};
    uint8_t digest[32] = "what is signed";
    uint8_t signature[64];
    CK_RV rv = tpm_backend.sign(token, key->key, SCHEME_ECDSA, &parameters, digest, sizeof digest, signature,
                                sizeof signature);

    if (rv == CKR_OK)
        assert_rv(soft_verify(&key->public, SCHEME_ECDSA, &parameters, digest, sizeof digest, signature),
                  CKR_OK);
    return rv;
}

/* PCR 23 is the one that may be reset. */
static void change_pcr(void)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrextend -T %s 23:sha256=%064d", test_tpm_tcti(), 1), 0);
}

static void reset_pcr(void)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_pcrreset -T %s 23", test_tpm_tcti()), 0);
}

START_TEST(a_key_signs_while_its_pcrs_are_as_they_were)
{
    struct tpmtoken_key key;

    open_token(_i);
    reset_pcr();
    tpmtoken_generate(&request, &key);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PCR_Read), 1);
    test_tpm_count_reset();
    assert_rv(sign(&key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PolicyPCR), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PolicyAuthValue), token->has_pin ? 1 : 0);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
    assert_rv(sign(&key), CKR_OK); /* the policy is executed for each use */
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PolicyPCR), 2);
    change_pcr();
    test_tpm_count_reset();
    assert_rv(sign(&key), CKR_FUNCTION_REJECTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "the PCRs have changed"));
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PolicyPCR), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 0);
    reset_pcr();
    assert_rv(sign(&key), CKR_OK);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

/* Without the file's policy the TPM does not let the key sign: it is not the file that guards it. */
START_TEST(the_tpm_itself_asks_for_the_policy)
{
    struct tpmtoken_key key;
    struct tpmtoken_key bare = {0};
    struct tss_key file;

    open_token(0);
    tpmtoken_generate(&request, &key);
    assert_rv(soft_tss_key_read(&key.block, &file), CKR_OK);
    ck_assert_uint_eq(file.policy_count, 1);
    bytes_free(&file.policy[0].command);
    file.policy_count = 0;
    assert_rv(soft_tss_key_write(&file, &bare.block), CKR_OK);
    tss_key_free(&file);
    tpmtoken_load(&bare);
    assert_rv(sign(&bare), CKR_FUNCTION_REJECTED);
    tpmtoken_free(&bare);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(pcrs_that_are_none_are_refused)
{
    static const char *const texts[] = {"sha256",     "sha256:",    "sha256:24", "sha256:0,",
                                        "sha256:,0",  "sha256:0,0", "md5:0",     "0,7",
                                        "sha256:007", "sha256:-1",  "sha256:0 ", "sha256:0;7"};
    struct bytes block;

    open_token(0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        request.pcrs = (struct bytes){(uint8_t *)(uintptr_t)texts[i], strlen(texts[i])};
        assert_rv(tpm_backend.generate_pair(token, &request, &block), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpmtoken_close();
}
END_TEST

START_TEST(many_pcrs_take_more_than_one_reading)
{
    static uint8_t many[] = "sha256:0,1,2,3,4,5,6,7,8,9,10,11";
    struct tpmtoken_key key;

    open_token(0);
    request.pcrs = (struct bytes){many, sizeof many - 1};
    tpmtoken_generate(&request, &key);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_PCR_Read), 2);
    assert_rv(sign(&key), CKR_OK);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

/* Policies in the file of a key that was made for another. */
static const struct {
    const char *what;
    uint32_t code;
    uint8_t wire[12];
    size_t size;
    CK_RV load;
    const char *words;
} rows[] = {
    {"PolicyAuthorize",  TPM2_CC_PolicyAuthorize,   {0},                         0, CKR_DATA_INVALID, "PolicyAuthorize"},
    {"no such command",  0x7fffffff,                {0},                         0, CKR_DATA_INVALID, "0x7fffffff"     },
    {"half a hierarchy", TPM2_CC_PolicySecret,      {0x40, 0},                   2, CKR_DATA_INVALID, "broken"         },
    {"a key's secret",   TPM2_CC_PolicySecret,      {0x81, 0, 0, 1},             4, CKR_DATA_INVALID, "broken"         },
    {"an empty command", TPM2_CC_PolicyPCR,         {0},                         0, CKR_DATA_INVALID, "broken"         },
    {"no PCR list",      TPM2_CC_PolicyPCR,         {0, 0, 0, 0, 0, 0},          6, CKR_DATA_INVALID, "broken"         },
    {"too many",         TPM2_CC_PolicyAuthValue,   {1},                         1, CKR_DATA_INVALID, "broken"         },
    {"the owner",        TPM2_CC_PolicySecret,      {0x40, 0, 0, 1},             4, CKR_OK,           "not the one"    },
    {"the owner's Name", TPM2_CC_PolicySecret,      {0, 4, 0x40, 0, 0, 1, 0, 0}, 8, CKR_OK,           "not the one"    },
    {"the null",         TPM2_CC_PolicySecret,      {0x40, 0, 0, 7},             4, CKR_DATA_INVALID, "broken"         },
    {"another command",  TPM2_CC_PolicyCommandCode, {0, 0, 1, 0x57},             4, CKR_OK,           "not the one"    },
    {"the auth value",   TPM2_CC_PolicyAuthValue,   {0},                         0, CKR_OK,           "not the one"    },
};

START_TEST(other_policies)
{
    struct tpmtoken_key key;
    struct tpmtoken_key other = {0};
    struct tss_key file;
    CK_RV rv;

    open_token(0);
    tpmtoken_generate(&request, &key);
    assert_rv(soft_tss_key_read(&key.block, &file), CKR_OK);
    bytes_free(&file.policy[0].command);
    file.policy[0].code = rows[_i].code;
    ck_assert(bytes_copy(&file.policy[0].command, rows[_i].wire, rows[_i].size));
    assert_rv(soft_tss_key_write(&file, &other.block), CKR_OK);
    tss_key_free(&file);
    rv = tpm_backend.load(token, &other.block, &other.key, &other.public);
    assert_rv(rv, rows[_i].load);
    if (rv == CKR_OK) {
        assert_rv(sign(&other), CKR_FUNCTION_REJECTED);
        ck_assert_uint_eq(test_tpm_count_of(rows[_i].code), 1);
        tpm_backend.drop(token, other.key);
        public_key_free(&other.public);
    }
    ck_assert_msg(strstr(p11_failure_text(), rows[_i].words) != NULL, "%s: %s", rows[_i].what,
                  p11_failure_text());
    bytes_free(&other.block);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/policy");
    TCase *t = tcase_create("policy");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, a_key_signs_while_its_pcrs_are_as_they_were, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, the_tpm_itself_asks_for_the_policy);
    tcase_add_test(t, pcrs_that_are_none_are_refused);
    tcase_add_test(t, many_pcrs_take_more_than_one_reading);
    tcase_add_loop_test(t, other_policies, 0, (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(s, t);
    return s;
}
