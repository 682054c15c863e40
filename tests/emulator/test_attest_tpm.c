/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/store.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include "common/buffer.h"

#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * That a real TPM can unwrap what comes back is the business of tests/story/judge.sh. Here the key of a
 * challenge is read from the store.
 */

#define REGISTER "/" FIXTURE_SCOPE "/registrations/dev/register" DEVICE_VERSION

static char *ek;
static char *srk;
static char claim[2000];

/* A storage key as a TPM writes it, with that modulus' first byte. */
static char *make_public(uint8_t fill)
{
    static const uint8_t head[] = {0x01, 0x1a, 0x00, 0x01, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72,
                                   0x00, 0x00, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10,
                                   0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00};
    uint8_t wire[sizeof head + 256];

    memcpy(wire, head, sizeof head);
    memset(wire + sizeof head, fill, 256);
    wire[sizeof wire - 1] |= 1;
    return emu_base64_encode(wire, sizeof wire);
}

static unsigned put(const char *what, const char *id_member, const char *member)
{
    char target[200];
    char body[2000];

    snprintf(target, sizeof target, "/%s/dev" SERVICE_VERSION, what);
    snprintf(body, sizeof body, "{\"%s\":\"dev\",\"attestation\":{\"type\":\"tpm\",\"tpm\":{%s}}}", id_member,
             member);
    return perform(
        &(struct call){.method = "PUT", .target = target, .body = body, .authorization = service_token()});
}

static unsigned enroll_tpm(const char *endorsement_key, const char *root_key)
{
    char member[1600];

    snprintf(member, sizeof member, "\"endorsementKey\":\"%s\"%s%s%s", endorsement_key,
             root_key != NULL ? ",\"storageRootKey\":\"" : "", root_key != NULL ? root_key : "",
             root_key != NULL ? "\"" : "");
    return put("enrollments", "registrationId", member);
}

static const char *claim_of(const char *endorsement_key, const char *root_key)
{
    snprintf(claim, sizeof claim, "{\"tpm\":{\"endorsementKey\":\"%s\",\"storageRootKey\":\"%s\"}}",
             endorsement_key, root_key);
    return claim;
}

static void setup(void)
{
    fixture_setup();
    ek = make_public(0xc5);
    srk = make_public(0xd7);
    ck_assert_uint_eq(enroll_tpm(ek, NULL), 200);
}

static void teardown(void)
{
    free(ek);
    free(srk);
    fixture_teardown();
}

static unsigned knock(const char *body, const char *authorization)
{
    return perform(
        &(struct call){.method = "PUT", .target = REGISTER, .body = body, .authorization = authorization});
}

/* A token signed with the key that the device was challenged with. */
static const char *answer(void)
{
    json_t *kept = NULL;
    const char *token;

    ck_assert_int_eq(emu_store_get(fixture_emulator.store, EMU_CHALLENGES, "dev", &kept), EMU_PRESENT);
    bytes_free(&fixture_emulator.service_key);
    ck_assert(emu_base64_decode(emu_json_text(kept, "key"), &fixture_emulator.service_key));
    json_decref(kept);
    token = service_token_for(FIXTURE_SCOPE "/registrations/dev", "registration", time(NULL) + 600);
    return token;
}

START_TEST(an_enrolled_tpm_is_challenged)
{
    struct bytes blob;

    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    ck_assert_str_eq(emu_json_text(reply_body(), "keyName"), "registration");
    ck_assert_ptr_null(json_object_get(reply_body(), "errorCode"));
    ck_assert_ptr_null(reply_header("x-ms-error-code"));
    ck_assert(emu_base64_decode(emu_json_text(reply_body(), "authenticationKey"), &blob));
    ck_assert_uint_eq(blob.size, 766);
    bytes_free(&blob);
}
END_TEST

START_TEST(the_answer_gets_the_hub_key)
{
    char target[200];
    const char *token;
    const json_t *tpm;

    fixture_emulator.polls = 0;
    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    token = answer();
    ck_assert_uint_eq(knock("{}", token), 202);
    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/dev/operations/%s" DEVICE_VERSION,
             emu_json_text(reply_body(), "operationId"));
    ck_assert_uint_eq(
        perform(&(struct call){.method = "GET", .target = target, .body = "{}", .authorization = token}),
        200);
    tpm = json_object_get(json_object_get(reply_body(), "registrationState"), "tpm");
    ck_assert_uint_eq(strlen(emu_json_text(tpm, "authenticationKey")), 1024); /* 766 bytes */
    ck_assert_uint_eq(perform(&(struct call){.method = "GET", .target = target}), 401);
    ck_assert_int_eq(reply_error(), 401002);
}
END_TEST

START_TEST(a_new_challenge_makes_the_former_answer_void)
{
    char token[600];

    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    snprintf(token, sizeof token, "%s", answer());
    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    ck_assert_uint_eq(knock(claim_of(ek, srk), token), 401);
    ck_assert_int_eq(reply_error(), 401002);
}
END_TEST

START_TEST(another_endorsement_key_is_refused)
{
    char token[600];

    ck_assert_uint_eq(knock(claim_of(srk, srk), NULL), 401);
    ck_assert_int_eq(reply_error(), 401002);
    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    snprintf(token, sizeof token, "%s", answer());
    ck_assert_uint_eq(knock(claim_of(srk, srk), token), 401);
    ck_assert_int_eq(reply_error(), 401002);
    ck_assert_uint_eq(knock(claim_of(ek, srk), token), 202);
}
END_TEST

START_TEST(a_changed_enrollment_forgets_the_challenge)
{
    char token[600];

    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    snprintf(token, sizeof token, "%s", answer());
    bytes_free(&fixture_emulator.service_key);
    ck_assert(bytes_copy(&fixture_emulator.service_key, "0123456789abcdef0123456789abcdef", 32));
    ck_assert_uint_eq(enroll_tpm(srk, NULL), 200);
    ck_assert_uint_eq(knock("{}", token), 401);
    ck_assert_int_eq(reply_error(), 401002);
}
END_TEST

START_TEST(an_enrolled_storage_key_is_pinned)
{
    ck_assert_uint_eq(enroll_tpm(ek, srk), 200);
    ck_assert_uint_eq(knock(claim_of(ek, srk), NULL), 401);
    ck_assert_int_eq(reply_error(), 0);
    ck_assert_uint_eq(knock(claim_of(ek, ek), NULL), 401);
    ck_assert_int_eq(reply_error(), 401002);
    ck_assert(strstr(reply_message(), "cleared") != NULL);
}
END_TEST

START_TEST(a_token_without_a_challenge_is_refused)
{
    ck_assert_uint_eq(knock(claim_of(ek, srk), service_token()), 401);
    ck_assert(strstr(reply_message(), "was not challenged") != NULL);
}
END_TEST

/* Claims that are no claims, and what is said of them. */
static const struct {
    const char *body;
    int error;
} claims[] = {
    {"{}",                                                                401002},
    {"{\"tpm\":7}",                                                       400004},
    {"{\"tpm\":{}}",                                                      401002},
    {"{\"tpm\":{\"endorsementKey\":7}}",                                  401002},
    {"{\"tpm\":{\"endorsementKey\":\"AAAA\"}}",                           401002},
    {"{\"tpm\":{\"endorsementKey\":\"no base64!\"}}",                     401002},
    {"{\"tpm\":{\"endorsementKey\":\"%s\"}}",                             400004},
    {"{\"tpm\":{\"endorsementKey\":\"%s\",\"storageRootKey\":\"AAAA\"}}", 400004},
};

START_TEST(a_broken_claim_is_refused)
{
    const char *mark = strstr(claims[_i].body, "%s");

    if (mark != NULL)
        snprintf(claim, sizeof claim, "%.*s%s%s", (int)(mark - claims[_i].body), claims[_i].body, ek,
                 mark + 2);
    else
        snprintf(claim, sizeof claim, "%s", claims[_i].body);
    ck_assert_uint_eq(knock(claim, NULL), (unsigned)claims[_i].error / 1000);
    ck_assert_int_eq(reply_error(), claims[_i].error);
}
END_TEST

START_TEST(a_group_has_no_tpm)
{
    char member[800];

    snprintf(member, sizeof member, "\"endorsementKey\":\"%s\"", ek);
    ck_assert_uint_eq(put("enrollmentGroups", "enrollmentGroupId", member), 400);
    ck_assert(strstr(reply_message(), "individual enrollments only") != NULL);
    ck_assert_uint_eq(put("enrollments", "registrationId", ""), 400);
    ck_assert_uint_eq(put("enrollments", "registrationId", "\"endorsementKey\":\"MIIB\""), 400);
    ck_assert(strstr(reply_message(), "Endorsement key is invalid, or does not match the Enrollment") !=
              NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_tpm");
    TCase *t = tcase_create("attest_tpm");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_enrolled_tpm_is_challenged);
    tcase_add_test(t, the_answer_gets_the_hub_key);
    tcase_add_test(t, a_new_challenge_makes_the_former_answer_void);
    tcase_add_test(t, another_endorsement_key_is_refused);
    tcase_add_test(t, a_changed_enrollment_forgets_the_challenge);
    tcase_add_test(t, an_enrolled_storage_key_is_pinned);
    tcase_add_test(t, a_token_without_a_challenge_is_refused);
    tcase_add_loop_test(t, a_broken_claim_is_refused, 0, (int)(sizeof claims / sizeof claims[0]));
    tcase_add_test(t, a_group_has_no_tpm);
    suite_add_tcase(s, t);
    return s;
}
