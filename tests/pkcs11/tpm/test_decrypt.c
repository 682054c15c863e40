/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/encrypt.h"
#include "common/rvname.h"
#include "pkcs11/tpm/create.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

#define BLOCK 256

static struct tpm_token *token;
static struct tpmtoken_key key;
static uint8_t text[] = "what nobody on the bus may read";

static const struct key_request rsa = {.type = CKK_RSA, .bits = 8 * BLOCK, .decrypt = true, .private = true};

static void open_with(int way, const struct key_request *request)
{
    token = tpmtoken_open(way);
    tpmtoken_generate(request, &key);
    test_tpm_count_reset();
}

static void close_token(void)
{
    tpmtoken_free(&key);
    tpmtoken_close();
}

static CK_RV decrypt(enum p11_scheme scheme, const struct p11_parameters *parameters, const uint8_t *block,
                     struct bytes *out)
{
    static const struct p11_parameters none;

    return tpm_backend.decrypt(token, key.key, scheme, parameters != NULL ? parameters : &none, block, BLOCK,
                               out);
}

static void encrypt(enum p11_scheme scheme, const struct p11_parameters *parameters, const void *data,
                    size_t size, struct bytes *block)
{
    assert_rv(soft_encrypt(&key.public, scheme, parameters, data, size, block), CKR_OK);
}

/* --- what libcrypto encrypts
 * ---------------------------------------------------------------------------------- */

static uint8_t tpm_label[] = "a label";
static uint8_t any_label[] = "\0 in a label, and none at its end";

static const struct form {
    const char *name;
    enum p11_scheme scheme;
    struct p11_parameters parameters;
} forms[] = {
    {"PKCS#1",                        SCHEME_PKCS1, {0}                                                                                       },
    {"OAEP SHA-1",                    SCHEME_OAEP,  {.hash = HASH_SHA1, .mgf_hash = HASH_SHA1}                                                },
    {"OAEP SHA-256",                  SCHEME_OAEP,  {.hash = HASH_SHA256, .mgf_hash = HASH_SHA256}                                            },
    {"OAEP SHA-256, a TPM's label",
     SCHEME_OAEP,                                   {.hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .label = {tpm_label, sizeof tpm_label}}    },
    {"OAEP SHA-256, any label",
     SCHEME_OAEP,                                   {.hash = HASH_SHA256, .mgf_hash = HASH_SHA256, .label = {any_label, sizeof any_label - 1}}},
    {"OAEP SHA-512, MGF1 with SHA-1", SCHEME_OAEP,  {.hash = HASH_SHA512, .mgf_hash = HASH_SHA1}                                              },
    {"OAEP SHA-224",                  SCHEME_OAEP,  {.hash = HASH_SHA224, .mgf_hash = HASH_SHA224}                                            },
};

#define FORMS (sizeof forms / sizeof forms[0])

START_TEST(each_form_is_decrypted_by_one_command_and_none_is_seen)
{
    static const size_t sizes[] = {0, 1, sizeof text, 256 - 2 - 2 * 64};
    uint8_t longest[BLOCK];
    struct bytes block;
    struct bytes out;

    open_with(_i, &rsa);
    memset(longest, 0x6d, sizeof longest);
    memcpy(longest, text, sizeof text);
    for (size_t f = 0; f < FORMS; f++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            encrypt(forms[f].scheme, &forms[f].parameters, longest, sizes[s], &block);
            test_tpm_count_reset();
            assert_rv(decrypt(forms[f].scheme, &forms[f].parameters, block.data, &out), CKR_OK);
            ck_assert_msg(bytes_equal(out.data, out.size, longest, sizes[s]), "%s, %zu bytes", forms[f].name,
                          sizes[s]);
            ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_RSA_Decrypt), 1);
            ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
            if (f != 0 || s != 0) /* the key is loaded */
                ck_assert_uint_eq(test_tpm_count()->total, 2);
            bytes_free(&block);
            bytes_free(&out);
        }
    }
    ck_assert(!tpmtoken_recorded(text, 16));
    close_token();
}
END_TEST

START_TEST(the_bare_operation_keeps_leading_zeros)
{
    uint8_t number[BLOCK] = {0, 0, 0, 5};
    struct bytes block;
    struct bytes out;

    open_with(_i, &rsa);
    memcpy(number + 100, text, sizeof text);
    encrypt(SCHEME_RAW, NULL, number, BLOCK, &block);
    assert_rv(decrypt(SCHEME_RAW, NULL, block.data, &out), CKR_OK);
    ck_assert(bytes_equal(out.data, out.size, number, BLOCK));
    ck_assert(!tpmtoken_recorded(text, 16));
    bytes_free(&block);
    bytes_free(&out);
    close_token();
}
END_TEST

/* --- broken paddings
 * ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *what;
    size_t offset;
    uint8_t value;
} bent[] = {
    {"the first byte is not 0",     0,  1},
    {"the second byte is not 2",    1,  1},
    {"a zero in the padding",       2,  0},
    {"a zero at the padding's end", 9,  0},
    {"no zero behind the padding",  20, 7},
};

/* The answer looks like a message, is always the same, and costs no more commands than a good one. */
START_TEST(broken_pkcs1_looks_like_a_message)
{
    struct bytes block;
    struct bytes first;
    struct bytes out;

    open_with(0, &rsa);
    for (size_t i = 0; i < sizeof bent / sizeof bent[0]; i++) {
        uint8_t number[BLOCK];

        memset(number, 0x33, sizeof number);
        number[0] = 0;
        number[1] = 2;
        number[20] = 0;
        number[bent[i].offset] = bent[i].value;
        encrypt(SCHEME_RAW, NULL, number, BLOCK, &block);
        assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &first), CKR_OK);
        test_tpm_count_reset();
        assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &out), CKR_OK);
        ck_assert_uint_eq(test_tpm_count()->total, 2);
        ck_assert_msg(bytes_equal(out.data, out.size, first.data, first.size), "%s", bent[i].what);
        ck_assert_msg(out.size == 0 || memmem(number, BLOCK, out.data, out.size < 8 ? out.size : 8) == NULL,
                      "%s", bent[i].what);
        bytes_free(&block);
        bytes_free(&first);
        bytes_free(&out);
    }
    close_token();
}
END_TEST

START_TEST(broken_oaep_is_refused)
{
    struct bytes block;
    struct bytes out;

    open_with(_i, &rsa);
    for (size_t made = 1; made < FORMS; made++) {
        encrypt(forms[made].scheme, &forms[made].parameters, text, sizeof text, &block);
        for (size_t taken = 1; taken < FORMS; taken++) {
            CK_RV rv = decrypt(forms[taken].scheme, &forms[taken].parameters, block.data, &out);

            ck_assert_msg(rv == (made == taken ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID), "%s as %s: %s (%s)",
                          forms[made].name, forms[taken].name, rv_name(rv), p11_failure_text());
            bytes_free(&out);
        }
        bytes_free(&block);
    }
    close_token();
}
END_TEST

/* --- keys of other programs, which are bound to one scheme
 * -------------------------------------------------------- */

static void open_bound(int way, TPMI_ALG_RSA_SCHEME scheme)
{
    const TPM2B_PUBLIC template = {
        .publicArea = {
                       .type = TPM2_ALG_RSA,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA |
                                TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                TPMA_OBJECT_DECRYPT, .parameters.rsaDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                     .scheme = {.scheme = scheme, .details.oaep.hashAlg = TPM2_ALG_SHA256},
                                     .keyBits = 8 * BLOCK}}
    };
    struct tpm_created created;

    token = tpmtoken_open(way);
    key = (struct tpmtoken_key){0};
    assert_rv(tpm_create(token, "make a key", NULL, &template, &created), CKR_OK);
    assert_rv(tpm_created_block(token, &created, TSS_KEY_LOADABLE, true, &key.block), CKR_OK);
    tpmtoken_load(&key);
    test_tpm_count_reset();
}

START_TEST(a_key_bound_to_oaep_does_the_tpms_own)
{
    struct bytes block;
    struct bytes out;

    open_bound(_i, TPM2_ALG_OAEP);
    for (size_t f = 2; f < 4; f++) {
        encrypt(SCHEME_OAEP, &forms[f].parameters, text, sizeof text, &block);
        assert_rv(decrypt(SCHEME_OAEP, &forms[f].parameters, block.data, &out), CKR_OK);
        ck_assert(bytes_equal(out.data, out.size, text, sizeof text));
        bytes_free(&out);
        assert_rv(decrypt(SCHEME_OAEP, &forms[5 - f].parameters, block.data, &out),
                  CKR_ENCRYPTED_DATA_INVALID);
        assert_rv(decrypt(SCHEME_OAEP, &forms[4].parameters, block.data, &out), CKR_MECHANISM_PARAM_INVALID);
        assert_rv(decrypt(SCHEME_OAEP, &forms[5].parameters, block.data, &out), CKR_MECHANISM_PARAM_INVALID);
        bytes_free(&block);
    }
    ck_assert(!tpmtoken_recorded(text, 16));
    close_token();
}
END_TEST

START_TEST(a_key_bound_to_pkcs1_says_no_more_of_a_broken_padding)
{
    struct bytes block;
    struct bytes out;
    struct bytes again;

    open_bound(_i, TPM2_ALG_RSAES);
    for (size_t size = 0; size < sizeof text; size += 10) {
        encrypt(SCHEME_PKCS1, NULL, text, size, &block);
        assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &out), CKR_OK);
        ck_assert(bytes_equal(out.data, out.size, text, size));
        bytes_free(&block);
        bytes_free(&out);
    }
    encrypt(SCHEME_RAW, NULL, text, sizeof text, &block);
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &out), CKR_OK);
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &again), CKR_OK);
    ck_assert(bytes_equal(out.data, out.size, again.data, again.size));
    bytes_free(&block);
    bytes_free(&out);
    bytes_free(&again);
    close_token();
}
END_TEST

/* --- refusals
 * ------------------------------------------------------------------------------------------------ */

START_TEST(blocks_that_are_none_cost_no_command)
{
    uint8_t block[BLOCK];
    struct bytes out;

    open_with(0, &rsa);
    memset(block, 0xff, sizeof block);
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block, &out), CKR_ENCRYPTED_DATA_INVALID);
    assert_rv(tpm_backend.decrypt(token, key.key, SCHEME_RAW, &forms[0].parameters, block, BLOCK - 1, &out),
              CKR_ENCRYPTED_DATA_LEN_RANGE);
    assert_rv(decrypt(SCHEME_ECDSA, NULL, block, &out), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    close_token();
}
END_TEST

START_TEST(a_key_that_may_only_sign_does_not_decrypt)
{
    static const struct key_request signs = {.type = CKK_RSA, .bits = 2048, .sign = true};
    uint8_t block[BLOCK] = {0, 1};
    struct bytes out;

    open_with(0, &signs);
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block, &out), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "CKA_DECRYPT"));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    close_token();
}
END_TEST

/* --- the TPM's failures are no paddings
 * --------------------------------------------------------------------------- */

START_TEST(a_session_that_does_not_come_about_is_no_broken_padding)
{
    struct bytes block;
    struct bytes out;

    open_with(0, &rsa);
    encrypt(SCHEME_OAEP, &forms[1].parameters, text, sizeof text, &block);
    test_tpm_count()->inject_command = TPM2_CC_StartAuthSession;
    test_tpm_count()->inject_times = 9;
    test_tpm_count()->inject_code = TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_2;
    assert_rv(decrypt(SCHEME_OAEP, &forms[1].parameters, block.data, &out), CKR_DEVICE_ERROR);
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &out), CKR_DEVICE_ERROR);
    bytes_free(&block);
    test_tpm_count_reset();
    close_token();
}
END_TEST

START_TEST(a_changed_answer_is_no_message)
{
    struct bytes block;
    struct bytes out;

    open_with(0, &rsa);
    encrypt(SCHEME_PKCS1, NULL, text, sizeof text, &block);
    test_tpm_count()->flip_command = TPM2_CC_RSA_Decrypt;
    test_tpm_count()->flip_bit = 8 * 100;
    assert_rv(decrypt(SCHEME_PKCS1, NULL, block.data, &out), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "changed on the way"));
    bytes_free(&block);
    close_token();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/decrypt");
    TCase *t = tcase_create("decrypt");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, tpmtoken_make, tpmtoken_drop);
    tcase_add_loop_test(t, each_form_is_decrypted_by_one_command_and_none_is_seen, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, the_bare_operation_keeps_leading_zeros, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, broken_pkcs1_looks_like_a_message);
    tcase_add_loop_test(t, broken_oaep_is_refused, 0, 2);
    tcase_add_loop_test(t, a_key_bound_to_oaep_does_the_tpms_own, 0, 2);
    tcase_add_loop_test(t, a_key_bound_to_pkcs1_says_no_more_of_a_broken_padding, 0, 2);
    tcase_add_test(t, blocks_that_are_none_cost_no_command);
    tcase_add_test(t, a_key_that_may_only_sign_does_not_decrypt);
    tcase_add_test(t, a_session_that_does_not_come_about_is_no_broken_padding);
    tcase_add_test(t, a_changed_answer_is_no_message);
    suite_add_tcase(s, t);
    return s;
}
