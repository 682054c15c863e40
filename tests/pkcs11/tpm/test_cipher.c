/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/cipher.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

static struct tpm_token *token;
static struct tpmtoken_key key;
static uint8_t value[32];
static uint8_t iv_bytes[16];
static uint8_t text[5008];

static void make(void)
{
    tpmtoken_make();
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(11 * i + 3);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i + i / 256);
    memset(iv_bytes, 0xfe, sizeof iv_bytes); /* so that the counter carries soon */
}

static void import(size_t size)
{
    struct attributes attributes = {0};

    assert_rv(attributes_set_ulong(&attributes, CKA_KEY_TYPE, CKK_AES), CKR_OK);
    assert_rv(attributes_set(&attributes, CKA_VALUE, value, size), CKR_OK);
    key = (struct tpmtoken_key){0};
    assert_rv(tpm_backend.import(token, &attributes, &key.block), CKR_OK);
    attributes_free(&attributes);
    tpmtoken_load(&key);
    ck_assert_uint_eq(key.public.type, CKK_AES);
    ck_assert_uint_eq(key.public.size, size);
}

static const struct mode {
    enum p11_scheme scheme;
    const char *name;
    bool iv;
} modes[] = {
    {SCHEME_ECB, "ECB", false},
    {SCHEME_CBC, "CBC", true },
    {SCHEME_CTR, "CTR", true },
};

#define MODES (sizeof modes / sizeof modes[0])

static struct p11_parameters parameters_of(const struct mode *mode)
{
    return (struct p11_parameters){
        .iv = {iv_bytes, mode->iv ? sizeof iv_bytes : 0},
          .counter_width = 128
    };
}

static void libcrypto(const struct mode *mode, size_t key_size, size_t size, uint8_t *out)
{
    char name[32];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher;
    int made = 0;

    snprintf(name, sizeof name, "AES-%zu-%s", 8 * key_size, mode->name);
    cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    ck_assert_int_eq(EVP_EncryptInit_ex2(context, cipher, value, iv_bytes, NULL), 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    ck_assert_int_eq(EVP_EncryptUpdate(context, out, &made, text, (int)size), 1);
    ck_assert_int_eq(made, (int)size);
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(context);
}

/* In parts of the sizes given in turn, in place. */
static void run(const struct mode *mode, bool encrypt, uint8_t *data, size_t size, const size_t *parts,
                size_t count)
{
    const struct p11_parameters parameters = parameters_of(mode);
    void *stream;

    assert_rv(tpm_backend.stream_begin(token, key.key, mode->scheme, &parameters, encrypt, &stream), CKR_OK);
    for (size_t done = 0, i = 0; done < size; i++) {
        size_t part = parts[i % count] < size - done ? parts[i % count] : size - done;

        assert_rv(tpm_backend.stream_update(stream, data + done, part, data + done), CKR_OK);
        done += part;
    }
    tpm_backend.stream_end(stream);
}

static const size_t whole[] = {sizeof text};
static const size_t blocks[] = {16, 1024, 48, 2048, 160};
static const size_t odd[] = {1, 15, 17, 3, 1024, 5, 8, 100};

START_TEST(what_the_tpm_encrypts_is_what_libcrypto_does)
{
    static uint8_t wanted[sizeof text];
    static uint8_t data[sizeof text];
    static const size_t key_sizes[] = {16, 32};

    token = tpmtoken_open(_i);
    for (size_t k = 0; k < 2; k++) {
        import(key_sizes[k]);
        for (size_t m = 0; m < MODES; m++) {
            bool any = modes[m].scheme == SCHEME_CTR;

            libcrypto(&modes[m], key_sizes[k], sizeof text, wanted);
            for (int way = 0; way < 3; way++) {
                const size_t *parts = way == 0 ? whole : way == 1 || !any ? blocks : odd;
                size_t count = way == 0 ? 1 : way == 1 || !any ? 5 : 8;

                memcpy(data, text, sizeof text);
                run(&modes[m], true, data, sizeof text, parts, count);
                ck_assert_msg(memcmp(data, wanted, sizeof text) == 0, "%s, %d", modes[m].name, way);
                run(&modes[m], false, data, sizeof text, parts, count);
                ck_assert_msg(memcmp(data, text, sizeof text) == 0, "%s, %d", modes[m].name, way);
            }
        }
        tpmtoken_free(&key);
    }
    ck_assert(!tpmtoken_recorded(text + 100, 12));
    ck_assert(!tpmtoken_recorded(value, 12));
    ck_assert(tpmtoken_recorded(wanted + 100, 12));
    tpmtoken_close();
}
END_TEST

START_TEST(one_command_for_a_kilobyte_and_one_session)
{
    static const struct {
        size_t size;
        unsigned commands;
    } rows[] = {
        {16,   1},
        {1024, 1},
        {1040, 2},
        {5008, 5},
    };
    static uint8_t data[sizeof text];

    token = tpmtoken_open(_i);
    import(16);
    run(&modes[1], true, data, 16, whole, 1); /* the key is loaded */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int encrypt = 0; encrypt < 2; encrypt++) {
            test_tpm_count_reset();
            run(&modes[1], encrypt != 0, data, rows[i].size, whole, 1);
            ck_assert_msg(test_tpm_count()->total == rows[i].commands + 1, "%zu bytes: %u", rows[i].size,
                          test_tpm_count()->total);
            ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
        }
    }
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(generated_keys_are_made_by_the_tpm)
{
    const struct key_request request = {
        .type = CKK_AES, .size = 32, .encrypt = true, .decrypt = true, .private = true};
    uint8_t data[64];

    token = tpmtoken_open(_i);
    test_tpm_count_reset();
    tpmtoken_generate(&request, &key);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), tpmtoken_sessions(false));
    ck_assert_uint_eq(key.public.size, 32);
    memcpy(data, text, sizeof data);
    run(&modes[1], true, data, sizeof data, whole, 1);
    ck_assert(memcmp(data, text, sizeof data) != 0);
    run(&modes[1], false, data, sizeof data, whole, 1);
    ck_assert_mem_eq(data, text, sizeof data);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

/* --- refusals
 * ------------------------------------------------------------------------------------------------ */

START_TEST(modes_that_the_tpm_has_not_are_refused)
{
    static const struct p11_parameters none;
    void *stream;

    token = tpmtoken_open(0);
    import(16);
    test_tpm_count_reset();
    assert_rv(tpm_backend.stream_begin(token, key.key, SCHEME_GCM, &none, true, &stream),
              CKR_MECHANISM_INVALID);
    assert_rv(tpm_backend.stream_begin(token, key.key, SCHEME_CBC, &none, true, &stream),
              CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(a_tpm_that_does_not_encrypt_takes_no_aes_keys)
{
    const struct key_request request = {.type = CKK_AES, .size = 16, .encrypt = true, .decrypt = true};
    struct bytes block;

    token = tpmtoken_open(0);
    token->capability.aes_sizes = 0;
    assert_rv(tpm_backend.generate(token, &request, &block), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
}
END_TEST

START_TEST(a_failure_in_the_middle_changes_nothing)
{
    const struct p11_parameters parameters = parameters_of(&modes[1]);
    static uint8_t data[sizeof text];
    static uint8_t wanted[sizeof text];
    void *stream;

    token = tpmtoken_open(0);
    import(16);
    libcrypto(&modes[1], 16, sizeof text, wanted);
    memcpy(data, text, sizeof text);
    assert_rv(tpm_backend.stream_begin(token, key.key, SCHEME_CBC, &parameters, true, &stream), CKR_OK);
    test_tpm_count()->inject_command = TPM2_CC_EncryptDecrypt2;
    test_tpm_count()->inject_after = 2;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_HIERARCHY;
    assert_rv(tpm_backend.stream_update(stream, data, sizeof text, data), CKR_DEVICE_ERROR);
    ck_assert_mem_eq(data, text, sizeof text);
    test_tpm_count()->inject_after = 2;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = 0; /* the connection is lost, and opened anew */
    assert_rv(tpm_backend.stream_update(stream, data, sizeof text, data), CKR_OK);
    ck_assert_mem_eq(data, wanted, sizeof text);
    test_tpm_count_reset();
    tpm_backend.stream_end(stream);
    tpmtoken_free(&key);
    support_shell(
        NULL, "tpm2_flushcontext -T %s -t; tpm2_flushcontext -T %s -l", test_tpm_tcti(),
        test_tpm_tcti()); /* what the lost connection has left in a TPM without a resource manager */
    tpmtoken_close();
}
END_TEST

START_TEST(a_changed_answer_is_no_plain_text)
{
    const struct p11_parameters parameters = parameters_of(&modes[1]);
    uint8_t data[64] = {0};
    void *stream;

    token = tpmtoken_open(0);
    import(16);
    assert_rv(tpm_backend.stream_begin(token, key.key, SCHEME_CBC, &parameters, false, &stream), CKR_OK);
    test_tpm_count()->flip_command = TPM2_CC_EncryptDecrypt2;
    test_tpm_count()->flip_bit = 8 * 30;
    assert_rv(tpm_backend.stream_update(stream, data, sizeof data, data), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "changed on the way"));
    tpm_backend.stream_end(stream);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/cipher");
    TCase *t = tcase_create("cipher");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, tpmtoken_drop);
    tcase_add_loop_test(t, what_the_tpm_encrypts_is_what_libcrypto_does, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, one_command_for_a_kilobyte_and_one_session, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, generated_keys_are_made_by_the_tpm, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, modes_that_the_tpm_has_not_are_refused);
    tcase_add_test(t, a_tpm_that_does_not_encrypt_takes_no_aes_keys);
    tcase_add_test(t, a_failure_in_the_middle_changes_nothing);
    tcase_add_test(t, a_changed_answer_is_no_plain_text);
    suite_add_tcase(s, t);
    return s;
}
