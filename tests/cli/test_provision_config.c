/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/provision_config.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

START_TEST(a_file_fills_what_the_options_left_open)
{
    const struct cli_config config = {
        .method = CLI_METHOD_X509,
        .mode = CLI_MODE_ALWAYS,
        .id_scope = "file",
        .registration_id = "id",
        .endpoint = "https://file",
        .certificate = "/c",
        .private_key = "/k",
        .ca_file = "/ca",
    };
    struct cli_client_settings settings = {.id_scope = "option", .endpoint = "https://option"};

    ck_assert_int_eq(cli_provision_config(&config, &settings), CLI_OK);
    ck_assert_str_eq(settings.id_scope, "option");
    ck_assert_str_eq(settings.endpoint, "https://option");
    ck_assert_str_eq(settings.registration_id, "id");
    ck_assert_str_eq(settings.certificate, "/c");
    ck_assert_str_eq(settings.key, "/k");
    ck_assert_str_eq(settings.ca_file, "/ca");
    ck_assert_str_eq(settings.reprovision, "always");
}
END_TEST

START_TEST(symmetric_keys_are_values_or_places)
{
    struct cli_config config = {.method = CLI_METHOD_SYMMETRIC, .symmetric_key = "AAEC"};
    struct cli_client_settings settings = {0};

    ck_assert_int_eq(cli_provision_config(&config, &settings), CLI_OK);
    ck_assert_str_eq(settings.symmetric_value, "AAEC");
    ck_assert_ptr_null(settings.symmetric);
    ck_assert_str_eq(settings.reprovision, "dynamic");
    config = (struct cli_config){
        .method = CLI_METHOD_SYMMETRIC, .symmetric_key_uri = "/key", .mode = CLI_MODE_ON_ERROR};
    settings = (struct cli_client_settings){.reprovision = "always"};
    ck_assert_int_eq(cli_provision_config(&config, &settings), CLI_OK);
    ck_assert_str_eq(settings.symmetric, "/key");
    ck_assert_str_eq(settings.reprovision, "always");
}
END_TEST

START_TEST(the_module_hears_of_the_tpm)
{
    const struct cli_config config = {
        .method = CLI_METHOD_TPM, .tcti = "swtpm:port=1", .owner_auth = "o", .endorsement_auth = "e"};
    struct cli_client_settings settings = {0};

    unsetenv("DEVID_TCTI");
    unsetenv("DEVID_OWNER_AUTH");
    setenv("DEVID_ENDORSEMENT_AUTH", "mine", 1);
    ck_assert_int_eq(cli_provision_config(&config, &settings), CLI_OK);
    ck_assert_str_eq(settings.tpm, "pkcs11:");
    ck_assert_str_eq(getenv("DEVID_TCTI"), "swtpm:port=1");
    ck_assert_str_eq(getenv("DEVID_OWNER_AUTH"), "o");
    ck_assert_str_eq(getenv("DEVID_ENDORSEMENT_AUTH"), "mine");
}
END_TEST

START_TEST(a_manual_device_does_not_register)
{
    const struct cli_config config = {.source = CLI_SOURCE_MANUAL,
                                      .method = CLI_METHOD_SYMMETRIC,
                                      .hub = "h",
                                      .device_id = "d",
                                      .symmetric_key = "AAEC"};
    struct cli_client_settings settings = {0};

    ck_assert_int_eq(cli_provision_config(&config, &settings), CLI_OK);
    ck_assert_str_eq(settings.hub, "h");
    ck_assert_str_eq(settings.device_id, "d");
    ck_assert_str_eq(settings.symmetric_value, "AAEC");
    ck_assert_str_eq(settings.reprovision, "on-error");
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("provision_config");
    TCase *t = tcase_create("provision_config");

    tcase_add_test(t, a_file_fills_what_the_options_left_open);
    tcase_add_test(t, symmetric_keys_are_values_or_places);
    tcase_add_test(t, the_module_hears_of_the_tpm);
    tcase_add_test(t, a_manual_device_does_not_register);
    suite_add_tcase(s, t);
    return s;
}
