/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define GROUP_KEY "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define MEMBER_KEY "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define EXPIRY 1800000000

static unsigned put(const char *what, const char *id_member, const char *id, const char *attestation)
{
    char target[200];
    char body[1000];

    snprintf(target, sizeof target, "/%s/%s" SERVICE_VERSION, what, id);
    snprintf(body, sizeof body, "{\"%s\":\"%s\",\"attestation\":{\"type\":\"symmetricKey\",%s}}", id_member,
             id, attestation);
    return perform(
        &(struct call){.method = "PUT", .target = target, .body = body, .authorization = service_token()});
}

static unsigned put_device(const char *member)
{
    return put("enrollments", "registrationId", "dev", member);
}

static unsigned put_group(void)
{
    return put("enrollmentGroups", "enrollmentGroupId", "meters",
               "\"symmetricKey\":{\"primaryKey\":\"" GROUP_KEY "\",\"secondaryKey\":\"" MEMBER_KEY "\"}");
}

/* One register request with that token. */
static unsigned knock(const char *id, const char *authorization)
{
    char target[200];

    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/%s/register" DEVICE_VERSION, id);
    return perform(
        &(struct call){.method = "PUT", .target = target, .body = "{}", .authorization = authorization});
}

/* The tokens that were published with their signatures: the resource in three spellings. */
static const struct {
    const char *resource;
    const char *signature;
} published[] = {
    {"0ne00000A0A%2Fregistrations%2F" MEMBER, "4GJHpvoXE7IrtAejo0rxqZ6jTFaMtb0uhOVtHS4%2BBZ0%3D"  },
    {"0ne00000a0a%2fregistrations%2f" MEMBER, "URFHAhCWJoO0ZpWx6iSaBx3K3eQ%2fVtuvbDsch%2blSHlQ%3d"},
    {"0ne00000A0A/registrations/" MEMBER,     "EP+Z99Qewq3gSSro/mBstaWPcOdOZ9Q5Wy6/043Uos4="      },
};

START_TEST(published_tokens_open_the_group)
{
    char token[400];

    fixture_emulator.id_scope = "0ne00000A0A";
    fixture_emulator.clock_offset = EXPIRY - 100 - time(NULL);
    ck_assert_uint_eq(put_group(), 401); /* our own token is old by that clock */
    fixture_emulator.clock_offset = 0;
    ck_assert_uint_eq(put_group(), 200);
    fixture_emulator.clock_offset = EXPIRY - 100 - time(NULL);
    snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%s&se=%d&skn=registration",
             published[_i].resource, published[_i].signature, EXPIRY);
    ck_assert_uint_eq(
        perform(&(struct call){.method = "PUT",
                               .target = "/0ne00000A0A/registrations/" MEMBER "/register" DEVICE_VERSION,
                               .body = "{}",
                               .authorization = token}),
        202);
    fixture_emulator.clock_offset = EXPIRY + 1000 - time(NULL);
    ck_assert_uint_eq(
        perform(&(struct call){.method = "PUT",
                               .target = "/0ne00000A0A/registrations/" MEMBER "/register" DEVICE_VERSION,
                               .body = "{}",
                               .authorization = token}),
        401);
    ck_assert_msg(strstr(reply_message(), "has expired") != NULL, "%s", reply_message());
}
END_TEST

START_TEST(missing_keys_are_made_and_then_kept)
{
    static const struct call ask = {.method = "POST",
                                    .target = "/enrollments/dev/attestationmechanism" SERVICE_VERSION};
    struct call call = ask;
    char first[200];

    call.authorization = service_token();
    ck_assert_uint_eq(put_device("\"symmetricKey\":{\"primaryKey\":\"\"}"), 200);
    ck_assert_uint_eq(perform(&call), 200);
    snprintf(first, sizeof first, "%s",
             emu_json_text(json_object_get(reply_body(), "symmetricKey"), "primaryKey"));
    ck_assert_uint_eq(strlen(first), 88); /* 64 bytes */
    ck_assert_str_ne(emu_json_text(json_object_get(reply_body(), "symmetricKey"), "secondaryKey"), first);
    ck_assert_uint_eq(put_device("\"symmetricKey\":{}"), 200);
    ck_assert_uint_eq(perform(&call), 200);
    ck_assert_str_eq(emu_json_text(json_object_get(reply_body(), "symmetricKey"), "primaryKey"), first);
    ck_assert_uint_eq(put_device("\"symmetricKey\":{\"primaryKey\":\"" MEMBER_KEY "\"}"), 200);
    ck_assert_uint_eq(perform(&call), 200);
    ck_assert_str_eq(emu_json_text(json_object_get(reply_body(), "symmetricKey"), "primaryKey"), MEMBER_KEY);
}
END_TEST

START_TEST(keys_are_not_shown)
{
    const json_t *attestation;

    ck_assert_uint_eq(put_device("\"symmetricKey\":{\"primaryKey\":\"" MEMBER_KEY "\"}"), 200);
    attestation = json_object_get(reply_body(), "attestation");
    ck_assert_uint_eq(json_object_size(json_object_get(attestation, "symmetricKey")), 0);
}
END_TEST

static const char *const bad_keys[] = {
    "\"symmetricKey\":{\"primaryKey\":\"no base64!\"}",
    "\"symmetricKey\":{\"primaryKey\":\"c2hvcnQ=\"}",
    "\"symmetricKey\":{\"primaryKey\":7}",
    "\"symmetricKey\":{\"primaryKey\":\"" MEMBER_KEY "\",\"secondaryKey\":[]}",
    "\"symmetricKey\":7",
    "\"x\":{}",
};

START_TEST(bad_keys_are_refused)
{
    ck_assert_uint_eq(put_device(bad_keys[_i]), 400);
}
END_TEST

START_TEST(what_is_no_token_is_refused)
{
    static const char *const tokens[] = {"Basic YTpi", "SharedAccessSignature", "SharedAccessSignature sr=x",
                                         "SharedAccessSignature sr=x&sig=AAAA&se=never", ""};

    ck_assert_uint_eq(put_device("\"symmetricKey\":{}"), 200);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        ck_assert_uint_eq(knock("dev", tokens[i]), 401);
        ck_assert_int_eq(reply_error(), 401002);
    }
}
END_TEST

START_TEST(without_a_group_the_device_is_not_found)
{
    ck_assert_uint_eq(knock(MEMBER, service_token()), 404);
    ck_assert_int_eq(reply_error(), 404201);
    ck_assert_uint_eq(put_group(), 200);
    ck_assert_uint_eq(knock(MEMBER, service_token()), 401);
}
END_TEST

/* An individual enrollment decides alone, even if a group would let the device in. */
START_TEST(an_individual_enrollment_goes_before_the_group)
{
    char token[400];

    ck_assert_uint_eq(put_group(), 200);
    ck_assert_uint_eq(put("enrollments", "registrationId", MEMBER, "\"symmetricKey\":{}"), 200);
    fixture_emulator.id_scope = "0ne00000A0A";
    fixture_emulator.clock_offset = EXPIRY - 100 - time(NULL);
    snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%s&se=%d", published[0].resource,
             published[0].signature, EXPIRY);
    ck_assert_uint_eq(
        perform(&(struct call){.method = "PUT",
                               .target = "/0ne00000A0A/registrations/" MEMBER "/register" DEVICE_VERSION,
                               .body = "{}",
                               .authorization = token}),
        401);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_symmetric");
    TCase *t = tcase_create("attest_symmetric");

    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_loop_test(t, published_tokens_open_the_group, 0, (int)(sizeof published / sizeof published[0]));
    tcase_add_test(t, missing_keys_are_made_and_then_kept);
    tcase_add_test(t, keys_are_not_shown);
    tcase_add_loop_test(t, bad_keys_are_refused, 0, (int)(sizeof bad_keys / sizeof bad_keys[0]));
    tcase_add_test(t, what_is_no_token_is_refused);
    tcase_add_test(t, without_a_group_the_device_is_not_found);
    tcase_add_test(t, an_individual_enrollment_goes_before_the_group);
    suite_add_tcase(s, t);
    return s;
}
