/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/sas.h"
#include "emulator/text.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

#define DEVICE "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define EXPIRY 1800000000L

static const char device_key[] = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";

/* The same resource as different clients spell it; what is signed is the spelling. */
static const struct {
    const char *resource;
    const char *signature;
} spellings[] = {
    {"0ne00000A0A%2Fregistrations%2F" DEVICE, "4GJHpvoXE7IrtAejo0rxqZ6jTFaMtb0uhOVtHS4%2BBZ0%3D"    },
    {"0ne00000a0a%2fregistrations%2f" DEVICE, "URFHAhCWJoO0ZpWx6iSaBx3K3eQ%2fVtuvbDsch%2blSHlQ%3d"  },
    {"0ne00000A0A/registrations/" DEVICE,     "EP%2BZ99Qewq3gSSro%2FmBstaWPcOdOZ9Q5Wy6%2F043Uos4%3D"},
};
#define SPELLING_COUNT ((int)(sizeof spellings / sizeof spellings[0]))

static struct bytes key_of(const char *base64)
{
    struct bytes key;

    ck_assert(emu_base64_decode(base64, &key));
    return key;
}

static enum emu_sas_result verify(const char *token, const struct bytes *keys, size_t count, time_t now)
{
    struct emu_sas sas;
    enum emu_sas_result result;

    ck_assert_msg(emu_sas_parse(token, &sas), "%s", token);
    result = emu_sas_verify(&sas, keys, count, now);
    emu_sas_free(&sas);
    return result;
}

static const char *token_of(int spelling, const char *tail)
{
    static char token[512];

    snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%s&se=%ld%s", spellings[spelling].resource,
             spellings[spelling].signature, EXPIRY, tail);
    return token;
}

START_TEST(verifies_every_spelling)
{
    struct bytes key = key_of(device_key);
    struct emu_sas sas;

    ck_assert_int_eq(verify(token_of(_i, ""), &key, 1, EXPIRY - 10), EMU_SAS_VALID);
    ck_assert(emu_sas_parse(token_of(_i, "&skn=registration"), &sas));
    ck_assert_str_eq(sas.policy, "registration");
    ck_assert(emu_sas_covers(&sas, "0NE00000A0A/registrations/" DEVICE));
    emu_sas_free(&sas);
    bytes_free(&key);
}
END_TEST

START_TEST(order_of_the_fields_is_free)
{
    struct bytes key = key_of(device_key);
    char token[512];

    snprintf(token, sizeof token, "sharedaccesssignature  se=%ld&skn=registration&sig=%s&sr=%s", EXPIRY,
             spellings[0].signature, spellings[0].resource);
    ck_assert_int_eq(verify(token, &key, 1, EXPIRY), EMU_SAS_VALID);
    bytes_free(&key);
}
END_TEST

START_TEST(any_of_the_keys_will_do)
{
    struct bytes keys[3] = {key_of("AAAA"), key_of(device_key), key_of("AAAA")};

    ck_assert_int_eq(verify(token_of(0, ""), keys, 3, EXPIRY), EMU_SAS_VALID);
    ck_assert_int_eq(verify(token_of(0, ""), keys + 1, 2, EXPIRY), EMU_SAS_VALID);
    ck_assert_int_eq(verify(token_of(0, ""), keys, 1, EXPIRY), EMU_SAS_WRONG_KEY);
    ck_assert_int_eq(verify(token_of(0, ""), keys, 0, EXPIRY), EMU_SAS_WRONG_KEY);
    bytes_free(&keys[0]);
    bytes_free(&keys[1]);
    bytes_free(&keys[2]);
}
END_TEST

START_TEST(an_empty_key_signs_nothing)
{
    struct bytes key = BYTES_EMPTY;

    ck_assert_int_eq(verify(token_of(0, ""), &key, 1, EXPIRY), EMU_SAS_WRONG_KEY);
}
END_TEST

START_TEST(expires_with_some_patience)
{
    struct bytes key = key_of(device_key);

    ck_assert_int_eq(verify(token_of(0, ""), &key, 1, EXPIRY + EMU_SAS_SKEW_SECONDS), EMU_SAS_VALID);
    ck_assert_int_eq(verify(token_of(0, ""), &key, 1, EXPIRY + EMU_SAS_SKEW_SECONDS + 1), EMU_SAS_EXPIRED);
    bytes_free(&key);
}
END_TEST

START_TEST(expiry_is_part_of_what_is_signed)
{
    struct bytes key = key_of(device_key);
    char token[512];

    snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%s&se=%ld", spellings[0].resource,
             spellings[0].signature, EXPIRY + 1);
    ck_assert_int_eq(verify(token, &key, 1, EXPIRY), EMU_SAS_WRONG_KEY);
    snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%s&se=0%ld", spellings[0].resource,
             spellings[0].signature, EXPIRY);
    ck_assert_int_eq(verify(token, &key, 1, EXPIRY), EMU_SAS_WRONG_KEY);
    bytes_free(&key);
}
END_TEST

static const char *const malformed[] = {
    "",
    "Bearer x",
    "SharedAccessSignature",
    "SharedAccessSignature ",
    "SharedAccessSignaturesr=a&sig=AAAA&se=1",
    "SharedAccessSignature sr=a&sig=AAAA",
    "SharedAccessSignature sr=a&se=1",
    "SharedAccessSignature sig=AAAA&se=1",
    "SharedAccessSignature sr=&sig=AAAA&se=1",
    "SharedAccessSignature sr=a&sig=&se=1",
    "SharedAccessSignature sr=a&sig=AAA&se=1",
    "SharedAccessSignature sr=a&sig=A%3&se=1",
    "SharedAccessSignature sr=a%00b&sig=AAAA&se=1",
    "SharedAccessSignature sr=a&sig=AAAA&se=",
    "SharedAccessSignature sr=a&sig=AAAA&se=x",
    "SharedAccessSignature sr=a&sig=AAAA&se=-1",
    "SharedAccessSignature sr=a&sig=AAAA&se=1x",
    "SharedAccessSignature sr=a&sig=AAAA&se=99999999999999999999",
    "SharedAccessSignature sr=a&sr=b&sig=AAAA&se=1",
    "SharedAccessSignature sr=a&sig=AAAA&sig=BBBB&se=1",
    "SharedAccessSignature sr=a&sig=AAAA&se=1&se=2",
    "SharedAccessSignature sr=a&sig=AAAA&se=1&skn=a&skn=b",
    "SharedAccessSignature sr=a&sig=AAAA&se=1&other=b",
    "SharedAccessSignature sr=a&sig=AAAA&se=1&&",
};

START_TEST(malformed_tokens_are_no_tokens)
{
    struct emu_sas sas;

    ck_assert_msg(!emu_sas_parse(malformed[_i], &sas), "%s", malformed[_i]);
    ck_assert_ptr_null(sas.resource);
}
END_TEST

START_TEST(covers_itself_and_what_is_below)
{
    struct emu_sas sas;

    ck_assert(emu_sas_parse("SharedAccessSignature sr=Hub%2fdevices&sig=AAAA&se=1", &sas));
    ck_assert(emu_sas_covers(&sas, "hub/devices"));
    ck_assert(emu_sas_covers(&sas, "hub/devices/a"));
    ck_assert(!emu_sas_covers(&sas, "hub/devices2"));
    ck_assert(!emu_sas_covers(&sas, "hub"));
    emu_sas_free(&sas);
    ck_assert(emu_sas_parse("SharedAccessSignature sr=/&sig=AAAA&se=1", &sas));
    ck_assert(!emu_sas_covers(&sas, "hub"));
    emu_sas_free(&sas);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("sas");
    TCase *t = tcase_create("sas");

    tcase_add_loop_test(t, verifies_every_spelling, 0, SPELLING_COUNT);
    tcase_add_test(t, order_of_the_fields_is_free);
    tcase_add_test(t, any_of_the_keys_will_do);
    tcase_add_test(t, an_empty_key_signs_nothing);
    tcase_add_test(t, expires_with_some_patience);
    tcase_add_test(t, expiry_is_part_of_what_is_signed);
    tcase_add_loop_test(t, malformed_tokens_are_no_tokens, 0, (int)(sizeof malformed / sizeof malformed[0]));
    tcase_add_test(t, covers_itself_and_what_is_below);
    suite_add_tcase(s, t);
    return s;
}
