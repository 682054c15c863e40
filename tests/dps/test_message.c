/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/message.h"
#include "tests/support/support.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUB "\"assignedHub\":\"h.example\","
#define STATE(members)                                                                                       \
    "{\"operationId\":\"4.x.y\",\"status\":\"assigned\",\"registrationState\":{" members "}}"

static dps_status read_text(const char *text, struct dps_report *report, struct dps_operation *operation)
{
    *report = (struct dps_report){0};
    return dps_message_read_operation(text, strlen(text), report, operation);
}

START_TEST(a_request_has_what_is_given_and_no_more)
{
    static const struct {
        struct dps_register_request request;
        const char *body;
    } cases[] = {
        {{.registration_id = "d"}, "{\"registrationId\":\"d\"}"},
        {{.registration_id = "d", .payload = "{ \"modelId\" : \"x;1\" }"},
         "{\"registrationId\":\"d\",\"payload\":{\"modelId\":\"x;1\"}}"},
        {{.registration_id = "d", .payload = "[1,null]"}, "{\"registrationId\":\"d\",\"payload\":[1,null]}"},
        {{.registration_id = "d", .endorsement_key = "AToA/w==", .storage_root_key = "ARoA"},
         "{\"registrationId\":\"d\",\"tpm\":{\"endorsementKey\":\"AToA/w==\",\"storageRootKey\":\"ARoA\"}}"},
        {{.registration_id = "d", .endorsement_key = "AToA"},
         "{\"registrationId\":\"d\",\"tpm\":{\"endorsementKey\":\"AToA\"}}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *body = dps_message_write_register(&cases[i].request);

        ck_assert_pstr_eq(body, cases[i].body);
        free(body);
    }
}
END_TEST

START_TEST(any_single_json_value_is_json)
{
    ck_assert(dps_message_is_json("{\"a\":1}"));
    ck_assert(dps_message_is_json("3"));
    ck_assert(!dps_message_is_json(""));
    ck_assert(!dps_message_is_json("{} {}"));
    ck_assert(!dps_message_is_json("{'a':1}"));
    ck_assert(!dps_message_is_json("{\"a\":\"\xff\"}"));
}
END_TEST

START_TEST(an_assignment_is_read_whole)
{
    struct dps_report report;
    struct dps_operation operation;
    const dps_registration *registration;

    ck_assert_int_eq(
        read_text(STATE(HUB
                        "\"deviceId\":\"d\",\"registrationId\":\"r\",\"status\":\"assigned\","
                        "\"substatus\":\"initialAssignment\",\"createdDateTimeUtc\":\"c\","
                        "\"lastUpdatedDateTimeUtc\":\"l\",\"etag\":\"e\",\"payload\":{\"a\":[1]},"
                        "\"x509\":{\"enrollmentGroupId\":\"g\"},\"tpm\":{\"authenticationKey\":\"QUJD\"}"),
                  &report, &operation),
        DPS_OK);
    registration = operation.registration;
    ck_assert_int_eq(operation.status, DPS_OPERATION_ASSIGNED);
    ck_assert_str_eq(operation.operation_id, "4.x.y");
    ck_assert_str_eq(operation.authentication_key, "QUJD");
    ck_assert_str_eq(dps_registration_hub(registration), "h.example");
    ck_assert_str_eq(dps_registration_device_id(registration), "d");
    ck_assert_str_eq(dps_registration_registration_id(registration), "r");
    ck_assert_str_eq(dps_registration_substatus(registration), "initialAssignment");
    ck_assert_str_eq(dps_registration_created(registration), "c");
    ck_assert_str_eq(dps_registration_last_updated(registration), "l");
    ck_assert_str_eq(dps_registration_etag(registration), "e");
    ck_assert_str_eq(dps_registration_payload(registration), "{\"a\":[1]}");
    ck_assert_str_eq(dps_registration_enrollment_group(registration), "g");
    dps_operation_free(&operation);
}
END_TEST

START_TEST(what_an_assignment_lacks_is_empty)
{
    struct dps_report report;
    struct dps_operation operation;

    ck_assert_int_eq(read_text(STATE(HUB "\"deviceId\":\"d\",\"etag\":null,\"payload\":null,"
                                         "\"symmetricKey\":{\"enrollmentGroupId\":\"s\"}"),
                               &report, &operation),
                     DPS_OK);
    ck_assert_str_eq(dps_registration_etag(operation.registration), "");
    ck_assert_str_eq(dps_registration_payload(operation.registration), "");
    ck_assert_str_eq(dps_registration_enrollment_group(operation.registration), "s");
    ck_assert_ptr_null(operation.authentication_key);
    dps_operation_free(&operation);
}
END_TEST

START_TEST(each_status_is_known)
{
    static const char *const names[] = {"unassigned", "assigning", "", "failed", "disabled"};

    for (int i = 0; i < 5; i++) {
        struct dps_report report;
        struct dps_operation operation;
        char text[100];

        snprintf(text, sizeof text, "{\"operationId\":\"o\",\"status\":\"%s\"}", names[i]);
        if (names[i][0] == '\0')
            continue;
        ck_assert_int_eq(read_text(text, &report, &operation), DPS_OK);
        ck_assert_int_eq(operation.status, i);
        dps_operation_free(&operation);
    }
}
END_TEST

START_TEST(a_failure_tells_its_code_and_the_inner_message)
{
    struct dps_report report;
    struct dps_operation operation;

    ck_assert_int_eq(
        read_text(
            "{\"status\":\"failed\",\"registrationState\":{\"errorCode\":400207,\"errorMessage\":"
            "\"{\\\"Message\\\":\\\"ErrorCode:X;Unauthorized\\\",\\\"ExceptionMessage\\\":\\\"y\\\"}\"}}",
            &report, &operation),
        DPS_OK);
    ck_assert_int_eq(operation.error_code, 400207);
    ck_assert_str_eq(operation.error_message, "ErrorCode:X;Unauthorized");
    dps_operation_free(&operation);
    ck_assert_int_eq(
        read_text("{\"status\":\"failed\",\"registrationState\":{\"errorCode\":\"x\",\"errorMessage\":"
                  "\"plain\"}}",
                  &report, &operation),
        DPS_OK);
    ck_assert_int_eq(operation.error_code, 0);
    ck_assert_str_eq(operation.error_message, "plain");
    dps_operation_free(&operation);
}
END_TEST

START_TEST(a_bad_answer_is_refused_with_its_reason)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "not JSON"},
        {"<html></html>", "not JSON"},
        {"{\"status\":\"assigned\"", "not JSON"},
        {"{\"status\":\"assigning\",\"status\":\"assigned\"}", "not JSON"},
        {"[]", "not a JSON object"},
        {"\"assigned\"", "not a JSON object"},
        {"{}", "lacks \"status\""},
        {"{\"status\":1}", "\"status\" that is not text"},
        {"{\"status\":\"Assigned\"}", "unknown status \"Assigned\""},
        {"{\"status\":\"assigning\"}", "lacks \"operationId\""},
        {"{\"status\":\"assigning\",\"operationId\":\"\"}", "lacks \"operationId\""},
        {"{\"status\":\"assigning\",\"operationId\":7}", "\"operationId\" that is not text"},
        {"{\"status\":\"assigned\"}", "lacks \"registrationState.assignedHub\""},
        {"{\"status\":\"assigned\",\"registrationState\":[]}", "not an object"},
        {STATE("\"deviceId\":\"d\""), "lacks \"registrationState.assignedHub\""},
        {STATE(HUB "\"x\":1"), "lacks \"registrationState.deviceId\""},
        {STATE(HUB "\"deviceId\":\"\""), "lacks \"registrationState.deviceId\""},
        {STATE(HUB "\"deviceId\":{}"), "\"registrationState.deviceId\" that is not text"},
        {STATE(HUB "\"deviceId\":\"d\",\"etag\":1"), "\"registrationState.etag\" that is not text"},
        {STATE(HUB "\"deviceId\":\"d\",\"tpm\":{\"authenticationKey\":1}"),
         "authenticationKey\" that is not text"},
        {STATE(HUB "\"deviceId\":\"d\",\"x509\":{\"enrollmentGroupId\":1}"),
         "enrollmentGroupId\" that is not text"},
        {STATE("\"assignedHub\":\"h/..\",\"deviceId\":\"d\""), "\"h/..\", which is no host name"},
        {STATE("\"assignedHub\":\"h\\r\\nX: y\",\"deviceId\":\"d\""), "which is no host name"},
        {STATE("\"assignedHub\":\"h\\u0000\",\"deviceId\":\"d\""), "not JSON"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dps_report report;
        struct dps_operation operation;

        ck_assert_msg(read_text(cases[i].text, &report, &operation) == DPS_PROTOCOL, "%s", cases[i].text);
        ck_assert_msg(strstr(report.text, cases[i].reason) != NULL, "%s: %s", cases[i].text, report.text);
        ck_assert_ptr_null(operation.registration);
        ck_assert_ptr_null(operation.operation_id);
    }
}
END_TEST

START_TEST(an_error_body_tells_what_it_can)
{
    static const struct {
        const char *text;
        long code;
        const char *message;
        const char *tracking_id;
    } cases[] = {
        {"{\"errorCode\":401002,\"trackingId\":\"t\",\"message\":\"CA certificate not found.\"}", 401002,
         "CA certificate not found.", "t"},
        {"{\"Message\":\"ErrorCode:DeviceNotFound;d\",\"ExceptionMessage\":\"Tracking ID:abc-TimeStamp:1\"}",
         404001, "ErrorCode:DeviceNotFound;d", "abc"},
        {"{\"Message\":\"ErrorCode:New;d\",\"ExceptionMessage\":\"Tracking ID:abc\"}", 0, "ErrorCode:New;d",
         "abc"},
        {"{\"Message\":\"only\"}", 0, "only", NULL},
        {"{\"errorCode\":\"401002\",\"message\":5}", 0, NULL, NULL},
        {"<html>", 0, NULL, NULL},
        {"[1]", 0, NULL, NULL},
        {"", 0, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dps_error_body body;

        dps_message_read_error(cases[i].text, strlen(cases[i].text), &body);
        ck_assert_int_eq(body.error_code, cases[i].code);
        ck_assert_pstr_eq(body.message, cases[i].message);
        ck_assert_pstr_eq(body.tracking_id, cases[i].tracking_id);
        dps_error_body_free(&body);
    }
}
END_TEST

/* Each member of a whole answer is left out, and is of each other type: a member that is needed is missed,
 * one that is not may be absent or null, and none may be of another type. */
static const struct {
    const char *path; /* objects, and the member */
    bool needed;
    bool any; /* of whatever type it is */
} members[] = {
    {"operationId", false, false},
    {"status", true, false},
    {"registrationState", true, false},
    {"registrationState/registrationId", false, false},
    {"registrationState/assignedHub", true, false},
    {"registrationState/deviceId", true, false},
    {"registrationState/status", false, true}, /* the outer one counts */
    {"registrationState/substatus", false, false},
    {"registrationState/createdDateTimeUtc", false, false},
    {"registrationState/lastUpdatedDateTimeUtc", false, false},
    {"registrationState/etag", false, false},
    {"registrationState/payload", false, true},
    {"registrationState/tpm", false, true},
    {"registrationState/tpm/authenticationKey", false, false},
    {"registrationState/x509", false, true},
    {"registrationState/x509/enrollmentGroupId", false, false},
};

static const char *const types[] = {NULL,    "null", "true", "7",  "-1.5e300",
                                    "\"x\"", "[]",   "[{}]", "{}", "{\"status\":\"x\"}"};

static json_t *whole_answer(void)
{
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:{s:i},s:{s:s},s:{s:s}}}", "operationId",
                     "4.x", "status", "assigned", "registrationState", "registrationId", "r", "assignedHub",
                     "h", "deviceId", "d", "status", "assigned", "substatus", "initialAssignment",
                     "createdDateTimeUtc", "c", "lastUpdatedDateTimeUtc", "l", "etag", "e", "payload", "a", 1,
                     "tpm", "authenticationKey", "QUJD", "x509", "enrollmentGroupId", "g");
}

/* Sets the member to the value, which is taken; NULL: removes it. */
static void set_member(json_t *object, const char *path, json_t *value)
{
    const char *slash;
    char name[64];

    while ((slash = strchr(path, '/')) != NULL) {
        snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
        object = json_object_get(object, name);
        path = slash + 1;
    }
    ck_assert(json_is_object(object) && json_object_get(object, path) != NULL);
    ck_assert_int_eq(value != NULL ? json_object_set_new(object, path, value) : json_object_del(object, path),
                     0);
}

START_TEST(a_member_of_another_type_or_none_is_no_answer)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        json_t *value = types[i] != NULL ? json_loads(types[i], JSON_DECODE_ANY, NULL) : NULL;
        bool good = members[_i].any || (!members[_i].needed && (value == NULL || json_is_null(value))) ||
                    (json_is_string(value) && strcmp(members[_i].path, "status") != 0 &&
                     strcmp(members[_i].path, "registrationState") != 0);
        json_t *answer = whole_answer();
        struct dps_report report;
        struct dps_operation operation;
        char *text;
        dps_status status;

        set_member(answer, members[_i].path, value);
        text = json_dumps(answer, 0);
        status = read_text(text, &report, &operation);
        ck_assert_msg(status == (good ? DPS_OK : DPS_PROTOCOL), "%s: %s", text, report.text);
        ck_assert((operation.registration != NULL) == good);
        if (good)
            dps_operation_free(&operation);
        else
            ck_assert_ptr_nonnull(strstr(report.text, "\""));
        free(text);
        json_decref(answer);
    }
}
END_TEST

START_TEST(no_prefix_of_an_error_body_is_misread)
{
    static const char whole[] = "{\"errorCode\":401002,\"trackingId\":\"t\",\"message\":\"Unauthorized\"}";

    for (size_t size = 0; size < sizeof whole - 1; size++) {
        struct dps_error_body body;

        dps_message_read_error(whole, size, &body);
        ck_assert(body.error_code == 0 && body.message == NULL && body.tracking_id == NULL);
        dps_error_body_free(&body);
    }
}
END_TEST

/* Of a challenge, too: half a wrapped key is none. */
START_TEST(no_prefix_of_a_challenge_is_one)
{
    static const char whole[] =
        "{\"message\":\"m\",\"keyName\":\"registration\",\"authenticationKey\":\"QUJD\"}";

    for (size_t size = 0; size < sizeof whole - 1; size++)
        ck_assert_ptr_null(dps_message_read_challenge(whole, size));
}
END_TEST

START_TEST(no_prefix_of_an_answer_is_an_answer)
{
    static const char whole[] = STATE(HUB "\"deviceId\":\"d\",\"payload\":{\"a\":[1]}");

    for (size_t size = 0; size < sizeof whole - 1; size++) {
        struct dps_report report = {0};
        struct dps_operation operation;

        ck_assert_int_eq(dps_message_read_operation(whole, size, &report, &operation), DPS_PROTOCOL);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");

    tcase_add_test(t, a_request_has_what_is_given_and_no_more);
    tcase_add_test(t, any_single_json_value_is_json);
    tcase_add_test(t, an_assignment_is_read_whole);
    tcase_add_test(t, what_an_assignment_lacks_is_empty);
    tcase_add_test(t, each_status_is_known);
    tcase_add_test(t, a_failure_tells_its_code_and_the_inner_message);
    tcase_add_test(t, a_bad_answer_is_refused_with_its_reason);
    tcase_add_test(t, an_error_body_tells_what_it_can);
    tcase_add_test(t, no_prefix_of_an_answer_is_an_answer);
    tcase_add_test(t, no_prefix_of_an_error_body_is_misread);
    tcase_add_test(t, no_prefix_of_a_challenge_is_one);
    tcase_add_loop_test(t, a_member_of_another_type_or_none_is_no_answer, 0,
                        sizeof members / sizeof members[0]);
    suite_add_tcase(s, t);
    return s;
}
