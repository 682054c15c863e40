/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/enrollment.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>

#define EK "AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXX"

static json_t *body;
static char *said;

static void teardown(void)
{
    json_decref(body);
    body = NULL;
    free(said);
    said = NULL;
}

static enum cli_status make(const struct cli_enrollment_kind *kind,
                            const struct cli_enrollment_create *options)
{
    struct capture capture;
    enum cli_status status;

    teardown();
    capture = capture_begin(2);
    status = cli_enrollment_body(kind, options, &body);
    said = capture_end(&capture);
    return status;
}

/* The body is that JSON, whatever the order. */
static void check_body(const char *text)
{
    json_t *wanted = json_loads(text, 0, NULL);
    char *found = json_dumps(body, JSON_COMPACT);

    ck_assert_ptr_nonnull(wanted);
    ck_assert_msg(json_equal(body, wanted), "%s", found);
    json_decref(wanted);
    free(found);
}

#define REST                                                                                                 \
    "\"provisioningStatus\":\"enabled\",\"capabilities\":{\"iotEdge\":false},\"reprovisionPolicy\":{"        \
    "\"updateHubAssignment\":true,\"migrateDeviceData\":true}"

START_TEST(a_tpm)
{
    const struct cli_enrollment_create options = {
        .id = "d", .endorsement_key = " " EK "\n", .device_id = "e"};

    ck_assert_int_eq(make(&cli_enrollment_individual, &options), CLI_OK);
    check_body("{\"registrationId\":\"d\",\"deviceId\":\"e\",\"attestation\":{\"type\":\"tpm\",\"tpm\":{"
               "\"endorsementKey\":\"" EK "\"}}," REST "}");
}
END_TEST

START_TEST(an_endorsement_key_as_the_tpm_writes_it)
{
    static const unsigned char wire[] = {0x01, 0x3a, 0x00, 0x01};
    const char *path = support_path("ek.pub");
    unsigned char whole[2 + 0x13a] = {0};
    FILE *file = fopen(path, "w");
    char *key;

    memcpy(whole, wire, sizeof wire);
    ck_assert_uint_eq(fwrite(whole, 1, sizeof whole, file), sizeof whole);
    fclose(file);
    ck_assert_int_eq(cli_enrollment_endorsement_key(path, &key), CLI_OK);
    ck_assert_uint_eq(strlen(key), 424);
    ck_assert(strncmp(key, "AToAAQAA", 8) == 0);
    free(key);
}
END_TEST

START_TEST(certificates)
{
    const char *path = support_path("c.pem");
    struct cli_enrollment_create options = {
        .id = "g", .certificates = {.items = {path, path}, .count = 2}
    };
    const json_t *slots;

    support_write(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    ck_assert_int_eq(make(&cli_enrollment_group, &options), CLI_OK);
    slots =
        json_object_get(json_object_get(json_object_get(body, "attestation"), "x509"), "signingCertificates");
    ck_assert_uint_eq(json_object_size(slots), 2);
    ck_assert_ptr_nonnull(json_object_get(json_object_get(slots, "secondary"), "certificate"));
    ck_assert_ptr_nonnull(json_object_get(body, "enrollmentGroupId"));
    options.certificates.items[2] = path;
    options.certificates.count = 3;
    ck_assert_int_eq(make(&cli_enrollment_group, &options), CLI_USAGE);
}
END_TEST

START_TEST(symmetric_keys)
{
    const char *path = support_path("key");
    struct cli_enrollment_create options = {.id = "d", .symmetric = true};

    ck_assert_int_eq(make(&cli_enrollment_individual, &options), CLI_OK);
    check_body("{\"registrationId\":\"d\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
               "\"primaryKey\":\"\",\"secondaryKey\":\"\"}}," REST "}");
    support_write(path, "AAECAwQFBgcICQoLDA0ODw==\n");
    options.key_files = (struct cli_list){.items = {path}, .count = 1};
    ck_assert_int_eq(make(&cli_enrollment_individual, &options), CLI_OK);
    ck_assert_str_eq(
        json_string_value(json_object_get(
            json_object_get(json_object_get(body, "attestation"), "symmetricKey"), "primaryKey")),
        "AAECAwQFBgcICQoLDA0ODw==");
    support_write(path, "no base64!\n");
    ck_assert_int_eq(make(&cli_enrollment_individual, &options), CLI_INPUT);
    ck_assert(strstr(said, "base64") != NULL);
}
END_TEST

START_TEST(all_the_rest)
{
    const char *twin = support_path("twin.json");
    const struct cli_enrollment_create options = {
        .id = "d",
        .symmetric = true,
        .hubs = {.items = {"a", "b"}, .count = 2},
        .allocation = "static",
        .twin_file = twin,
        .policy = "p",
        .edge = true,
        .disabled = true,
        .reset = true,
    };

    support_write(twin, "{\"tags\":{\"a\":1}}");
    ck_assert_int_eq(make(&cli_enrollment_individual, &options), CLI_OK);
    check_body(
        "{\"registrationId\":\"d\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
        "\"primaryKey\":\"\",\"secondaryKey\":\"\"}},\"provisioningStatus\":\"disabled\",\"capabilities\":{"
        "\"iotEdge\":true},\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":false},"
        "\"iotHubs\":[\"a\",\"b\"],\"allocationPolicy\":\"static\",\"initialTwin\":{\"tags\":{\"a\":1}},"
        "\"credentialPolicyName\":\"p\"}");
}
END_TEST

START_TEST(one_attestation_is_needed)
{
    ck_assert_int_eq(make(&cli_enrollment_individual, &(struct cli_enrollment_create){.id = "d"}), CLI_USAGE);
    ck_assert(strstr(said, "--endorsement-key") != NULL);
    ck_assert_int_eq(make(&cli_enrollment_group, &(struct cli_enrollment_create){.id = "d"}), CLI_USAGE);
    ck_assert_ptr_null(strstr(said, "--endorsement-key"));
    ck_assert_int_eq(
        make(&cli_enrollment_individual,
             &(struct cli_enrollment_create){.id = "d", .symmetric = true, .endorsement_key = EK}),
        CLI_USAGE);
}
END_TEST

START_TEST(wrong_files_are_named)
{
    const char *path = support_path("wrong");

    support_write(path, "-----BEGIN PUBLIC KEY-----\n");
    ck_assert_int_eq(
        make(&cli_enrollment_individual, &(struct cli_enrollment_create){.id = "d", .endorsement_key = path}),
        CLI_INPUT);
    ck_assert(strstr(said, "AToAAQALAAMAsgAg") != NULL);
    ck_assert_int_eq(make(&cli_enrollment_individual,
                          &(struct cli_enrollment_create){
                              .id = "d", .certificates = {.items = {path}, .count = 1}
    }),
                     CLI_INPUT);
    ck_assert(strstr(said, "no certificate in PEM") != NULL);
    ck_assert_int_eq(make(&cli_enrollment_individual,
                          &(struct cli_enrollment_create){.id = "d", .symmetric = true, .twin_file = path}),
                     CLI_INPUT);
    ck_assert(strstr(said, "line 1") != NULL);
    support_write(path, "{\"a\":1}");
    ck_assert_int_eq(make(&cli_enrollment_individual,
                          &(struct cli_enrollment_create){.id = "d", .symmetric = true, .twin_file = path}),
                     CLI_INPUT);
    ck_assert(strstr(said, "tags") != NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("enrollment");
    TCase *t = tcase_create("enrollment");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, a_tpm);
    tcase_add_test(t, an_endorsement_key_as_the_tpm_writes_it);
    tcase_add_test(t, certificates);
    tcase_add_test(t, symmetric_keys);
    tcase_add_test(t, all_the_rest);
    tcase_add_test(t, one_attestation_is_needed);
    tcase_add_test(t, wrong_files_are_named);
    suite_add_tcase(s, t);
    return s;
}
