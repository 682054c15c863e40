/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/config.h"
#include "provider/option.h"
#include "tests/provider/fake_core.h"
#include "tests/support/support.h"

#include <stdlib.h>

/* fake_error becomes what is wrong. */
static bool read_config(struct prov_config *config, const char *name, const char *value)
{
    const struct fake_parameter parameters[] = {
        {name, value},
        {NULL, NULL }
    };
    char *problem;
    bool ok;

    fake_parameters = parameters;
    ok = prov_config_read(config, &fake_core, &problem);
    fake_parameters = NULL;
    ck_assert(ok == (problem == NULL));
    snprintf(fake_error, sizeof fake_error, "%s", problem != NULL ? problem : "");
    free(problem);
    return ok;
}

START_TEST(is_sensible_without_any_setting)
{
    struct prov_config config;

    ck_assert(read_config(&config, NULL, NULL));
    ck_assert_uint_eq(config.module_count, 1);
    ck_assert_str_eq(config.modules[0], DEVID_PKCS11_MODULE);
    ck_assert_uint_eq(config.login, PROV_LOGIN_AUTO);
    ck_assert_uint_ge(config.sessions, 1);
    ck_assert_uint_eq(config.pin.size, 0);
    ck_assert_ptr_null(config.pin_source);
    prov_config_free(&config);
}
END_TEST

START_TEST(the_file_outranks_the_environment_but_for_the_peers_variable)
{
    struct prov_config config;

    setenv("DEVID_PKCS11_MODULE", "/first.so", 1);
    ck_assert(read_config(&config, NULL, NULL));
    ck_assert_str_eq(config.modules[0], "/first.so");
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module", "/alias.so"));
    ck_assert_str_eq(config.modules[0], "/alias.so");
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-path", "/file.so"));
    ck_assert_str_eq(config.modules[0], "/file.so");
    prov_config_free(&config);
    setenv("PKCS11_PROVIDER_MODULE", "/peer.so", 1);
    ck_assert(read_config(&config, "pkcs11-module-path", "/file.so"));
    ck_assert_str_eq(config.modules[0], "/peer.so");
    prov_config_free(&config);
    setenv("PKCS11_PROVIDER_MODULE", "", 1);
    ck_assert(read_config(&config, "pkcs11-module-path", "/file.so"));
    ck_assert_str_eq(config.modules[0], "/file.so");
    prov_config_free(&config);
}
END_TEST

/* Walks the table itself. */
START_TEST(each_option_has_two_names_and_a_variable_of_its_own)
{
    for (size_t i = 0; i < prov_option_count; i++) {
        const struct prov_option *a = &prov_options[i];

        ck_assert(strncmp(a->name, "pkcs11-module-", 14) == 0);
        ck_assert(strncmp(a->variable, "DEVID_PKCS11_", 13) == 0);
        ck_assert(prov_option_is_known(a->name) && prov_option_is_known(a->alias));
        for (size_t n = 0; n < i; n++) {
            ck_assert_str_ne(a->name, prov_options[n].name);
            ck_assert_str_ne(a->alias, prov_options[n].alias);
            ck_assert_str_ne(a->variable, prov_options[n].variable);
        }
    }
    ck_assert(!prov_option_is_known("pkcs11-module-tokenpin"));
    ck_assert(!prov_option_is_known(""));
}
END_TEST

/* The page for people has the same table: each name, alias and variable. */
START_TEST(each_option_is_documented)
{
    char *page = support_read(support_source_path("docs/openssl.md"), NULL);

    for (size_t i = 0; i < prov_option_count; i++) {
        char row[300];

        snprintf(row, sizeof row, "| `%s` | `%s` | `%s` |", prov_options[i].name, prov_options[i].alias,
                 prov_options[i].variable);
        ck_assert_msg(strstr(page, row) != NULL, "docs/openssl.md lacks %s", row);
    }
    free(page);
}
END_TEST

START_TEST(understands_each_option)
{
    struct prov_config config;

    ck_assert(read_config(&config, "pkcs11-module-login-behavior", "never"));
    ck_assert_uint_eq(config.login, PROV_LOGIN_NEVER);
    prov_config_free(&config);
    ck_assert(read_config(&config, "login", "always"));
    ck_assert_uint_eq(config.login, PROV_LOGIN_ALWAYS);
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-token-pin", "1234"));
    ck_assert(bytes_equal(config.pin.data, config.pin.size, "1234", 4));
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-token-pin", "file:/run/pin"));
    ck_assert_str_eq(config.pin_source, "file:/run/pin");
    ck_assert_uint_eq(config.pin.size, 0);
    prov_config_free(&config);
    ck_assert(read_config(&config, "sessions", "3"));
    ck_assert_uint_eq(config.sessions, 3);
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-cache-sessions", "0"));
    ck_assert_uint_eq(config.sessions, 1);
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-init-args", "a=b"));
    ck_assert_str_eq(config.init_args, "a=b");
    prov_config_free(&config);
    ck_assert(read_config(&config, "tss2-token", "pkcs11:token=device"));
    ck_assert_str_eq(config.tss2_token, "pkcs11:token=device");
    ck_assert_uint_eq(config.pem, PROV_PEM_AS_URI);
    prov_config_free(&config);
    ck_assert(read_config(&config, "pem", "tss2"));
    ck_assert_uint_eq(config.pem, PROV_PEM_AS_TSS2);
    ck_assert_ptr_null(config.tss2_token);
    prov_config_free(&config);
    ck_assert(read_config(&config, "new-keys", "tss2"));
    ck_assert_uint_eq(config.new_keys, PROV_NEW_KEYS_TSS2);
    prov_config_free(&config);
}
END_TEST

START_TEST(the_name_of_the_provider_for_tpms_means_its_ways)
{
    struct prov_config config;

    ck_assert(read_config(&config, "provider-name", "tpm2"));
    ck_assert_uint_eq(config.new_keys, PROV_NEW_KEYS_TSS2);
    ck_assert(config.random_by_default);
    prov_config_free(&config);
    ck_assert(read_config(&config, "provider-name", "devid"));
    ck_assert_uint_eq(config.new_keys, PROV_NEW_KEYS_SOFTWARE);
    ck_assert(!config.random_by_default);
    prov_config_free(&config);
}
END_TEST

START_TEST(understands_each_switch_in_both_positions)
{
    static const struct {
        const char *name;
        const char *value;
        size_t offset;
        bool on;
    } rows[] = {
        {"pkcs11-module-load-behavior",              "early",    offsetof(struct prov_config, load_early),        true },
        {"load",                                     "lazy",     offsetof(struct prov_config, load_early),        false},
        {"pkcs11-module-cache-pins",                 "cache",    offsetof(struct prov_config, forget_pins),       false},
        {"cache-pins",                               "never",    offsetof(struct prov_config, forget_pins),       true },
        {"pkcs11-module-allow-export",               "0",        offsetof(struct prov_config, no_export),         false},
        {"pkcs11-module-allow-export",               "1",        offsetof(struct prov_config, no_export),         true },
        {"pkcs11-module-encode-provider-uri-to-pem", "true",     offsetof(struct prov_config, no_uri_pem),        false},
        {"pkcs11-module-encode-provider-uri-to-pem", "false",    offsetof(struct prov_config, no_uri_pem),        true },
        {"pkcs11-module-assume-fips",                "true",     offsetof(struct prov_config, fips),              true },
        {"pkcs11-module-assume-fips",                "false",    offsetof(struct prov_config, fips),              false},
        {"pkcs11-module-cache-keys",                 "true",     offsetof(struct prov_config, fips),              false},
        {"pkcs11-module-cache-keys",                 "false",    offsetof(struct prov_config, fips),              false},
        {"random",                                   "ctr-drbg", offsetof(struct prov_config, random_by_default), true },
        {"pkcs11-module-random",                     "named",    offsetof(struct prov_config, random_by_default), false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_config config;

        ck_assert_msg(read_config(&config, rows[i].name, rows[i].value), "%s", fake_error);
        ck_assert_msg(*(const bool *)((const char *)&config + rows[i].offset) == rows[i].on, "%s = %s",
                      rows[i].name, rows[i].value);
        prov_config_free(&config);
    }
}
END_TEST

START_TEST(quirks_are_whole_words)
{
    static const struct {
        const char *value;
        uint32_t quirks;
    } rows[] = {
        {"no-allowed-mechanisms",                                PROV_QUIRK_NO_ALLOWED_MECHANISMS},
        {"no-deinit no-allowed-mechanisms",                      PROV_QUIRK_NO_ALLOWED_MECHANISMS},
        {" no-deinit,no-operation-state\tno-session-callbacks ", 0                               },
        {"",                                                     0                               },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_config config;

        ck_assert_msg(read_config(&config, "quirks", rows[i].value), "%s", fake_error);
        ck_assert_uint_eq(config.quirks, rows[i].quirks);
        prov_config_free(&config);
    }
}
END_TEST

/* Walks the table itself: what an error says of an option is what it takes. */
START_TEST(each_word_is_taken_and_told)
{
    for (size_t i = 0; i < prov_option_count; i++) {
        const struct prov_word *word = prov_options[i].words;

        for (; word != NULL && word->text != NULL; word++) {
            struct prov_config config;

            ck_assert_msg(strstr(prov_options[i].expected, word->text) != NULL, "%s: %s",
                          prov_options[i].name, word->text);
            ck_assert_msg(read_config(&config, prov_options[i].name, word->text), "%s", fake_error);
            prov_config_free(&config);
        }
    }
}
END_TEST

/* Every option that provider-pkcs11(7) of pkcs11-provider 1.2 has, with its example and each of its values.
 */
START_TEST(what_the_peer_takes_is_taken)
{
    static const struct fake_parameter rows[] = {
        {"pkcs11-module-path",                       "/usr/lib64/opensc-pkcs11.so" },
        {"pkcs11-module-init-args",                  "configDir=/etc/pki/token"    },
        {"pkcs11-module-token-pin",                  "file:/etc/pki/pin.txt"       },
        {"pkcs11-module-token-pin",                  "123456"                      },
        {"pkcs11-module-allow-export",               "0"                           },
        {"pkcs11-module-allow-export",               "1"                           },
        {"pkcs11-module-cache-keys",                 "true"                        },
        {"pkcs11-module-cache-keys",                 "false"                       },
        {"pkcs11-module-cache-pins",                 "cache"                       },
        {"pkcs11-module-cache-sessions",             "0"                           },
        {"pkcs11-module-cache-sessions",             "5"                           },
        {"pkcs11-module-cache-sessions",             "1024"                        },
        {"pkcs11-module-login-behavior",             "auto"                        },
        {"pkcs11-module-login-behavior",             "always"                      },
        {"pkcs11-module-login-behavior",             "never"                       },
        {"pkcs11-module-load-behavior",              "early"                       },
        {"pkcs11-module-quirks",                     "no-deinit no-operation-state"},
        {"pkcs11-module-quirks",                     "no-session-callbacks"        },
        {"pkcs11-module-quirks",                     "no-allowed-mechanisms"       },
        {"pkcs11-module-block-operations",           "digest"                      },
        {"pkcs11-module-block-operations",           "cipher mac kdf rand keymgmt" },
        {"pkcs11-module-block-operations",           "keyexch signature skeymgmt"  },
        {"pkcs11-module-block-operations",           "asym-cipher kem encoder"     },
        {"pkcs11-module-block-operations",           "decoder store"               },
        {"pkcs11-module-assume-fips",                "true"                        },
        {"pkcs11-module-assume-fips",                "false"                       },
        {"pkcs11-module-encode-provider-uri-to-pem", "true"                        },
        {"pkcs11-module-encode-provider-uri-to-pem", "false"                       },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_config config;

        ck_assert(prov_option_is_known(rows[i].name));
        ck_assert_msg(read_config(&config, rows[i].name, rows[i].value), "%s", fake_error);
        prov_config_free(&config);
    }
}
END_TEST

START_TEST(a_log_is_ours_or_the_peers)
{
    static const char *const rows[][2] = {
        {"error",                       "error"              },
        {"info:/var/log/devid",         "info:/var/log/devid"},
        {"file:/tmp/debug.log",         "info:/tmp/debug.log"},
        {"file:/dev/stderr,level:2",    "debug"              },
        {"file:/tmp/debug.log,level:1", "info:/tmp/debug.log"},
        {"file:/tmp/debug.log,level:0", "info:/tmp/debug.log"},
    };
    static const char *const bad[] = {
        "", "loud", "file:", "file:,level:1", "file:/x,level:", "file:/x,volume:1", "infos"};
    struct prov_config config;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(read_config(&config, "log", rows[i][0]), "%s", fake_error);
        ck_assert_str_eq(config.log, rows[i][1]);
        prov_config_free(&config);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!read_config(&config, "log", bad[i]), "%s", bad[i]);
        prov_config_free(&config);
    }
    setenv("PKCS11_PROVIDER_DEBUG", "file:/peers", 1);
    ck_assert(read_config(&config, "log", "error"));
    ck_assert_str_eq(config.log, "info:/peers");
    prov_config_free(&config);
    unsetenv("PKCS11_PROVIDER_DEBUG");
}
END_TEST

START_TEST(of_two_files_with_a_pin_the_one_of_token_pin_counts)
{
    struct prov_config config;

    setenv("DEVID_PKCS11_PIN_SOURCE", "/other", 1);
    ck_assert(read_config(&config, "pkcs11-module-token-pin", "file:/pin"));
    ck_assert_str_eq(config.pin_source, "file:/pin");
    prov_config_free(&config);
}
END_TEST

START_TEST(several_modules_are_taken_in_their_order)
{
    struct prov_config config;

    ck_assert(read_config(&config, "pkcs11-module-path", "softhsm2:/a/b.so:1:2:3:4:5:6"));
    ck_assert_uint_eq(config.module_count, PROV_MODULES_MAXIMUM);
    ck_assert_str_eq(config.modules[0], "softhsm2");
    ck_assert_str_eq(config.modules[1], "/a/b.so");
    ck_assert_str_eq(config.modules[7], "6");
    prov_config_free(&config);
}
END_TEST

START_TEST(blocks_operations_by_name)
{
    struct prov_config config;

    ck_assert(read_config(&config, "pkcs11-module-block-operations", "digest  store,kem"));
    ck_assert_uint_eq(config.blocked, 1U << OSSL_OP_DIGEST | 1U << OSSL_OP_STORE | 1U << OSSL_OP_KEM);
    prov_config_free(&config);
}
END_TEST

START_TEST(names_the_option_and_the_value_that_it_refuses)
{
    static const struct fake_parameter rows[] = {
        {"pkcs11-module-login-behavior", "sometimes"           },
        {"login",                        "autopilot"           },
        {"login",                        ""                    },
        {"sessions",                     "-1"                  },
        {"sessions",                     "1025"                },
        {"sessions",                     "4x"                  },
        {"pkcs11-module-cache-sessions", "99999999999999999999"},
        {"pkcs11-module",                ""                    },
        {"pkcs11-module",                "/a.so:"              },
        {"pkcs11-module",                ":/a.so"              },
        {"pkcs11-module",                "/a.so::/b.so"        },
        {"pkcs11-module-path",           "1:2:3:4:5:6:7:8:9"   },
        {"pkcs11-module-load-behavior",  "Early"               },
        {"cache-pins",                   "yes"                 },
        {"pkcs11-module-cache-keys",     "maybe"               },
        {"pkcs11-module-allow-export",   "true"                },
        {"pkcs11-module-assume-fips",    "1"                   },
        {"uri-pem",                      ""                    },
        {"pkcs11-module-quirks",         "n"                   },
        {"pkcs11-module-quirks",         "no-deinit no-luck"   },
        {"pkcs11-module-quirks",         "no-deinitx"          },
        {"block-operations",             "digest,signatures"   },
        {"pem",                          "pkcs8"               },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_config config;

        ck_assert_msg(!read_config(&config, rows[i].name, rows[i].value), "%s", rows[i].value);
        ck_assert_msg(strstr(fake_error, rows[i].name) != NULL, "%s", fake_error);
        ck_assert_msg(strstr(fake_error, rows[i].value) != NULL, "%s", fake_error);
        ck_assert_uint_ge(config.module_count, 1);
        prov_config_free(&config);
    }
}
END_TEST

START_TEST(a_bad_variable_is_named_and_a_pin_is_not_told)
{
    struct prov_config config;

    setenv("DEVID_PKCS11_LOGIN", "sometimes", 1);
    ck_assert(!read_config(&config, NULL, NULL));
    ck_assert_str_eq(fake_error, "DEVID_PKCS11_LOGIN = sometimes: expected auto, always or never");
    prov_config_free(&config);
    unsetenv("DEVID_PKCS11_LOGIN");
    ck_assert(!read_config(&config, "pin", ""));
    ck_assert(strncmp(fake_error, "pin: expected a PIN", 19) == 0);
    prov_config_free(&config);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");

    tcase_add_test(t, is_sensible_without_any_setting);
    tcase_add_test(t, the_file_outranks_the_environment_but_for_the_peers_variable);
    tcase_add_test(t, each_option_has_two_names_and_a_variable_of_its_own);
    tcase_add_test(t, each_option_is_documented);
    tcase_add_test(t, understands_each_option);
    tcase_add_test(t, the_name_of_the_provider_for_tpms_means_its_ways);
    tcase_add_test(t, understands_each_switch_in_both_positions);
    tcase_add_test(t, quirks_are_whole_words);
    tcase_add_test(t, each_word_is_taken_and_told);
    tcase_add_test(t, what_the_peer_takes_is_taken);
    tcase_add_test(t, a_log_is_ours_or_the_peers);
    tcase_add_test(t, of_two_files_with_a_pin_the_one_of_token_pin_counts);
    tcase_add_test(t, several_modules_are_taken_in_their_order);
    tcase_add_test(t, blocks_operations_by_name);
    tcase_add_test(t, a_bad_variable_is_named_and_a_pin_is_not_told);
    tcase_add_test(t, names_the_option_and_the_value_that_it_refuses);
    suite_add_tcase(s, t);
    return s;
}
