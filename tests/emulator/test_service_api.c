/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/text.h"
#include "tests/emulator/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER "provisioningserviceowner"

static unsigned ask(const char *method, const char *target, const char *body, const char *if_match)
{
    return perform(&(struct call){.method = method,
                                  .target = target,
                                  .body = body,
                                  .authorization = service_token(),
                                  .if_match = if_match});
}

static const char *text(const char *name)
{
    const char *value = emu_json_text(reply_body(), name);

    return value != NULL ? value : "(none)";
}

START_TEST(put_fills_in_what_was_left_out)
{
    const json_t *policy;

    ck_assert_uint_eq(enroll("Dev", identity_leaf("dev", NULL), NULL, NULL), 200);
    ck_assert_str_eq(text("registrationId"), "Dev");
    ck_assert_str_eq(text("provisioningStatus"), "enabled");
    ck_assert_str_eq(text("allocationPolicy"), "hashed");
    policy = json_object_get(reply_body(), "reprovisionPolicy");
    ck_assert(json_is_true(json_object_get(policy, "updateHubAssignment")));
    ck_assert(json_is_true(json_object_get(policy, "migrateDeviceData")));
    ck_assert_str_eq(text("createdDateTimeUtc"), text("lastUpdatedDateTimeUtc"));
    ck_assert_str_eq(reply_header("ETag"), text("etag"));
    ck_assert_int_eq(text("etag")[0], '"');
}
END_TEST

START_TEST(get_returns_all_that_was_put)
{
    const json_t *slot;

    ck_assert_uint_eq(
        enroll("dev", identity_leaf("dev", NULL), NULL,
               ",\"futureMember\":{\"a\":[1]},\"optionalDeviceInformation\":{\"floor\":2},"
               "\"initialTwin\":{\"tags\":{\"a\":1},\"properties\":{\"desired\":{}}},"
               "\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}"),
        200);
    fixture_reopen();
    ck_assert_uint_eq(ask("GET", "/ENROLLMENTS/DEV/" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(reply_body(), "futureMember"), "a")),
                      1);
    ck_assert_ptr_nonnull(json_object_get(reply_body(), "initialTwin"));
    ck_assert(json_is_false(
        json_object_get(json_object_get(reply_body(), "reprovisionPolicy"), "migrateDeviceData")));
    slot =
        json_object_get(json_object_get(json_object_get(json_object_get(reply_body(), "attestation"), "x509"),
                                        "clientCertificates"),
                        "primary");
    ck_assert_ptr_nonnull(json_object_get(slot, "certificate"));
    ck_assert_uint_eq(strlen(emu_json_text(json_object_get(slot, "info"), "sha256Thumbprint")), 64);
}
END_TEST

START_TEST(a_client_cannot_set_what_the_service_decides)
{
    ck_assert_uint_eq(
        enroll("dev", identity_leaf("dev", NULL), NULL,
               ",\"etag\":\"mine\",\"createdDateTimeUtc\":\"mine\",\"registrationState\":{\"deviceId\":1}"),
        200);
    ck_assert_str_ne(text("etag"), "mine");
    ck_assert_str_ne(text("createdDateTimeUtc"), "mine");
    ck_assert_ptr_null(json_object_get(reply_body(), "registrationState"));
}
END_TEST

START_TEST(pem_and_base64_of_pem_are_read_too)
{
    const struct identity *leaf = identity_leaf("dev", NULL);
    char *pem64 = emu_base64_encode(leaf->pem, strlen(leaf->pem));
    json_t *body;
    char *encoded;

    for (int i = 0; i < 2; i++) {
        body = json_pack("{s:s, s:{s:s, s:{s:{s:{s:s}}}}}", "registrationId", "dev", "attestation", "type",
                         "x509", "x509", "clientCertificates", "secondary", "certificate",
                         i == 0 ? leaf->pem : pem64);
        encoded = json_dumps(body, 0);
        ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, encoded, NULL), 200);
        ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
        free(encoded);
        json_decref(body);
    }
    free(pem64);
}
END_TEST

START_TEST(etags_guard_changes)
{
    const struct identity *leaf = identity_leaf("dev", NULL);
    char body[4096];
    char etag[100];
    char bare[100];

    snprintf(
        body, sizeof body,
        "{\"registrationId\":\"dev\",\"attestation\":{\"type\":\"x509\",\"x509\":{\"clientCertificates\":"
        "{\"primary\":{\"certificate\":\"%s\"}}}}}",
        leaf->base64);
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, "\"x\""),
                      412); /* there is none yet */
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, NULL), 200);
    snprintf(etag, sizeof etag, "%s", text("etag"));
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, "\"x\""), 412);
    ck_assert_int_eq(reply_error(), 412001);
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, etag), 200);
    ck_assert_str_ne(text("etag"), etag);
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, etag), 412);
    ck_assert_uint_eq(ask("GET", "/enrollments/dev" SERVICE_VERSION, NULL, NULL), 200);
    snprintf(bare, sizeof bare, "%.*s", (int)strlen(text("etag")) - 2, text("etag") + 1);
    ck_assert_uint_eq(ask("DELETE", "/enrollments/dev" SERVICE_VERSION, NULL, etag), 412);
    ck_assert_uint_eq(ask("DELETE", "/enrollments/dev" SERVICE_VERSION, NULL, bare), 204);
    ck_assert_uint_eq(ask("DELETE", "/enrollments/dev" SERVICE_VERSION, NULL, "*"), 404);
}
END_TEST

START_TEST(an_update_keeps_the_day_of_creation)
{
    char created[100];

    ck_assert_uint_eq(enroll("dev", identity_leaf("dev", NULL), NULL, NULL), 200);
    snprintf(created, sizeof created, "%s", text("createdDateTimeUtc"));
    ck_assert_uint_eq(enroll("dev", identity_leaf("dev", NULL), NULL, NULL), 200);
    ck_assert_str_eq(text("createdDateTimeUtc"), created);
    ck_assert_str_ne(text("lastUpdatedDateTimeUtc"), created);
}
END_TEST

START_TEST(absent_things_are_404)
{
    static const char *const targets[] = {"/enrollments/x" SERVICE_VERSION,
                                          "/enrollmentGroups/x" SERVICE_VERSION};

    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(ask("GET", targets[i], NULL, NULL), 404);
        ck_assert_int_eq(reply_error(), 404201);
        ck_assert_uint_eq(ask("DELETE", targets[i], NULL, NULL), 404);
    }
    ck_assert_uint_eq(ask("GET", "/registrations/x" SERVICE_VERSION, NULL, NULL), 404);
    ck_assert_int_eq(reply_error(), 404202);
}
END_TEST

START_TEST(registration_outlives_its_enrollment)
{
    const struct identity *leaf = identity_leaf("dev", NULL);

    ck_assert_uint_eq(enroll("dev", leaf, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("dev", leaf, NULL), 200);
    ck_assert_uint_eq(ask("GET", "/enrollments/dev" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_str_eq(emu_json_text(json_object_get(reply_body(), "registrationState"), "assignedHub"),
                     "localhost:4433");
    ck_assert_uint_eq(ask("DELETE", "/enrollments/dev" SERVICE_VERSION, NULL, NULL), 204);
    ck_assert_uint_eq(ask("GET", "/registrations/dev" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_str_eq(text("deviceId"), "dev");
    ck_assert_uint_eq(ask("DELETE", "/registrations/dev" SERVICE_VERSION, NULL, "\"x\""), 412);
    ck_assert_uint_eq(ask("DELETE", "/registrations/dev" SERVICE_VERSION, NULL, NULL), 204);
    ck_assert_uint_eq(ask("GET", "/registrations/dev" SERVICE_VERSION, NULL, NULL), 404);
}
END_TEST

START_TEST(queries_answer_in_pages)
{
    const char *ids[] = {"a", "b", "c"};
    struct call query = {.method = "POST",
                         .target = "/enrollments/query" SERVICE_VERSION,
                         .body = "{\"query\":\"SELECT * FROM enrollments\"}",
                         .headers = {{"x-ms-max-item-count", "2"}}};
    char next[100];

    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(enroll(ids[i], identity_leaf(ids[i], NULL), NULL, NULL), 200);
    query.authorization = service_token();
    ck_assert_uint_eq(perform(&query), 200);
    ck_assert_uint_eq(json_array_size(reply_body()), 2);
    ck_assert_str_eq(reply_header("x-ms-item-type"), "enrollment");
    snprintf(next, sizeof next, "%s", reply_header("x-ms-continuation"));
    query.headers[1] = (struct emu_field){"x-ms-continuation", next};
    ck_assert_uint_eq(perform(&query), 200);
    ck_assert_uint_eq(json_array_size(reply_body()), 1);
    ck_assert_str_eq(emu_json_text(json_array_get(reply_body(), 0), "registrationId"), "c");
    ck_assert_ptr_null(reply_header("x-ms-continuation"));
}
END_TEST

START_TEST(registrations_are_listed_by_group)
{
    const struct identity *root = identity_ca("root", NULL);
    const struct identity *single = identity_leaf("single", NULL);

    ck_assert_uint_eq(enroll_group("fleet", root, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("one", identity_leaf("one", root), NULL), 200);
    ck_assert_uint_eq(register_device("two", identity_leaf("two", root), NULL), 200);
    ck_assert_uint_eq(enroll("single", single, NULL, NULL), 200);
    ck_assert_uint_eq(register_device("single", single, NULL), 200);
    ck_assert_uint_eq(ask("POST", "/registrations/FLEET/query" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_uint_eq(json_array_size(reply_body()), 2);
    ck_assert_str_eq(reply_header("x-ms-item-type"), "deviceRegistration");
    ck_assert_uint_eq(ask("POST", "/enrollmentGroups/query" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_uint_eq(json_array_size(reply_body()), 1);
}
END_TEST

/* --- bulk ---------------------------------------------------------------------------------------------- */

/* Runs a bulk operation on enrollments a and b, the second bad when asked; answers how many failed. */
static size_t bulk(const char *mode, const char *etag, bool bad)
{
    const struct identity *leaf = identity_leaf("a", NULL);
    char body[8192];

    snprintf(body, sizeof body,
             "{\"mode\":\"%s\",\"enrollments\":[{\"registrationId\":\"a\"%s,\"attestation\":{\"type\":"
             "\"x509\",\"x509\":"
             "{\"clientCertificates\":{\"primary\":{\"certificate\":\"%s\"}}}}},{\"registrationId\":\"b\"%s,"
             "\"attestation\":{\"type\":\"x509\",\"x509\":{\"clientCertificates\":{\"primary\":{"
             "\"certificate\":\"%s\"}}}}}]}",
             mode, etag, leaf->base64, etag, bad ? "AAAA" : leaf->base64);
    ck_assert_uint_eq(ask("POST", "/enrollments/" SERVICE_VERSION, body, NULL), 200);
    ck_assert_int_eq(json_is_true(json_object_get(reply_body(), "isSuccessful")),
                     json_array_size(json_object_get(reply_body(), "errors")) == 0);
    return json_array_size(json_object_get(reply_body(), "errors"));
}

static int bulk_error(size_t index)
{
    const json_t *error = json_array_get(json_object_get(reply_body(), "errors"), index);

    return (int)json_integer_value(json_object_get(error, "errorCode"));
}

START_TEST(bulk_changes_each_for_itself)
{
    ck_assert_uint_eq(bulk("update", "", false), 2);
    ck_assert_int_eq(bulk_error(0), 404201);
    ck_assert_uint_eq(bulk("create", "", true), 1);
    ck_assert_int_eq(bulk_error(0), 400004);
    ck_assert_uint_eq(bulk("create", "", false), 1); /* a is there */
    ck_assert_int_eq(bulk_error(0), 409201);
    ck_assert_uint_eq(bulk("update", "", false), 0);
    ck_assert_uint_eq(bulk("updateIfMatchETag", "", false), 2);
    ck_assert_uint_eq(bulk("updateIfMatchETag", ",\"etag\":\"x\"", false), 2);
    ck_assert_int_eq(bulk_error(0), 412001);
    ck_assert_uint_eq(bulk("delete", "", false), 0);
    ck_assert_uint_eq(bulk("delete", "", false), 2);
}
END_TEST

START_TEST(bulk_refuses_what_it_cannot_read)
{
    static const char *const refused[] = {"{}", "{\"mode\":\"what\",\"enrollments\":[{}]}",
                                          "{\"mode\":\"create\",\"enrollments\":[]}",
                                          "{\"mode\":\"create\",\"enrollments\":[1,2,3,4,5,6,7,8,9,10,11]}"};

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_uint_eq(ask("POST", "/enrollments" SERVICE_VERSION, refused[i], NULL), 400);
    ck_assert_uint_eq(ask("POST", "/enrollmentGroups" SERVICE_VERSION,
                          "{\"mode\":\"delete\",\"enrollmentGroups\":[7]}", NULL),
                      200);
    ck_assert_int_eq(bulk_error(0), 400004);
}
END_TEST

START_TEST(attestation_is_shown_by_itself)
{
    ck_assert_uint_eq(enroll("dev", identity_leaf("dev", NULL), NULL, NULL), 200);
    ck_assert_uint_eq(ask("POST", "/enrollments/dev/attestationmechanism" SERVICE_VERSION, NULL, NULL), 200);
    ck_assert_str_eq(text("type"), "x509");
    ck_assert_ptr_nonnull(json_object_get(reply_body(), "x509"));
    ck_assert_uint_eq(ask("POST", "/enrollmentGroups/dev/attestationmechanism" SERVICE_VERSION, NULL, NULL),
                      404);
}
END_TEST

/* --- tokens -------------------------------------------------------------------------------------------- */

static const struct {
    const char *resource;
    const char *policy;
    const char *host;
    int lifetime;
    unsigned status;
} tokens[] = {
    {"localhost",                            OWNER,   NULL,                                   600,  404},
    {"LOCALHOST%3a4433",                     OWNER,   NULL,                                   600,  404},
    {"localhost",                            OWNER,   "127.0.0.1:9",                          600,  404},
    {"mydps.azure-devices-provisioning.net", OWNER,   "MyDps.azure-devices-provisioning.net", 600,  404},
    {"mydps.azure-devices-provisioning.net", OWNER,   NULL,                                   600,  401},
    {"localhost",                            OWNER,   NULL,                                   -301, 401},
    {"localhost",                            "other", NULL,                                   600,  401},
    {"localhost",                            NULL,    NULL,                                   600,  401},
};

START_TEST(token_is_for_us_and_not_old)
{
    ck_assert_uint_eq(
        perform(&(struct call){.method = "GET",
                               .target = "/enrollments/x" SERVICE_VERSION,
                               .host = tokens[_i].host,
                               .authorization = service_token_for(tokens[_i].resource, tokens[_i].policy,
                                                                  time(NULL) + tokens[_i].lifetime)}),
        tokens[_i].status);
    ck_assert_int_eq(reply_error(), tokens[_i].status == 404 ? 404201 : 401002);
}
END_TEST

/* Every row of the service API, to be asked without a token. */
static const struct {
    const char *method;
    const char *target;
} doors[] = {
    {"PUT",    "/enrollments/x"                          },
    {"GET",    "/enrollments/x"                          },
    {"DELETE", "/enrollments/x"                          },
    {"POST",   "/enrollments/query"                      },
    {"PUT",    "/enrollmentGroups/x"                     },
    {"GET",    "/enrollmentGroups/x"                     },
    {"DELETE", "/enrollmentGroups/x"                     },
    {"POST",   "/enrollmentGroups/query"                 },
    {"GET",    "/registrations/x"                        },
    {"DELETE", "/registrations/x"                        },
    {"POST",   "/registrations/x/query"                  },
    {"POST",   "/enrollments"                            },
    {"POST",   "/enrollmentGroups"                       },
    {"POST",   "/enrollments/x/attestationmechanism"     },
    {"POST",   "/enrollmentGroups/x/attestationmechanism"},
};

START_TEST(every_door_asks_for_version_and_token)
{
    static const char *const bad[] = {NULL, "Bearer x", "SharedAccessSignature sr=localhost&se=1",
                                      "SharedAccessSignature sr=localhost&sig=AAAA&se=9999999999&skn=" OWNER};
    char target[100];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(target, sizeof target, "%s" SERVICE_VERSION, doors[_i].target);
        ck_assert_uint_eq(
            perform(&(struct call){
                .method = doors[_i].method, .target = target, .body = "{}", .authorization = bad[i]}),
            401);
        ck_assert_int_eq(reply_error(), 401002);
    }
    ck_assert_uint_eq(ask(doors[_i].method, doors[_i].target, "{}", NULL), 400);
}
END_TEST

/* --- bodies -------------------------------------------------------------------------------------------- */

#define DEV "{\"registrationId\":\"dev\","
#define ATTESTATION "\"attestation\":{\"type\":\"x509\",\"x509\":{"
#define X509 ATTESTATION "\"clientCertificates\":{\"primary\":{\"certificate\":\"%s\"}}}}"

static const struct {
    const char *body; /* %s: a good certificate */
    const char *text;
} bodies[] = {
    {"",                                                                                   "body is missing"               },
    {"[]",                                                                                 "must be a JSON object"         },
    {"{\"a\":1,\"a\":2}",                                                                  "not JSON"                      },
    {"{" X509 "}",                                                                         "registrationId is missing"     },
    {"{\"registrationId\":\"other\"," X509 "}",                                            "is not dev"                    },
    {"{\"registrationId\":\"dev\"}",                                                       "attestation with its type"     },
    {DEV "\"attestation\":{\"type\":\"x509\"}}",                                           "attestation.x509 is missing"   },
    {DEV "\"attestation\":{\"type\":\"magic\",\"magic\":{}}}",                             "only x509, symmetricKey, tpm"  },
    {DEV ATTESTATION "}}}",                                                                "primary.certificate is missing"},
    {DEV ATTESTATION "\"signingCertificates\":{}}}}",                                      "has clientCertificates"        },
    {DEV ATTESTATION "\"caReferences\":{}}}}",                                             "caReferences"                  },
    {DEV ATTESTATION "\"clientCertificates\":{\"primary\":{\"certificate\":\"AAAA\"}}}}}",
     "primary.certificate is no certificate"                                                                               },
    {DEV "\"provisioningStatus\":\"maybe\"," X509 "}",                                     "enabled or disabled"           },
    {DEV "\"provisioningStatus\":1," X509 "}",                                             "must be a string"              },
    {DEV "\"allocationPolicy\":\"custom\"," X509 "}",                                      "custom is not offered"         },
    {DEV "\"deviceId\":\"a b\"," X509 "}",                                                 "deviceId"                      },
    {DEV "\"iotHubs\":\"x\"," X509 "}",                                                    "must be an array"              },
    {DEV "\"iotHubs\":[\"a/b\"]," X509 "}",                                                "iotHubs[0]"                    },
    {DEV "\"iotHubHostName\":\"a b\"," X509 "}",                                           "iotHubHostName"                },
    {DEV "\"capabilities\":{\"iotEdge\":1}," X509 "}",                                     "capabilities.iotEdge"          },
    {DEV "\"reprovisionPolicy\":true," X509 "}",                                           "must be an object"             },
    {DEV "\"initialTwin\":{\"tags\":1}," X509 "}",                                         "initialTwin"                   },
};

START_TEST(refuses_bad_bodies_by_name)
{
    char body[4096];
    const char *mark = strstr(bodies[_i].body, "%s");
    size_t head = mark != NULL ? (size_t)(mark - bodies[_i].body) : strlen(bodies[_i].body);

    snprintf(body, sizeof body, "%.*s%s%s", (int)head, bodies[_i].body,
             mark != NULL ? identity_leaf("dev", NULL)->base64 : "", mark != NULL ? mark + 2 : "");
    ck_assert_uint_eq(ask("PUT", "/enrollments/dev" SERVICE_VERSION, body, NULL), 400);
    ck_assert_int_eq(reply_error(), 400004);
    ck_assert_msg(strstr(reply_message(), bodies[_i].text) != NULL, "%s", reply_message());
    ck_assert_uint_eq(ask("GET", "/enrollments/dev" SERVICE_VERSION, NULL, NULL), 404);
}
END_TEST

START_TEST(groups_have_rules_of_their_own)
{
    const struct identity *root = identity_ca("root", NULL);

    ck_assert_uint_eq(enroll_group("g", identity_leaf("leaf", NULL), NULL, NULL), 400);
    ck_assert(strstr(reply_message(), "not a CA certificate") != NULL);
    ck_assert_uint_eq(enroll_group("g", root, identity_leaf("leaf", NULL), NULL), 400);
    ck_assert_uint_eq(enroll_group("g", root, NULL, ",\"deviceId\":\"x\""), 400);
    ck_assert(strstr(reply_message(), "has no deviceId") != NULL);
    ck_assert_uint_eq(enroll_group("g", root, NULL, NULL), 200);
    ck_assert_str_eq(text("enrollmentGroupId"), "g");
}
END_TEST

START_TEST(content_type_must_be_json)
{
    ck_assert_uint_eq(perform(&(struct call){.method = "PUT",
                                             .target = "/enrollments/dev" SERVICE_VERSION,
                                             .body = "{}",
                                             .type = "text/plain",
                                             .authorization = service_token()}),
                      415);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("service_api");
    TCase *t = tcase_create("service_api");

    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_test(t, put_fills_in_what_was_left_out);
    tcase_add_test(t, get_returns_all_that_was_put);
    tcase_add_test(t, a_client_cannot_set_what_the_service_decides);
    tcase_add_test(t, pem_and_base64_of_pem_are_read_too);
    tcase_add_test(t, etags_guard_changes);
    tcase_add_test(t, an_update_keeps_the_day_of_creation);
    tcase_add_test(t, absent_things_are_404);
    tcase_add_test(t, registration_outlives_its_enrollment);
    tcase_add_test(t, queries_answer_in_pages);
    tcase_add_test(t, registrations_are_listed_by_group);
    tcase_add_test(t, bulk_changes_each_for_itself);
    tcase_add_test(t, bulk_refuses_what_it_cannot_read);
    tcase_add_test(t, attestation_is_shown_by_itself);
    tcase_add_loop_test(t, token_is_for_us_and_not_old, 0, (int)(sizeof tokens / sizeof tokens[0]));
    tcase_add_loop_test(t, every_door_asks_for_version_and_token, 0, (int)(sizeof doors / sizeof doors[0]));
    tcase_add_loop_test(t, refuses_bad_bodies_by_name, 0, (int)(sizeof bodies / sizeof bodies[0]));
    tcase_add_test(t, groups_have_rules_of_their_own);
    tcase_add_test(t, content_type_must_be_json);
    suite_add_tcase(s, t);
    return s;
}
