/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/provider.h"
#include "tests/support/support.h"

#include <openssl/conf.h>

#include <stdlib.h>
#include <string.h>

/* What OpenSSL reads from the configuration. */
static CONF *read_configuration(const struct buffer *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);
    CONF *configuration = NCONF_new(NULL);
    long line = 0;

    ck_assert_int_eq(NCONF_load_bio(configuration, bio, &line), 1);
    BIO_free(bio);
    return configuration;
}

START_TEST(paths_with_any_character_are_read_back)
{
    static const char *const paths[] = {"/usr/lib/ossl-modules/devid.so",
                                        "/a b/c.so",
                                        "/a\\b.so",
                                        "/$HOME/${x}/$(y).so",
                                        "/a#b.so",
                                        "/a;b.so",
                                        "/a'b\"c`d.so",
                                        "/a=b,c[d]{e}.so",
                                        "/\xc3\xb6.so"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct buffer text;
        CONF *configuration;

        buffer_init(&text, 4096);
        ck_assert(dps_provider_configure(&text, paths[i], paths[i]));
        configuration = read_configuration(&text);
        ck_assert_str_eq(NCONF_get_string(configuration, "settings", "module"), paths[i]);
        ck_assert_str_eq(NCONF_get_string(configuration, "settings", "pkcs11-module-path"), paths[i]);
        ck_assert_str_eq(NCONF_get_string(configuration, "settings", "activate"), "1");
        NCONF_free(configuration);
        buffer_free(&text);
    }
}
END_TEST

START_TEST(without_a_module_the_provider_has_its_own_default)
{
    struct buffer text;

    buffer_init(&text, 4096);
    ck_assert(dps_provider_configure(&text, "/devid.so", NULL));
    ck_assert_ptr_null(strstr(buffer_text(&text), "pkcs11-module-path"));
    buffer_free(&text);
    buffer_init(&text, 100);
    ck_assert(!dps_provider_configure(&text, "/devid.so", NULL));
    buffer_free(&text);
}
END_TEST

START_TEST(it_is_found_in_openssl_modules_or_where_it_was_installed)
{
    char path[4096];

    unsetenv("OPENSSL_MODULES");
    ck_assert_str_eq(dps_provider_find(path, sizeof path), DEVID_PROVIDER);
    setenv("OPENSSL_MODULES", support_directory(), 1);
    ck_assert_str_eq(dps_provider_find(path, sizeof path), DEVID_PROVIDER);
    support_write(support_path("devid.so"), "");
    ck_assert_str_eq(dps_provider_find(path, sizeof path), support_path("devid.so"));
    unsetenv("OPENSSL_MODULES");
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("provider");
    TCase *t = tcase_create("provider");

    tcase_add_test(t, paths_with_any_character_are_read_back);
    tcase_add_test(t, without_a_module_the_provider_has_its_own_default);
    tcase_add_test(t, it_is_found_in_openssl_modules_or_where_it_was_installed);
    suite_add_tcase(s, t);
    return s;
}
