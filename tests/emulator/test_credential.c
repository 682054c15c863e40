/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/credential.h"
#include "tests/support/support.h"

#include <openssl/rsa.h>
#include <string.h>

/* The known answers that were checked against a TPM: all inputs are patterns. */
static struct emu_credential_secrets secrets;
static uint8_t name[EMU_TPM_NAME_SIZE] = {0x00, 0x0b};
static uint8_t key[EMU_CREDENTIAL_KEY_SIZE];
static struct bytes made;

static void setup(void)
{
    for (size_t i = 0; i < EMU_TPM_HASH_SIZE; i++) {
        secrets.seed[i] = (uint8_t)i;
        secrets.duplicate_seed[i] = (uint8_t)(0x20 + i);
    }
    for (size_t i = 0; i < EMU_TPM_AES_SIZE; i++)
        secrets.inner_key[i] = (uint8_t)i;
    memset(secrets.seed_value, 0x22, sizeof secrets.seed_value);
    memset(key, 0x11, sizeof key);
    memset(name + 2, 0xaa, EMU_TPM_HASH_SIZE);
    made = BYTES_EMPTY;
}

static void teardown(void)
{
    bytes_free(&made);
}

static void assert_hex(const struct bytes *bytes, const char *hex)
{
    char text[1024];

    ck_assert_uint_lt(bytes->size, sizeof text / 2);
    bytes_to_hex(bytes->data, bytes->size, text);
    ck_assert_str_eq(text, hex);
}

START_TEST(kdfa_gives_the_known_keys)
{
    uint8_t out[EMU_TPM_HASH_SIZE];
    struct bytes context = {.data = name, .size = sizeof name};
    struct bytes shown = {.data = out, .size = EMU_TPM_AES_SIZE};

    ck_assert(emu_tpm_kdfa(secrets.seed, "STORAGE", &context, EMU_TPM_AES_SIZE, out));
    assert_hex(&shown, "0415b32b6f43896a87e7b29be8f2ac14");
    ck_assert(emu_tpm_kdfa(secrets.seed, "INTEGRITY", NULL, EMU_TPM_HASH_SIZE, out));
    shown.size = EMU_TPM_HASH_SIZE;
    assert_hex(&shown, "bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e");
    ck_assert(emu_tpm_kdfa(secrets.duplicate_seed, "INTEGRITY", NULL, EMU_TPM_HASH_SIZE, out));
    assert_hex(&shown, "a59f83ebb69b4d9e96423384c6688d561897e006de455f849a5f147faf8c7cdb");
    ck_assert(!emu_tpm_kdfa(secrets.seed, "STORAGE", &context, EMU_TPM_HASH_SIZE + 1, out));
}
END_TEST

START_TEST(identity_object_is_the_known_one)
{
    ck_assert(emu_credential_identity(&secrets, name, &made));
    assert_hex(&made, "00340020b6a8b530f23e4a64b9b2919170065137d6feab4a9b8d33fd80f4e6dc3c296876"
                      "1e7a2af23c7f4558468b38341fd19e3b684f");
}
END_TEST

START_TEST(public_area_is_the_known_one)
{
    ck_assert(emu_credential_public(&secrets, key, &made));
    assert_hex(&made, "0030"
                      "0008000b0004044000000005000b0020adfafc05aac733fe9509f43bd1d158c882890351c7f343634c8ef9"
                      "ea42cdb505");
}
END_TEST

START_TEST(duplicate_is_the_known_one)
{
    struct bytes public;

    ck_assert(emu_credential_public(&secrets, key, &public));
    ck_assert(emu_credential_duplicate(&secrets, key, &public, &made));
    bytes_free(&public);
    assert_hex(
        &made,
        "008e00201252bd5f8c3a5f62de05cdb70d5169fc9b3bf239792d1052105a32308ec02dd4"
        "dde945fde19c5cbc588a8dbca195bcdada8ac278ba96536be8f40ba7b99601c79b42f945ee7cc04e1f589d96dcc4a1fe1b"
        "13267c2d0e80ff6149daa63ae9f5d3ff4d12335d92ac6566a4a02085426a5167d159de36956f1d7eb7692412f0b59c9cb4"
        "7c649168ba1be6c71b83");
}
END_TEST

static struct emu_tpm_public fresh_key(uint8_t fill)
{
    struct emu_tpm_public public = {.key = EVP_RSA_gen(2048)};

    ck_assert_ptr_nonnull(public.key);
    memset(public.name, fill, sizeof public.name);
    return public;
}

/* The sizes of the six parts for RSA-2048, and no user data. */
START_TEST(blob_has_the_layout_of_the_service)
{
    static const uint16_t sizes[] = {52, 256, 142, 256, 48, 0};
    struct emu_tpm_public ek = fresh_key(1);
    struct emu_tpm_public srk = fresh_key(2);
    struct bytes again;
    struct reader reader;

    ck_assert(emu_credential_make(&ek, &srk, key, &made));
    ck_assert_uint_eq(made.size, 766);
    reader_init(&reader, made.data, made.size);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert_uint_eq(reader_u16(&reader), sizes[i]);
        reader_take(&reader, sizes[i]);
    }
    ck_assert(reader_done(&reader));
    ck_assert(emu_credential_make(&ek, &srk, key, &again));
    ck_assert(!bytes_equal(made.data, 54, again.data, 54)); /* nothing random is used twice */
    bytes_free(&again);
    emu_tpm_public_free(&ek);
    emu_tpm_public_free(&srk);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("credential");
    TCase *t = tcase_create("credential");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, kdfa_gives_the_known_keys);
    tcase_add_test(t, identity_object_is_the_known_one);
    tcase_add_test(t, public_area_is_the_known_one);
    tcase_add_test(t, duplicate_is_the_known_one);
    tcase_add_test(t, blob_has_the_layout_of_the_service);
    suite_add_tcase(s, t);
    return s;
}
