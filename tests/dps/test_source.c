/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/source.h"
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>

START_TEST(tokens_and_foreign_keys_need_the_provider)
{
    static const struct {
        const char *content;
        bool needs_provider;
    } files[] = {
        {"", false},
        {"-----BEGIN PRIVATE KEY-----\n", false},
        {"-----BEGIN CERTIFICATE-----\n", false},
        {"label: x\n\n-----BEGIN TSS2 PRIVATE KEY-----\n", true},
        {"-----BEGIN PKCS#11 PROVIDER URI-----\n", true},
        {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN TSS2 PRIVATE KEY-----\n", true},
    };
    bool needs_provider;

    ck_assert_int_eq(dps_source_inspect("pkcs11:object=x", &needs_provider), 0);
    ck_assert(needs_provider);
    ck_assert_int_eq(dps_source_inspect("PKCS11:", &needs_provider), 0);
    ck_assert(needs_provider);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        support_write(support_path("file"), files[i].content);
        ck_assert_int_eq(dps_source_inspect(support_path("file"), &needs_provider), 0);
        ck_assert_msg(needs_provider == files[i].needs_provider, "%s", files[i].content);
    }
}
END_TEST

START_TEST(file_uris_are_paths)
{
    static const char *const prefixes[] = {"file:", "file://", "file://localhost", "FILE:", ""};
    bool needs_provider;
    char source[4096];

    support_write(support_path("file"), "-----BEGIN TSS2 PRIVATE KEY-----");
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        snprintf(source, sizeof source, "%s%s", prefixes[i], support_path("file"));
        ck_assert_msg(dps_source_inspect(source, &needs_provider) == 0, "%s", source);
        ck_assert(needs_provider);
    }
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_an_error)
{
    bool needs_provider;

    ck_assert_int_eq(dps_source_inspect(support_path("absent"), &needs_provider), ENOENT);
    ck_assert_int_eq(dps_source_inspect(support_directory(), &needs_provider), EISDIR);
    ck_assert_int_eq(dps_source_inspect("", &needs_provider), ENOENT);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("source");
    TCase *t = tcase_create("source");

    tcase_add_test(t, tokens_and_foreign_keys_need_the_provider);
    tcase_add_test(t, file_uris_are_paths);
    tcase_add_test(t, a_file_that_cannot_be_read_is_an_error);
    suite_add_tcase(s, t);
    return s;
}
