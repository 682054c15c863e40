/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/fault.h"
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <string.h>

#define FAULTS "/emulator/faults"
#define REGISTER "/" FIXTURE_SCOPE "/registrations/dev/register" DEVICE_VERSION

static const struct identity *leaf;

static void setup(void)
{
    fixture_setup();
    leaf = identity_leaf("dev", NULL);
    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
}

static unsigned inject(const char *fault)
{
    return perform(&(struct call){.method = "POST", .target = FAULTS, .body = fault});
}

static unsigned knock(void)
{
    return perform(&(struct call){.method = "PUT", .target = REGISTER, .body = "{}", .peer = {leaf}});
}

static unsigned poll(const char *operation)
{
    char target[300];

    snprintf(target, sizeof target, "/" FIXTURE_SCOPE "/registrations/dev/operations/%s" DEVICE_VERSION,
             operation);
    return perform(&(struct call){.method = "GET", .target = target, .peer = {leaf}});
}

static json_int_t requests(const char *route)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "GET", .target = FAULTS}), 200);
    return json_integer_value(json_object_get(json_object_get(reply_body(), "requests"), route));
}

START_TEST(a_status_for_the_next_two_requests)
{
    ck_assert_uint_eq(inject("{\"route\":\"register\",\"count\":2,\"status\":429,\"retryAfter\":7}"), 201);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(knock(), 429);
        ck_assert_int_eq(reply_error(), 429001);
        ck_assert_str_eq(reply_header("Retry-After"), "7");
    }
    ck_assert_uint_eq(knock(), 202);
    ck_assert_int_eq(requests("register"), 3);
}
END_TEST

START_TEST(some_requests_go_through_first)
{
    ck_assert_uint_eq(inject("{\"route\":\"register\",\"skip\":1,\"status\":503}"), 201);
    ck_assert_uint_eq(knock(), 202);
    ck_assert_uint_eq(knock(), 503);
    ck_assert_ptr_null(reply_header("Retry-After"));
    ck_assert_uint_eq(knock(), 202);
}
END_TEST

START_TEST(faults_follow_one_another)
{
    ck_assert_uint_eq(inject("{\"route\":\"register\",\"status\":500}"), 201);
    ck_assert_uint_eq(inject("{\"route\":\"*\",\"status\":502}"), 201);
    ck_assert_uint_eq(knock(), 500);
    ck_assert_uint_eq(knock(), 502);
    ck_assert_uint_eq(knock(), 202);
}
END_TEST

START_TEST(count_zero_has_no_end)
{
    ck_assert_uint_eq(
        inject("{\"route\":\"operation\",\"count\":0,\"assigning\":true,\"retryAfter\":\"soon\"}"), 201);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(poll("4.1.2"), 202);
        ck_assert_str_eq(emu_json_text(reply_body(), "status"), "assigning");
        ck_assert_str_eq(emu_json_text(reply_body(), "operationId"), "4.1.2");
        ck_assert_str_eq(reply_header("Retry-After"), "soon");
    }
    ck_assert_uint_eq(perform(&(struct call){.method = "DELETE", .target = FAULTS}), 204);
    ck_assert_uint_eq(poll("4.1.2"), 404);
    ck_assert_int_eq(requests("operation"), 1); /* the counts begin anew */
}
END_TEST

START_TEST(an_answer_is_changed)
{
    ck_assert_uint_eq(
        inject("{\"route\":\"register\",\"merge\":{\"operationId\":\"4.wrong\"},\"retryAfter\":-1}"), 201);
    ck_assert_uint_eq(knock(), 202);
    ck_assert_str_eq(emu_json_text(reply_body(), "operationId"), "4.wrong");
    ck_assert_str_eq(emu_json_text(reply_body(), "status"), "assigning");
    ck_assert_str_eq(reply_header("Retry-After"), "-1");
    ck_assert_uint_eq(
        inject("{\"route\":\"register\",\"body\":\"{\\\"operationId\\\":\",\"retryAfter\":null}"), 201);
    ck_assert_uint_eq(knock(), 202);
    ck_assert_ptr_null(reply_body());
    ck_assert_ptr_null(reply_header("Retry-After"));
}
END_TEST

START_TEST(a_credential_is_damaged)
{
    struct emu_faults *faults = fixture_emulator.faults;
    struct emu_response response = {0};
    const json_t *fault;
    json_t *body;
    struct bytes blob;

    ck_assert_uint_eq(inject("{\"route\":\"status\",\"credential\":{\"flip\":1}}"), 201);
    ck_assert_uint_eq(inject("{\"route\":\"status\",\"credential\":{\"size\":2}}"), 201);
    for (size_t i = 0; i < 2; i++) {
        fault = emu_faults_take(faults, "status");
        ck_assert_ptr_nonnull(fault);
        ck_assert(emu_fault_handles(fault));
        emu_response_json(
            &response, 200,
            json_pack("{s:{s:{s:s}}}", "registrationState", "tpm", "authenticationKey", "AAAA"));
        emu_fault_apply(fault, NULL, &response);
        body = json_loadb((const char *)response.body.data, response.body.size, 0, NULL);
        ck_assert(emu_base64_decode(
            emu_json_text(json_object_get(json_object_get(body, "registrationState"), "tpm"),
                          "authenticationKey"),
            &blob));
        ck_assert_uint_eq(blob.size, i == 0 ? 3 : 2);
        ck_assert_uint_eq(blob.data[1], i == 0 ? 1 : 0);
        bytes_free(&blob);
        json_decref(body);
        emu_response_free(&response);
    }
}
END_TEST

/* Where the connection is cut, and whether the request takes its effect. */
static const struct {
    const char *cut;
    enum emu_cut wanted;
    bool handled;
} cuts[] = {
    {"request", EMU_CUT_SILENT, false},
    {"answer",  EMU_CUT_SILENT, true },
    {"body",    EMU_CUT_BODY,   true },
};

START_TEST(a_connection_is_cut)
{
    char fault[100];

    snprintf(fault, sizeof fault, "{\"route\":\"register\",\"cut\":\"%s\",\"delay\":5}", cuts[_i].cut);
    ck_assert_uint_eq(inject(fault), 201);
    knock();
    ck_assert_int_eq(reply_whole()->cut, cuts[_i].wanted);
    ck_assert_uint_eq(reply_whole()->delay, 5);
    ck_assert_uint_eq(perform(&(struct call){.method = "GET",
                                             .target = "/registrations/dev" SERVICE_VERSION,
                                             .authorization = service_token()}),
                      cuts[_i].handled ? 200 : 404);
}
END_TEST

static const char *const nonsense[] = {
    "[]",
    "{}",
    "{\"route\":7}",
    "{\"route\":\"nowhere\"}",
    "{\"route\":\"register\",\"wat\":1}",
    "{\"route\":\"register\",\"skip\":-1}",
    "{\"route\":\"register\",\"count\":\"2\"}",
    "{\"route\":\"register\",\"status\":99}",
    "{\"route\":\"register\",\"delay\":1000000}",
    "{\"route\":\"register\",\"cut\":\"somewhere\"}",
    "{\"route\":\"register\",\"retryAfter\":\"1\\r\\nX: y\"}",
    "{\"route\":\"register\",\"credential\":{}}",
    "{\"route\":\"register\",\"credential\":{\"flip\":1,\"size\":2}}",
    "{\"route\":\"register\",\"merge\":[]}",
    "{\"route\":\"register\",\"assigning\":1}",
};

START_TEST(nonsense_is_no_fault)
{
    ck_assert_uint_eq(inject(nonsense[_i]), 400);
    ck_assert_uint_eq(knock(), 202);
}
END_TEST

START_TEST(others_may_not_inject)
{
    ck_assert_uint_eq(
        perform(&(struct call){
            .method = "POST", .target = FAULTS, .body = "{\"route\":\"*\",\"status\":500}", .remote = true}),
        403);
    ck_assert_uint_eq(perform(&(struct call){.method = "GET", .target = FAULTS, .remote = true}), 403);
    ck_assert_uint_eq(perform(&(struct call){.method = "DELETE", .target = FAULTS, .remote = true}), 403);
    ck_assert_uint_eq(knock(), 202);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("fault");
    TCase *t = tcase_create("fault");

    tcase_add_checked_fixture(t, setup, fixture_teardown);
    tcase_add_test(t, a_status_for_the_next_two_requests);
    tcase_add_test(t, some_requests_go_through_first);
    tcase_add_test(t, faults_follow_one_another);
    tcase_add_test(t, count_zero_has_no_end);
    tcase_add_test(t, an_answer_is_changed);
    tcase_add_test(t, a_credential_is_damaged);
    tcase_add_loop_test(t, a_connection_is_cut, 0, (int)(sizeof cuts / sizeof cuts[0]));
    tcase_add_loop_test(t, nonsense_is_no_fault, 0, (int)(sizeof nonsense / sizeof nonsense[0]));
    tcase_add_test(t, others_may_not_inject);
    suite_add_tcase(s, t);
    return s;
}
