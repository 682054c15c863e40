/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/hmac.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"
#include "tests/support/tpmtoken.h"

#include <tss2/tss2_tpm2_types.h>

static struct tpm_token *token;
static struct tpmtoken_key key;
static uint8_t value[256];
static uint8_t message[5000];

static void make(void)
{
    tpmtoken_make();
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(7 * i + 1);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * i + i / 256);
}

static CK_RV import(CK_KEY_TYPE type, size_t size)
{
    struct attributes attributes = {0};
    CK_RV rv;

    assert_rv(attributes_set_ulong(&attributes, CKA_KEY_TYPE, type), CKR_OK);
    assert_rv(attributes_set(&attributes, CKA_VALUE, value, size), CKR_OK);
    key = (struct tpmtoken_key){0};
    rv = tpm_backend.import(token, &attributes, &key.block);
    attributes_free(&attributes);
    return rv;
}

static CK_RV mac_with(enum p11_hash hash, size_t size, uint8_t *mac)
{
    const struct p11_parameters parameters = {.hash = hash};

    return tpm_hmac(token, key.key, &parameters, message, size, mac, soft_hash_size(hash));
}

static void assert_mac(enum p11_hash hash, size_t key_size, size_t size)
{
    const struct soft_piece piece = {message, size};
    uint8_t wanted[HASH_SIZE_MAXIMUM];
    uint8_t mac[HASH_SIZE_MAXIMUM];

    assert_rv(soft_hmac(hash, value, key_size, &piece, 1, wanted), CKR_OK);
    assert_rv(mac_with(hash, size, mac), CKR_OK);
    ck_assert_msg(memcmp(mac, wanted, soft_hash_size(hash)) == 0, "hash %d, key of %zu, message of %zu bytes",
                  (int)hash, key_size, size);
}

/* --- keys that come from outside
 * ------------------------------------------------------------------------------------ */

static const struct {
    CK_KEY_TYPE type;
    enum p11_hash hash;
} types[] = {
    {CKK_SHA_1_HMAC,     HASH_SHA1  },
    {CKK_SHA256_HMAC,    HASH_SHA256},
    {CKK_SHA384_HMAC,    HASH_SHA384},
    {CKK_SHA512_HMAC,    HASH_SHA512},
    {CKK_GENERIC_SECRET, HASH_SHA256},
};

#define TYPES (sizeof types / sizeof types[0])

START_TEST(keys_of_all_sizes_make_the_macs_of_libcrypto)
{
    static const size_t sizes[] = {1, 16, 32, 64, 65, 100, 128, 129, 200};

    token = tpmtoken_open(0);
    for (size_t t = 0; t < TYPES; t++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_rv(import(types[t].type, sizes[i]), CKR_OK);
            tpmtoken_load(&key);
            ck_assert_uint_eq(key.public.type, types[t].type);
            ck_assert_uint_eq(key.public.size, sizes[i]);
            assert_mac(types[t].hash, sizes[i], 50);
            tpmtoken_free(&key);
        }
    }
    tpmtoken_close();
}
END_TEST

START_TEST(messages_of_all_sizes_take_as_few_commands_as_can_be)
{
    static const struct {
        size_t size;
        unsigned commands;
    } rows[] = {
        {0,    1},
        {1,    1},
        {1024, 1},
        {1025, 3},
        {2048, 3},
        {2049, 4},
        {5000, 6},
    };

    token = tpmtoken_open(_i);
    assert_rv(import(CKK_GENERIC_SECRET, 32), CKR_OK);
    tpmtoken_load(&key);
    assert_mac(HASH_SHA256, 32, 1); /* the key is loaded */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_tpm_count_reset();
        assert_mac(HASH_SHA256, 32, rows[i].size);
        ck_assert_msg(test_tpm_count()->total == rows[i].commands + tpmtoken_sessions(false),
                      "%zu bytes: %u commands", rows[i].size, test_tpm_count()->total);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), tpmtoken_sessions(false));
    }
    ck_assert(!tpmtoken_recorded(value, 12));
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(taking_a_key_in_is_one_command)
{
    token = tpmtoken_open(0);
    assert_rv(import(CKK_SHA256_HMAC, 32), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
    bytes_free(&key.block);
    tpmtoken_close();
}
END_TEST

/* --- keys that are made here
 * ----------------------------------------------------------------------------------------- */

static void generate(CK_KEY_TYPE type, size_t size, unsigned commands)
{
    const struct key_request request = {.type = type, .size = size, .sign = true, .private = true};

    test_tpm_count_reset();
    tpmtoken_generate(&request, &key);
    ck_assert_uint_eq(test_tpm_count()->total, commands);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
    ck_assert_uint_eq(key.public.type, type);
    ck_assert_uint_eq(key.public.size, size);
}

static const struct {
    CK_KEY_TYPE type;
    size_t size;
    bool by_tpm; /* it has the size that the TPM chooses, or one that is hashed */
} made[] = {
    {CKK_SHA256_HMAC,    32,  true },
    {CKK_SHA_1_HMAC,     20,  true },
    {CKK_SHA512_HMAC,    64,  true },
    {CKK_SHA256_HMAC,    100, true },
    {CKK_GENERIC_SECRET, 32,  true },
    {CKK_SHA256_HMAC,    33,  false},
    {CKK_GENERIC_SECRET, 20,  false},
    {CKK_GENERIC_SECRET, 64,  false},
    {CKK_GENERIC_SECRET, 128, true },
    {CKK_GENERIC_SECRET, 129, true },
};

START_TEST(generated_keys_are_all_different_and_stay_the_same)
{
    uint8_t macs[2 * sizeof made / sizeof made[0]][20];
    uint8_t again[20];
    size_t count = 0;

    token = tpmtoken_open(_i);
    generate(CKK_SHA256_HMAC, 32,
             _i == 1 || _i == 3 || _i == 5 ? 2 + tpmtoken_sessions(false) : 1 + tpmtoken_sessions(false));
    tpmtoken_free(&key);
    for (size_t i = 0; i < 2 * sizeof made / sizeof made[0]; i++) {
        const size_t row = i / 2;
        enum p11_hash hash = made[row].type == CKK_SHA512_HMAC  ? HASH_SHA512
                             : made[row].type == CKK_SHA_1_HMAC ? HASH_SHA1
                                                                : HASH_SHA256;
        uint8_t mac[HASH_SIZE_MAXIMUM];
        struct bytes block;

        generate(made[row].type, made[row].size, 1 + tpmtoken_sessions(!made[row].by_tpm));
        assert_rv(mac_with(hash, 20, mac), CKR_OK);
        memcpy(macs[count++], mac, 20);
        ck_assert(bytes_copy(&block, key.block.data, key.block.size));
        tpmtoken_free(&key);
        key = (struct tpmtoken_key){.block = block};
        tpmtoken_load(&key);
        assert_rv(mac_with(hash, 20, mac), CKR_OK);
        memcpy(again, mac, 20);
        ck_assert_mem_eq(again, macs[count - 1], 20);
        for (size_t k = 0; k + 1 < count; k++)
            ck_assert_msg(memcmp(macs[k], again, 20) != 0, "%zu and %zu", k, count - 1);
        tpmtoken_free(&key);
    }
    tpmtoken_close();
}
END_TEST

/* --- refusals
 * ------------------------------------------------------------------------------------------------ */

START_TEST(keys_that_a_tpm_has_not_are_refused)
{
    static const struct key_request requests[] = {
        {.type = CKK_SHA224_HMAC, .size = 28, .sign = true},
        {.type = CKK_DES3,        .size = 24, .sign = true},
    };
    struct bytes block;

    token = tpmtoken_open(0);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        assert_rv(tpm_backend.generate(token, &requests[i], &block), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(import(CKK_SHA224_HMAC, 28), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
}
END_TEST

START_TEST(a_key_that_may_not_sign_is_refused)
{
    static const struct key_request request = {.type = CKK_GENERIC_SECRET, .size = 32, .derive = true};
    struct bytes block;

    token = tpmtoken_open(0);
    assert_rv(tpm_backend.generate(token, &request, &block), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpm_backend.close(token);
}
END_TEST

START_TEST(a_key_of_one_hash_makes_no_other_macs)
{
    uint8_t mac[HASH_SIZE_MAXIMUM];

    token = tpmtoken_open(0);
    assert_rv(import(CKK_SHA256_HMAC, 32), CKR_OK);
    tpmtoken_load(&key);
    test_tpm_count_reset();
    assert_rv(mac_with(HASH_SHA1, 3, mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(mac_with(HASH_SHA224, 3, mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "CKK_SHA512_HMAC"));
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(a_generic_key_makes_macs_with_every_hash_of_the_tpm)
{
    static const enum p11_hash all[] = {HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512};
    static const size_t sizes[] = {1, 20, 32, 64, 65, 80, 127, 128};
    uint8_t mac[HASH_SIZE_MAXIMUM];
    uint8_t again[HASH_SIZE_MAXIMUM];

    token = tpmtoken_open(_i);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        assert_rv(import(CKK_GENERIC_SECRET, sizes[s]), CKR_OK);
        tpmtoken_load(&key);
        for (size_t h = 0; h < sizeof all / sizeof all[0]; h++) {
            assert_mac(all[h], sizes[s], 50);
            assert_mac(all[h], sizes[s], 3000);
        }
        assert_rv(mac_with(HASH_SHA224, 3, mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
        tpmtoken_free(&key);
    }
    generate(CKK_GENERIC_SECRET, 32, 1 + tpmtoken_sessions(false));
    assert_rv(mac_with(HASH_SHA512, 20, mac), CKR_OK);
    assert_rv(mac_with(HASH_SHA512, 20, again), CKR_OK);
    ck_assert_mem_eq(mac, again, 64);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

START_TEST(a_generic_key_that_is_too_long_for_the_tpm_is_for_sha256)
{
    uint8_t mac[HASH_SIZE_MAXIMUM];

    token = tpmtoken_open(0);
    assert_rv(import(CKK_GENERIC_SECRET, 129), CKR_OK);
    tpmtoken_load(&key);
    assert_mac(HASH_SHA256, 129, 50);
    assert_rv(mac_with(HASH_SHA512, 3, mac), CKR_KEY_FUNCTION_NOT_PERMITTED);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

/* What a failure in the middle leaves behind is flushed; tpmtoken_close looks. */
START_TEST(a_sequence_that_fails_is_given_up)
{
    uint8_t mac[HASH_SIZE_MAXIMUM];

    token = tpmtoken_open(_i);
    assert_rv(import(CKK_GENERIC_SECRET, 32), CKR_OK);
    tpmtoken_load(&key);
    test_tpm_count()->inject_command = TPM2_CC_SequenceUpdate;
    test_tpm_count()->inject_after = 1;
    test_tpm_count()->inject_times = 1;
    test_tpm_count()->inject_code = TPM2_RC_HIERARCHY;
    assert_rv(mac_with(HASH_SHA256, 5000, mac), CKR_DEVICE_ERROR);
    test_tpm_count_reset();
    assert_mac(HASH_SHA256, 32, 5000);
    tpmtoken_free(&key);
    tpmtoken_close();
}
END_TEST

/* With two keys in the three slots there is room for one sequence under a persistent parent, and none under
 * one that takes a slot itself. */
START_TEST(short_slots_are_made_free)
{
    struct tpmtoken_key other;

    token = tpmtoken_open(_i);
    assert_rv(import(CKK_GENERIC_SECRET, 32), CKR_OK);
    other = key;
    tpmtoken_load(&other);
    assert_rv(import(CKK_GENERIC_SECRET, 32), CKR_OK);
    tpmtoken_load(&key);
    for (int round = 0; round < 2; round++) {
        struct tpmtoken_key swapped = key;

        assert_mac(HASH_SHA256, 32, 5000);
        key = other;
        other = swapped;
    }
    tpmtoken_free(&key);
    tpmtoken_free(&other);
    tpmtoken_close();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pkcs11/tpm/hmac");
    TCase *t = tcase_create("hmac");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, make, tpmtoken_drop);
    tcase_add_test(t, keys_of_all_sizes_make_the_macs_of_libcrypto);
    tcase_add_loop_test(t, messages_of_all_sizes_take_as_few_commands_as_can_be, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, taking_a_key_in_is_one_command);
    tcase_add_loop_test(t, generated_keys_are_all_different_and_stay_the_same, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, keys_that_a_tpm_has_not_are_refused);
    tcase_add_test(t, a_key_that_may_not_sign_is_refused);
    tcase_add_loop_test(t, a_generic_key_makes_macs_with_every_hash_of_the_tpm, 0, TPMTOKEN_WAYS);
    tcase_add_test(t, a_generic_key_that_is_too_long_for_the_tpm_is_for_sha256);
    tcase_add_test(t, a_key_of_one_hash_makes_no_other_macs);
    tcase_add_loop_test(t, a_sequence_that_fails_is_given_up, 0, TPMTOKEN_WAYS);
    tcase_add_loop_test(t, short_slots_are_made_free, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
