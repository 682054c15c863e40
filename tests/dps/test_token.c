/* SPDX-License-Identifier: Apache-2.0 */
/* A registration with a key of a PKCS#11 token (SoftHSM), by way of DevID's provider. */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define OBJECT "pkcs11:token=device;object=device-id"
#define ASSIGNED                                                                                             \
    "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":\"h\",\"deviceId\":\"device-1\"}}"

static struct dps_fixture_clock hands;

/* A token with device.key, and with the leaf and the intermediate certificate. */
static void make_token(void)
{
    char *output;

    dps_fixture_make();
    ck_assert_int_eq(support_shell(NULL, "mkdir -p %s", support_path("tokens")), 0);
    support_write(support_path("softhsm.conf"), "directories.tokendir = ");
    ck_assert_int_eq(
        support_shell(NULL, "echo %s >> %s", support_path("tokens"), support_path("softhsm.conf")), 0);
    setenv("SOFTHSM2_CONF", support_path("softhsm.conf"), 1);
    ck_assert_msg(
        support_shell(
            &output,
            "cd %s && softhsm2-util --init-token --free --label device --pin 1234 --so-pin 1234 && "
            "softhsm2-util --import device.key --token device --label device-id --id 01 --pin 1234 && "
            "openssl x509 -in leaf.pem -outform DER -out leaf.der && "
            "pkcs11-tool --module %s --login --pin 1234 --write-object leaf.der --type cert "
            "--label device-id --id 01",
            support_directory(), SOFTHSM) == 0,
        "%s", output);
    free(output);
    setenv("OPENSSL_MODULES", support_build_path("provider/.libs"), 1);
}

/* Registers at a server that requires a client certificate and speaks TLS up to `version`. */
static dps_status run(const char *certificate, const char *key, int version, dps_pin_fn pin, void *pin_data,
                      char *error, size_t error_size)
{
    static const struct dps_server_row rows[] = {{.method = "PUT", .status = 200, .answer = ASSIGNED}};
    const struct dps_server_options options = {.certificate = support_path("server.pem"),
                                               .key = support_path("server.key"),
                                               .client = CERTIFICATE_REQUIRED,
                                               .tls_version = version};
    struct dps_server *server = dps_server_start(&options, rows, 1);
    dps_client *client = dps_fixture_client(server, &hands);
    dps_registration *registration;
    dps_status status;

    ck_assert_int_eq(dps_client_set_module(client, SOFTHSM), DPS_OK);
    ck_assert_int_eq(dps_client_set_pin(client, pin, pin_data), DPS_OK);
    ck_assert_int_eq(dps_client_use_x509(client, certificate, key), DPS_OK);
    status = dps_client_register(client, &registration);
    snprintf(error, error_size, "%s", dps_client_error(client));
    dps_registration_free(registration);
    dps_client_free(client);
    dps_server_stop(server);
    if (status == DPS_OK)
        ck_assert_str_eq(dps_server_request(server, 0)->peer, "device-1");
    dps_server_free(server);
    return status;
}

START_TEST(a_token_key_signs_the_handshake)
{
    char error[1024];
    char certificate[4096];

    snprintf(certificate, sizeof certificate, "%s", support_path("device.pem"));
    ck_assert_msg(run(certificate, OBJECT "?pin-value=1234", _i, NULL, NULL, error, sizeof error) == DPS_OK,
                  "%s", error);
}
END_TEST

START_TEST(the_certificate_may_be_in_the_token_too)
{
    char error[1024];

    ck_assert_msg(run(OBJECT, OBJECT "?pin-value=1234", 0, NULL, NULL, error, sizeof error) == DPS_OK, "%s",
                  error);
}
END_TEST

static int give_pin(void *data, const char *what, char *pin, size_t size)
{
    snprintf(data, 256, "%s", what);
    ck_assert_uint_ge(size, 4);
    memcpy(pin, "1234", 4);
    return 4;
}

START_TEST(the_callback_is_asked_for_the_pin)
{
    char error[1024];
    char asked[256] = "";

    ck_assert_msg(run(OBJECT, OBJECT, 0, give_pin, asked, error, sizeof error) == DPS_OK, "%s", error);
    ck_assert_str_eq(asked, OBJECT);
}
END_TEST

START_TEST(a_pem_file_may_name_the_key)
{
    static const char description[] = "PKCS#11 Provider URI v1.0";
    static const char uri[] = OBJECT ";type=private?pin-value=1234";
    unsigned char der[256] = {0x30, (unsigned char)(4 + strlen(description) + strlen(uri)), 0x1a,
                              (unsigned char)strlen(description)};
    size_t size = 4;
    char error[1024];
    char certificate[4096];
    FILE *file = fopen(support_path("uri.pem"), "w");

    memcpy(der + size, description, strlen(description));
    size += strlen(description);
    der[size++] = 0x0c;
    der[size++] = (unsigned char)strlen(uri);
    memcpy(der + size, uri, strlen(uri));
    size += strlen(uri);
    ck_assert_int_gt(PEM_write(file, "PKCS#11 PROVIDER URI", "", der, (long)size), 0);
    ck_assert_int_eq(fclose(file), 0);
    snprintf(certificate, sizeof certificate, "%s", support_path("device.pem"));
    ck_assert_msg(run(certificate, support_path("uri.pem"), 0, NULL, NULL, error, sizeof error) == DPS_OK,
                  "%s", error);
}
END_TEST

START_TEST(what_is_wrong_with_a_token_key_is_told_without_its_pin)
{
    static const char *const keys[] = {
        OBJECT "?pin-value=9876",
        "pkcs11:token=device;object=absent?pin-value=9876",
        "pkcs11:token=absent;object=device-id?pin-value=9876",
        OBJECT,
    };
    char error[1024];
    char certificate[4096];

    snprintf(certificate, sizeof certificate, "%s", support_path("device.pem"));
    ck_assert_int_eq(run(certificate, keys[_i], 0, NULL, NULL, error, sizeof error), DPS_KEY);
    ck_assert_ptr_nonnull(strstr(error, "no private key can be loaded from pkcs11:"));
    ck_assert_ptr_null(strstr(error, "9876"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("token");
    TCase *t = tcase_create("token");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make_token, NULL);
    tcase_add_loop_test(t, a_token_key_signs_the_handshake, TLS1_2_VERSION, TLS1_3_VERSION + 1);
    tcase_add_test(t, the_certificate_may_be_in_the_token_too);
    tcase_add_test(t, the_callback_is_asked_for_the_pin);
    tcase_add_test(t, a_pem_file_may_name_the_key);
    tcase_add_loop_test(t, what_is_wrong_with_a_token_key_is_told_without_its_pin, 0, 4);
    suite_add_tcase(s, t);
    return s;
}
