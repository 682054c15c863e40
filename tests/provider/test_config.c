/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/config.h"
#include "provider/error.h"
#include "tests/provider/fake_core.h"
#include "tests/support/support.h"

#include <stdlib.h>

static bool read_config(struct prov_config *config, const char *name, const char *value)
{
    const struct fake_parameter parameters[] = {
        {name, value},
        {NULL, NULL }
    };
    bool ok;

    fake_error[0] = '\0';
    fake_parameters = parameters;
    ok = prov_config_read(config, &fake_core);
    fake_parameters = NULL;
    return ok;
}

START_TEST(is_sensible_without_any_setting)
{
    struct prov_config config;

    ck_assert(read_config(&config, NULL, NULL));
    ck_assert_str_eq(config.module, DEVID_PKCS11_MODULE);
    ck_assert_uint_eq(config.login, PROV_LOGIN_AUTO);
    ck_assert_uint_ge(config.sessions, 1);
    ck_assert_uint_eq(config.pin.size, 0);
    ck_assert_ptr_null(config.pin_source);
    prov_config_free(&config);
}
END_TEST

START_TEST(the_file_outranks_the_environment_which_has_an_order)
{
    struct prov_config config;

    setenv("PKCS11_PROVIDER_MODULE", "/second.so", 1);
    ck_assert(read_config(&config, NULL, NULL));
    ck_assert_str_eq(config.module, "/second.so");
    prov_config_free(&config);
    setenv("DEVID_PKCS11_MODULE", "/first.so", 1);
    ck_assert(read_config(&config, NULL, NULL));
    ck_assert_str_eq(config.module, "/first.so");
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module", "/alias.so"));
    ck_assert_str_eq(config.module, "/alias.so");
    prov_config_free(&config);
    ck_assert(read_config(&config, "pkcs11-module-path", "/file.so"));
    ck_assert_str_eq(config.module, "/file.so");
    prov_config_free(&config);
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
    ck_assert(read_config(&config, "pkcs11-module-init-args", "a=b"));
    ck_assert_str_eq(config.init_args, "a=b");
    prov_config_free(&config);
}
END_TEST

START_TEST(names_the_option_and_the_value_that_it_refuses)
{
    static const struct fake_parameter rows[] = {
        {"pkcs11-module-login-behavior", "sometimes"           },
        {"login",                        "autopilot"           },
        {"login",                        ""                    },
        {"sessions",                     "0"                   },
        {"sessions",                     "-1"                  },
        {"sessions",                     "1025"                },
        {"sessions",                     "4x"                  },
        {"pkcs11-module-cache-sessions", "99999999999999999999"},
        {"pkcs11-module",                ""                    },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prov_config config;

        ck_assert_msg(!read_config(&config, rows[i].name, rows[i].value), "%s", rows[i].value);
        ck_assert_uint_eq(fake_reason, PROV_R_BAD_OPTION);
        ck_assert_msg(strstr(fake_error, rows[i].name) != NULL, "%s", fake_error);
        ck_assert_msg(strstr(fake_error, rows[i].value) != NULL, "%s", fake_error);
        prov_config_free(&config);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");

    tcase_add_test(t, is_sensible_without_any_setting);
    tcase_add_test(t, the_file_outranks_the_environment_which_has_an_order);
    tcase_add_test(t, understands_each_option);
    tcase_add_test(t, names_the_option_and_the_value_that_it_refuses);
    suite_add_tcase(s, t);
    return s;
}
