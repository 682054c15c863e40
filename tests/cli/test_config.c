/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"
#include "tests/cli/capture.h"

#include <stdlib.h>
#include <string.h>

static struct cli_config config;
static char *said;

static void teardown(void)
{
    cli_config_free(&config);
    free(said);
    said = NULL;
}

/* Reads, and keeps what is said on standard error. */
static enum cli_status read_text(const char *text)
{
    struct capture capture;
    enum cli_status status;

    teardown();
    capture = capture_begin(2);
    status = cli_config_parse("FILE", text, strlen(text), &config);
    said = capture_end(&capture);
    return status;
}

static const char toml_tpm[] = "hostname = \"my-device\"\n"
                               "auto_reprovisioning_mode = \"AlwaysOnStartup\"\n"
                               "[provisioning]\n"
                               "source = \"dps\"\n"
                               "global_endpoint = \"https://localhost:8443/\"\n"
                               "id_scope = \"0ne00000A0A\"\n"
                               "payload = { uri = \"file:///etc/payload.json\" }\n"
                               "[provisioning.attestation]\n"
                               "method = \"tpm\"\n"
                               "registration_id = \"reg\"\n"
                               "[tpm]\n"
                               "tcti = \"swtpm:port=2321\"\n"
                               "auth_key_index = \"0x00_01_00\"\n"
                               "[tpm.hierarchy_authorization]\n"
                               "endorsement = \"e\"\n"
                               "owner = \"\"\n";

START_TEST(config_toml_with_a_tpm)
{
    ck_assert_msg(read_text(toml_tpm) == CLI_OK, "%s", said);
    ck_assert_int_eq(config.source, CLI_SOURCE_DPS);
    ck_assert_int_eq(config.method, CLI_METHOD_TPM);
    ck_assert_int_eq(config.mode, CLI_MODE_ALWAYS);
    ck_assert_str_eq(config.endpoint, "https://localhost:8443/");
    ck_assert_str_eq(config.id_scope, "0ne00000A0A");
    ck_assert_str_eq(config.registration_id, "reg");
    ck_assert_str_eq(config.payload_file, "/etc/payload.json");
    ck_assert_str_eq(config.tcti, "swtpm:port=2321");
    ck_assert_str_eq(config.endorsement_auth, "e");
    ck_assert_ptr_null(config.owner_auth);
}
END_TEST

#define TOML_DPS "[provisioning]\nsource = \"dps\"\nid_scope = \"s\"\n[provisioning.attestation]\n"

START_TEST(config_toml_with_a_symmetric_key)
{
    ck_assert_int_eq(read_text(TOML_DPS "method = \"symmetric_key\"\nregistration_id = \"r\"\n"
                                        "symmetric_key = { value = \"AAEC\" }\n"),
                     CLI_OK);
    ck_assert_int_eq(config.method, CLI_METHOD_SYMMETRIC);
    ck_assert_str_eq(config.symmetric_key, "AAEC");
    ck_assert_int_eq(config.mode, CLI_MODE_DYNAMIC);
    ck_assert_int_eq(read_text(TOML_DPS "method = \"symmetric_key\"\nregistration_id = \"r\"\n"
                                        "symmetric_key = { uri = \"pkcs11:token=t;object=k\" }\n"),
                     CLI_OK);
    ck_assert_ptr_null(config.symmetric_key);
    ck_assert_str_eq(config.symmetric_key_uri, "pkcs11:token=t;object=k");
}
END_TEST

START_TEST(config_toml_with_a_certificate)
{
    ck_assert_int_eq(read_text(TOML_DPS
                               "method = \"x509\"\nidentity_cert = \"file:///a.pem\"\n"
                               "identity_pk = \"pkcs11:slot-id=0;object=device%20id?pin-value=1\"\n"),
                     CLI_OK);
    ck_assert_int_eq(config.method, CLI_METHOD_X509);
    ck_assert_str_eq(config.certificate, "/a.pem");
    ck_assert_str_eq(config.private_key, "pkcs11:slot-id=0;object=device%20id?pin-value=1");
    ck_assert_ptr_null(config.registration_id);
}
END_TEST

START_TEST(config_toml_of_a_manual_device)
{
    ck_assert_int_eq(read_text("[provisioning]\nsource = \"manual\"\nconnection_string = "
                               "\"HostName=h;DeviceId=d;SharedAccessKey=AAEC\"\n"),
                     CLI_OK);
    ck_assert_int_eq(config.source, CLI_SOURCE_MANUAL);
    ck_assert_int_eq(config.method, CLI_METHOD_SYMMETRIC);
    ck_assert_str_eq(config.hub, "h");
    ck_assert_str_eq(config.device_id, "d");
    ck_assert_str_eq(config.symmetric_key, "AAEC");
    ck_assert_int_eq(
        read_text("[provisioning]\nsource = \"manual\"\niothub_hostname = \"h\"\ndevice_id = \"d\"\n"
                  "[provisioning.authentication]\nmethod = \"sas\"\ndevice_id_pk = { uri = "
                  "\"file:///k\" }\n"),
        CLI_OK);
    ck_assert_str_eq(config.hub, "h");
    ck_assert_str_eq(config.device_id, "d");
    ck_assert_str_eq(config.symmetric_key_uri, "/k");
}
END_TEST

START_TEST(config_yaml_with_a_tpm)
{
    ck_assert_msg(read_text("# IoT Edge 1.1\nprovisioning:\n  source: \"dps\"\n"
                            "  global_endpoint: \"https://x\"\n  scope_id: \"s\"\n  attestation:\n"
                            "    method: \"tpm\"\n    registration_id: \"r\"\n"
                            "  always_reprovision_on_startup: true\n") == CLI_OK,
                  "%s", said);
    ck_assert_int_eq(config.method, CLI_METHOD_TPM);
    ck_assert_int_eq(config.mode, CLI_MODE_ALWAYS);
    ck_assert_str_eq(config.endpoint, "https://x");
    ck_assert_str_eq(config.id_scope, "s");
    ck_assert_str_eq(config.registration_id, "r");
}
END_TEST

START_TEST(config_yaml_in_the_old_form_means_a_tpm)
{
    ck_assert_int_eq(read_text("provisioning:\n  source: dps\n  scope_id: s\n  registration_id: r\n"
                               "  dynamic_reprovisioning: true\n"),
                     CLI_OK);
    ck_assert_int_eq(config.method, CLI_METHOD_TPM);
    ck_assert_int_eq(config.mode, CLI_MODE_DYNAMIC);
    ck_assert_str_eq(config.registration_id, "r");
    ck_assert_int_eq(read_text("provisioning:\n  source: dps\n  scope_id: s\n  registration_id: r\n"),
                     CLI_OK);
    ck_assert_int_eq(config.mode, CLI_MODE_ON_ERROR);
}
END_TEST

START_TEST(config_yaml_with_keys)
{
    ck_assert_int_eq(
        read_text("provisioning:\n  source: dps\n  scope_id: s\n  attestation:\n"
                  "    method: symmetric_key\n    registration_id: r\n    symmetric_key: AAEC\n"),
        CLI_OK);
    ck_assert_str_eq(config.symmetric_key, "AAEC");
    ck_assert_int_eq(
        read_text("provisioning:\n  source: dps\n  scope_id: s\n  attestation:\n"
                  "    method: x509\n    identity_cert: file:///c\n    identity_pk: file:///k\n"),
        CLI_OK);
    ck_assert_str_eq(config.certificate, "/c");
    ck_assert_str_eq(config.private_key, "/k");
    ck_assert_int_eq(
        read_text("provisioning:\n  source: manual\n  device_connection_string: \"HostName=h;DeviceId=d;SharedAccessKey=AAEC\"\n"), CLI_OK);
    ck_assert_str_eq(config.hub, "h");
}
END_TEST

START_TEST(devid_conf)
{
    ck_assert_msg(
        read_text("# ours\ntcti = swtpm:host=a\nprovisioning-source = dps\nprovisioning-id-scope = s\n"
                  "provisioning-attestation = x509\nprovisioning-certificate = /c.pem\n"
                  "provisioning-key = pkcs11:token=t;object=o\nprovisioning-mode = OnErrorOnly\n") == CLI_OK,
        "%s", said);
    ck_assert_int_eq(config.method, CLI_METHOD_X509);
    ck_assert_int_eq(config.mode, CLI_MODE_ON_ERROR);
    ck_assert_str_eq(config.certificate, "/c.pem");
    ck_assert_str_eq(config.private_key, "pkcs11:token=t;object=o");
}
END_TEST

static const struct {
    const char *text;
    const char *said;
} refusals[] = {
    {"",                                                                                                            "FILE: has no provisioning.source"                      },
    {"a = ",                                                                                                        "FILE: line 1, column 5"                                },
    {"a: [",                                                                                                        "FILE: line 2"                                          },
    {"provisioning-source = dps\nprovisioning-wat = 1\n",                                                           "line 2: there is no setting provisioning-wat"          },
    {"provisioning-source = dps\nnonsense\n",                                                                       "line 2: this is not name = value"                      },
    {"[provisioning]\nsource = \"none\"",                                                                           "nothing to provision"                                  },
    {"provisioning:\n  source: external\n",                                                                         "nothing to provision"                                  },
    {"[provisioning]\nsource = \"other\"",                                                                          "what is known here: dps, manual"                       },
    {"[provisioning]\nsource = \"dps\"",                                                                            "has no provisioning.attestation.method"                },
    {"[provisioning]\nsource = \"dps\"\nid_scope = 7",                                                              "provisioning.id_scope is no text"                      },
    {"[provisioning]\nsource = \"dps\"\n[provisioning.attestation]\nmethod = \"tpm\"",                              "no id scope"                                           },
    {TOML_DPS "method = \"tpm\"",                                                                                   "no provisioning.attestation.registration_id"           },
    {TOML_DPS "method = \"x\"",                                                                                     "is \"x\"; what is known here: tpm, symmetric_key, x509"},
    {TOML_DPS "method = \"x509\"",                                                                                  "identity_cert and identity_pk"                         },
    {TOML_DPS
     "method = \"x509\"\nidentity_pk=\"file:///k\"\n[provisioning.attestation.identity_cert]\nmethod=\"est\"", "is to be issued"                                       },
    {TOML_DPS "method = \"symmetric_key\"\nregistration_id=\"r\"",                                                  "has no symmetric key"                                  },
    {TOML_DPS "method = \"x509\"\nidentity_cert=\"file://host/k\"",                                                 "file of this machine"                                  },
    {"auto_reprovisioning_mode = \"Never\"\n" TOML_DPS "method = \"tpm\"\nregistration_id=\"r\"",
     "Dynamic, AlwaysOnStartup, OnErrorOnly"                                                                                                                                },
    {"[provisioning]\nsource = \"manual\"\n[provisioning.authentication]\nmethod=\"sas\"",
     "no connection string"                                                                                                                                                 },
    {"provisioning:\n  source: dps\n  scope_id: s\n  registration_id: r\n  attestation:\n    method: tpm\n",
     "excludes the other"                                                                                                                                                   },
};

START_TEST(what_is_wrong_is_said)
{
    ck_assert_int_eq(read_text(refusals[_i].text), CLI_INPUT);
    ck_assert_msg(strstr(said, refusals[_i].said) != NULL, "%s", said);
}
END_TEST

START_TEST(a_key_is_never_said)
{
    ck_assert_int_eq(
        read_text(TOML_DPS "method = \"symmetric_key\"\nsymmetric_key = { value = \"c2VjcmV0\" }\n"),
        CLI_INPUT);
    ck_assert_ptr_null(strstr(said, "c2VjcmV0"));
}
END_TEST

START_TEST(a_file_that_is_not_there)
{
    struct capture capture = capture_begin(2);
    enum cli_status status = cli_config_read("/nowhere/config.toml", &config);

    said = capture_end(&capture);
    ck_assert_int_eq(status, CLI_INPUT);
    ck_assert(strstr(said, "/nowhere/config.toml") != NULL);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");

    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, config_toml_with_a_tpm);
    tcase_add_test(t, config_toml_with_a_symmetric_key);
    tcase_add_test(t, config_toml_with_a_certificate);
    tcase_add_test(t, config_toml_of_a_manual_device);
    tcase_add_test(t, config_yaml_with_a_tpm);
    tcase_add_test(t, config_yaml_in_the_old_form_means_a_tpm);
    tcase_add_test(t, config_yaml_with_keys);
    tcase_add_test(t, devid_conf);
    tcase_add_loop_test(t, what_is_wrong_is_said, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, a_key_is_never_said);
    tcase_add_test(t, a_file_that_is_not_there);
    suite_add_tcase(s, t);
    return s;
}
