/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations with symmetric keys: from files, values and the environment, from a token (SoftHSM), of
 * groups. */
#include "dps/base64.h"
#include "dps/key.h"
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])
#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define ASSIGNED                                                                                             \
    "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"device-1\"}}"
/* The published example of a group: its key, a device, and that device's key. */
#define GROUP_KEY "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define DEVICE "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define DEVICE_KEY "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define SCOPE "0ne00000A0A"
/* Its signature until 1800000000, an hour after the clock that the tests set. */
#define SIGNATURE                                                                                            \
    "\r\nAuthorization: SharedAccessSignature sr=" SCOPE "%2Fregistrations%2F" DEVICE                        \
    "&sig=4GJHpvoXE7IrtAejo0rxqZ6jTFaMtb0uhOVtHS4%2BBZ0%3D&se=1800000000&skn=registration\r\n"
#define TOKEN "pkcs11:token=device;object=sas"

static struct dps_fixture_clock hands;
static struct dps_fixture_log heard;
static const struct dps_server_row signed_row[] = {{.method = "PUT",
                                                    .body = "{\"registrationId\":\"" DEVICE "\"}",
                                                    .header = SIGNATURE,
                                                    .status = 200,
                                                    .answer = ASSIGNED}};

/* A token with a PIN, and nothing in it. */
static void make_token(void)
{
    char *output;

    ck_assert_int_eq(support_shell(NULL, "rm -rf %s && mkdir %s && echo directories.tokendir = %s > %s",
                                   support_path("tokens"), support_path("tokens"), support_path("tokens"),
                                   support_path("softhsm.conf")),
                     0);
    setenv("SOFTHSM2_CONF", support_path("softhsm.conf"), 1);
    ck_assert_msg(
        support_shell(&output, "softhsm2-util --init-token --free --label device --pin 1234 --so-pin 1234") ==
            0,
        "%s", output);
    free(output);
}

/* Puts a secret key into the token, under the label "sas". */
static void write_secret(const char *base64)
{
    struct dps_report report = {0};
    const struct dps_token_settings settings = {.module = SOFTHSM, .report = &report};
    struct dps_token *token;
    dps_key_handle key;
    struct bytes value;

    ck_assert(dps_base64_read(base64, strlen(base64), &value));
    ck_assert_msg(dps_token_open(&settings, TOKEN "?pin-value=1234", false, &token) == DPS_OK, "%s",
                  report.text);
    ck_assert_msg(dps_key_import(token, &value, &key) == DPS_OK, "%s", report.text);
    dps_token_close(token);
    bytes_free(&value);
}

static dps_client *make_client(const struct dps_server *server)
{
    dps_client *client = dps_client_new(SCOPE, DEVICE);

    if (server != NULL)
        ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("ca.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_set_proxy(client, ""), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, SOFTHSM), DPS_OK);
    client->clock = dps_fixture_clock(&hands);
    hands.date = 1800000000 - 3600;
    memset(&heard, 0, sizeof heard);
    dps_client_set_log(client, dps_fixture_log, &heard);
    return client;
}

/* Registers a client that signs as the example's device does, and frees it. */
static void register_signed(dps_client *client, struct dps_server *server)
{
    dps_registration *registration;

    ck_assert_msg(dps_client_register(client, &registration) == DPS_OK, "%s", dps_client_error(client));
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_finish(server);
}

static dps_status fail_to_register(dps_client *client, const char *text)
{
    dps_registration *registration;
    dps_status status = dps_client_register(client, &registration);

    ck_assert_ptr_null(registration);
    ck_assert_msg(strstr(dps_client_error(client), text) != NULL, "%s", dps_client_error(client));
    dps_client_free(client);
    return status;
}

/* ---- keys by value ---- */

START_TEST(a_key_by_value_signs)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);

    ck_assert_int_eq(dps_client_use_symmetric_value(client, DEVICE_KEY), DPS_OK);
    register_signed(client, server);
}
END_TEST

START_TEST(a_key_in_a_file_signs)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);
    char uri[4096];

    support_write(support_path("key"), "\n  " DEVICE_KEY " \r\n");
    snprintf(uri, sizeof uri, "%s%s", _i == 0 ? "" : "file://", support_path("key"));
    ck_assert_int_eq(dps_client_use_symmetric(client, uri), DPS_OK);
    register_signed(client, server);
}
END_TEST

START_TEST(a_groups_key_signs_as_the_device)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);

    ck_assert_int_eq(dps_client_use_group_value(client, GROUP_KEY), DPS_OK);
    register_signed(client, server);
    ck_assert_ptr_null(strstr(heard.text, "WARNING"));
}
END_TEST

START_TEST(the_environment_is_read_when_asked_for)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = dps_client_new(NULL, NULL);
    dps_client *other = make_client(NULL);

    setenv("PROVISIONING_HOST", dps_server_authority(server), 1);
    setenv("PROVISIONING_IDSCOPE", SCOPE, 1);
    setenv("PROVISIONING_REGISTRATION_ID", DEVICE, 1);
    setenv("PROVISIONING_SYMMETRIC_KEY", DEVICE_KEY, 1);
    client->clock = other->clock;
    dps_client_set_trust(client, support_path("ca.pem"));
    dps_client_set_proxy(client, "");
    ck_assert_int_eq(dps_client_use_environment(client), DPS_OK);
    register_signed(client, server);
    ck_assert_int_eq(fail_to_register(other, "there are no credentials"), DPS_INVALID);
}
END_TEST

START_TEST(an_empty_environment_changes_nothing)
{
    dps_client *client = make_client(NULL);

    unsetenv("PROVISIONING_HOST");
    setenv("PROVISIONING_IDSCOPE", "", 1);
    unsetenv("PROVISIONING_REGISTRATION_ID");
    unsetenv("PROVISIONING_SYMMETRIC_KEY");
    ck_assert_int_eq(dps_client_use_symmetric_value(client, DEVICE_KEY), DPS_OK);
    ck_assert_int_eq(dps_client_use_environment(client), DPS_OK);
    ck_assert_str_eq(client->id_scope, SCOPE);
    ck_assert_str_eq(client->registration_id, DEVICE);
    ck_assert_ptr_eq(client->attest, &dps_attest_symmetric);
    setenv("PROVISIONING_HOST", "http://x", 1);
    ck_assert_int_eq(dps_client_use_environment(client), DPS_INVALID);
    dps_client_free(client);
}
END_TEST

START_TEST(what_is_no_key_of_the_service_is_refused_before_anything_is_sent)
{
    static const struct {
        const char *key;
        const char *error;
    } cases[] = {
        {"not base64!", "is not base64"},
        {"AAAA", "has 3 bytes"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "the service's keys have 16 to 64"},
        {"   ", "is not base64"},
    };
    dps_client *client = make_client(NULL);

    ck_assert_int_eq(dps_client_use_symmetric_value(client, cases[_i].key), DPS_OK);
    ck_assert_int_eq(fail_to_register(client, cases[_i].error), DPS_KEY);
    /* a key is never told, not even a wrong one */
    ck_assert_ptr_null(strstr(heard.text, "not base64!"));
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    dps_client *client = make_client(NULL);

    ck_assert_int_eq(dps_client_use_symmetric(client, "/nowhere/key"), DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "the symmetric key in /nowhere/key cannot be read"), DPS_KEY);
}
END_TEST

START_TEST(a_group_needs_the_registration_id_as_it_was_enrolled)
{
    dps_client *client = make_client(NULL);

    ck_assert_int_eq(dps_client_use_group_value(client, GROUP_KEY), DPS_OK);
    dps_client_set_text(client, &client->registration_id, NULL);
    ck_assert_int_eq(fail_to_register(client, "there is no registration id"), DPS_INVALID);

    client = make_client(NULL);
    ck_assert_int_eq(dps_client_use_group_value(client, GROUP_KEY), DPS_OK);
    dps_client_set_text(client, &client->registration_id, "SN-007");
    ck_assert_int_eq(dps_client_prepare(client), DPS_OK);
    ck_assert_ptr_nonnull(
        strstr(heard.text, "WARNING the registration id \"SN-007\" has upper-case letters"));
    dps_client_free(client);
}
END_TEST

START_TEST(setters_refuse_nothing_at_all)
{
    dps_client *client = make_client(NULL);

    ck_assert_int_eq(dps_client_use_symmetric(client, NULL), DPS_INVALID);
    ck_assert_int_eq(dps_client_use_symmetric_value(client, ""), DPS_INVALID);
    ck_assert_int_eq(dps_client_use_group(client, ""), DPS_INVALID);
    ck_assert_int_eq(dps_client_use_group_value(client, NULL), DPS_INVALID);
    ck_assert_int_eq(dps_client_set_key_store(client, "/a/file"), DPS_INVALID);
    ck_assert_ptr_null(client->attest);
    dps_client_free(client);
}
END_TEST

/* ---- keys in a token ---- */

static int answer_pin(void *data, const char *what, char *pin, size_t size)
{
    ck_assert_str_eq(what, TOKEN);
    ck_assert_uint_ge(size, 4);
    memcpy(pin, data, 4);
    return 4;
}

static const char *const ways[] = {TOKEN "?pin-value=1234", TOKEN "?pin-source=file:", TOKEN};

START_TEST(a_key_in_a_token_signs)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);
    char uri[4096];

    support_write(support_path("pin"), "1234\n");
    snprintf(uri, sizeof uri, "%s%s", ways[_i], _i == 1 ? support_path("pin") : "");
    make_token();
    write_secret(DEVICE_KEY);
    ck_assert_int_eq(dps_client_use_symmetric(client, uri), DPS_OK);
    ck_assert_int_eq(dps_client_set_pin(client, answer_pin, (void *)(uintptr_t) "1234"), DPS_OK);
    register_signed(client, server);
    ck_assert_ptr_null(strstr(heard.text, "1234"));
}
END_TEST

START_TEST(a_groups_key_in_a_token_signs_as_the_device)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);

    make_token();
    write_secret(GROUP_KEY);
    ck_assert_int_eq(dps_client_use_group(client, TOKEN "?pin-value=1234"), DPS_OK);
    register_signed(client, server);
}
END_TEST

START_TEST(a_token_says_why_it_does_not_serve)
{
    static const struct {
        const char *uri;
        const char *error;
        dps_status status;
    } cases[] = {
        {"pkcs11:token=device;object=other?pin-value=1234",
         "there is no such secret key in the token \"device\"", DPS_KEY},
        {"pkcs11:token=nobody;object=sas?pin-value=1234",
         "pkcs11:token=nobody;object=sas: there is no such token", DPS_KEY},
        {TOKEN "?pin-value=9999", "CKR_PIN_INCORRECT", DPS_KEY},
        {TOKEN "?pin-source=/nowhere", "the PIN file /nowhere cannot be read", DPS_KEY},
        {TOKEN, "the token \"device\" has a PIN", DPS_KEY},
        {"pkcs11:token=device;nonsense=1", "it has an attribute that RFC 7512 does not know", DPS_INVALID},
        {"pkcs11:token=%zz", "is no pkcs11: URI", DPS_INVALID},
    };

    make_token();
    write_secret(DEVICE_KEY);
    for (size_t i = 0; i < COUNT(cases); i++) {
        dps_client *client = make_client(NULL);

        ck_assert_int_eq(dps_client_use_symmetric(client, cases[i].uri), DPS_OK);
        ck_assert_int_eq(fail_to_register(client, cases[i].error), cases[i].status);
        ck_assert_ptr_null(strstr(heard.text, "9999"));
    }
}
END_TEST

START_TEST(two_keys_of_one_name_are_no_key)
{
    dps_client *client = make_client(NULL);

    make_token();
    write_secret(DEVICE_KEY);
    write_secret(GROUP_KEY);
    ck_assert_int_eq(dps_client_use_symmetric(client, TOKEN "?pin-value=1234"), DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "fits several secret keys"), DPS_KEY);
}
END_TEST

START_TEST(a_module_that_is_none_is_named)
{
    dps_client *client = make_client(NULL);

    ck_assert_int_eq(dps_client_use_symmetric(client, TOKEN), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, "/nowhere.so"), DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "the PKCS#11 module /nowhere.so cannot be loaded"), DPS_KEY);
    client = make_client(NULL);
    ck_assert_int_eq(dps_client_use_symmetric(client, TOKEN), DPS_OK);
    ck_assert_int_eq(dps_client_set_module(client, support_build_path("tests/support/.libs/tcti_count.so")),
                     DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "is no PKCS#11 module"), DPS_KEY);
}
END_TEST

/* The group's key is needed once; then the device's own is in the token, and cannot leave it. */
START_TEST(a_derived_key_moves_into_the_token)
{
    struct dps_server *server = dps_fixture_server(signed_row, 1);
    dps_client *client = make_client(server);
    char *output;

    make_token();
    support_write(support_path("group.key"), GROUP_KEY);
    ck_assert_int_eq(dps_client_use_group(client, support_path("group.key")), DPS_OK);
    ck_assert_int_eq(dps_client_set_key_store(client, TOKEN "?pin-value=1234"), DPS_OK);
    register_signed(client, server);

    ck_assert_int_eq(remove(support_path("group.key")), 0);
    server = dps_fixture_server(signed_row, 1);
    client = make_client(server);
    ck_assert_int_eq(dps_client_use_group(client, support_path("group.key")), DPS_OK);
    ck_assert_int_eq(dps_client_set_key_store(client, TOKEN "?pin-value=1234"), DPS_OK);
    register_signed(client, server);
    ck_assert_int_eq(support_shell(&output,
                                   "pkcs11-tool --module %s --login --pin 1234 --list-objects --type "
                                   "secrkey | grep -c 'sensitive, always sensitive\\|sensitive'",
                                   SOFTHSM),
                     0);
    ck_assert_str_eq(output, "1\n");
    free(output);
}
END_TEST

START_TEST(a_key_store_must_name_a_key_and_get_one)
{
    dps_client *client = make_client(NULL);

    make_token();
    ck_assert_int_eq(dps_client_use_symmetric_value(client, DEVICE_KEY), DPS_OK);
    ck_assert_int_eq(dps_client_set_key_store(client, "pkcs11:token=device?pin-value=1234"), DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "names no key"), DPS_KEY);
    client = make_client(NULL);
    write_secret(DEVICE_KEY);
    ck_assert_int_eq(dps_client_use_symmetric(client, TOKEN "?pin-value=1234"), DPS_OK);
    ck_assert_int_eq(dps_client_set_key_store(client, "pkcs11:token=device;object=new?pin-value=1234"),
                     DPS_OK);
    ck_assert_int_eq(fail_to_register(client, "is in a token already"), DPS_INVALID);
}
END_TEST

/* ---- signatures for others, and refusals ---- */

START_TEST(a_signature_is_made_for_others)
{
    dps_client *client = make_client(NULL);
    char *token;

    ck_assert_int_eq(dps_client_use_symmetric_value(client, DEVICE_KEY), DPS_OK);
    ck_assert_int_eq(dps_client_sas(client, SCOPE "/registrations/" DEVICE, 3600, &token), DPS_OK);
    ck_assert_ptr_nonnull(
        strstr(token, "&sig=4GJHpvoXE7IrtAejo0rxqZ6jTFaMtb0uhOVtHS4%2BBZ0%3D&se=1800000000"));
    free(token);
    ck_assert_int_eq(dps_client_sas(client, "hub/devices/d", 0, &token), DPS_INVALID);
    ck_assert_ptr_null(token);
    ck_assert_int_eq(dps_client_sas(client, "", 1, &token), DPS_INVALID);
    ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                     DPS_OK);
    dps_client_set_text(client, &client->registration_id, NULL);
    hands.date = (int64_t)time(NULL);
    ck_assert_int_eq(dps_client_sas(client, "hub/devices/d", 1, &token), DPS_INVALID);
    dps_client_free(client);
}
END_TEST

START_TEST(a_refusal_says_which_key_it_takes)
{
    static const struct dps_server_row rows[] = {
        {.status = 401,
         .answer = "{\"errorCode\":401002,\"trackingId\":\"t-1\",\"message\":\"Unauthorized\"}"}};
    struct dps_server *server = dps_fixture_server(rows, 1);
    dps_client *client = make_client(server);

    ck_assert_int_eq(_i == 0 ? dps_client_use_symmetric_value(client, DEVICE_KEY)
                             : dps_client_use_group_value(client, GROUP_KEY),
                     DPS_OK);
    ck_assert_int_eq(fail_to_register(client, _i == 0 ? "primary or secondary one of this device's enrollment"
                                                      : "the key must be the group's own"),
                     DPS_REJECTED);
    dps_server_finish(server);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("attest_symmetric");
    TCase *t = tcase_create("attest_symmetric");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_key_by_value_signs);
    tcase_add_loop_test(t, a_key_in_a_file_signs, 0, 2);
    tcase_add_test(t, a_groups_key_signs_as_the_device);
    tcase_add_test(t, the_environment_is_read_when_asked_for);
    tcase_add_test(t, an_empty_environment_changes_nothing);
    tcase_add_loop_test(t, what_is_no_key_of_the_service_is_refused_before_anything_is_sent, 0, 4);
    tcase_add_test(t, a_missing_file_is_named);
    tcase_add_test(t, a_group_needs_the_registration_id_as_it_was_enrolled);
    tcase_add_test(t, setters_refuse_nothing_at_all);
    tcase_add_loop_test(t, a_key_in_a_token_signs, 0, COUNT(ways));
    tcase_add_test(t, a_groups_key_in_a_token_signs_as_the_device);
    tcase_add_test(t, a_token_says_why_it_does_not_serve);
    tcase_add_test(t, two_keys_of_one_name_are_no_key);
    tcase_add_test(t, a_module_that_is_none_is_named);
    tcase_add_test(t, a_derived_key_moves_into_the_token);
    tcase_add_test(t, a_key_store_must_name_a_key_and_get_one);
    tcase_add_test(t, a_signature_is_made_for_others);
    tcase_add_loop_test(t, a_refusal_says_which_key_it_takes, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
