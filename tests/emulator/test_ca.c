/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/ca.h"
#include "emulator/certificate.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400L

static int directory = -1;
static const char *const files[] = {EMU_CA_CERTIFICATE, EMU_CA_KEY, EMU_SERVER_CERTIFICATE, EMU_SERVER_KEY};

static void setup(void)
{
    directory = open(support_directory(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 4; i++)
        unlink(support_path("%s", files[i]));
}

static void teardown(void)
{
    close(directory);
}

static bool ensure(const char *host, time_t now)
{
    char message[256];

    return emu_ca_ensure(directory, host, now, message, sizeof message);
}

static char *content(const char *name)
{
    return support_read(support_path("%s", name), NULL);
}

static X509 *load(const char *name)
{
    char *text = content(name);
    X509 *certificate = emu_certificate_from_text(text);

    free(text);
    ck_assert_ptr_nonnull(certificate);
    return certificate;
}

/* Which of the four files are other than `before`, as in "--xx"; replaces `before`. */
static const char *changes(char *before[4])
{
    static char marks[5];

    for (int i = 0; i < 4; i++) {
        char *now = content(files[i]);

        marks[i] = before[i] != NULL && strcmp(before[i], now) == 0 ? '-' : 'x';
        free(before[i]);
        before[i] = now;
    }
    return marks;
}

START_TEST(server_certificate_has_the_names)
{
    static const char *const names[] = {"localhost", "a.azure-devices-provisioning.net",
                                        "b.azure-devices.net", "lab.example"};
    X509 *ca;
    X509 *server;

    ck_assert(ensure("lab.example", time(NULL)));
    ca = load(EMU_CA_CERTIFICATE);
    server = load(EMU_SERVER_CERTIFICATE);
    ck_assert_int_eq(X509_check_ca(ca), 1);
    ck_assert_int_eq(X509_check_ca(server), 0);
    ck_assert_int_eq(X509_verify(server, X509_get0_pubkey(ca)), 1);
    ck_assert_int_eq(X509_check_purpose(server, X509_PURPOSE_SSL_SERVER, 0), 1);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(X509_check_host(server, names[i], 0, 0, NULL), 1);
    ck_assert_int_eq(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
    ck_assert_int_eq(X509_check_ip_asc(server, "::1", 0), 1);
    X509_free(ca);
    X509_free(server);
}
END_TEST

START_TEST(keys_are_private)
{
    struct stat status;

    ck_assert(ensure(NULL, time(NULL)));
    for (int i = 1; i < 4; i += 2) {
        ck_assert_int_eq(stat(support_path("%s", files[i]), &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0600);
    }
}
END_TEST

START_TEST(only_what_is_bad_is_made_anew)
{
    char *before[4] = {NULL};
    time_t now = time(NULL);

    ck_assert(ensure(NULL, now));
    changes(before);
    ck_assert(ensure(NULL, now));
    ck_assert_str_eq(changes(before), "----");
    ck_assert(ensure("10.1.2.3", now)); /* one more name */
    ck_assert_str_eq(changes(before), "--xx");
    ck_assert(ensure(NULL, now));
    ck_assert_str_eq(changes(before), "----");
    ck_assert(ensure(NULL, now + 340 * DAY)); /* the server's certificate ends soon */
    ck_assert_str_eq(changes(before), "--xx");
    ck_assert(ensure(NULL, now + 3630 * DAY)); /* the authority's, too */
    ck_assert_str_eq(changes(before), "xxxx");
    support_write(support_path(EMU_SERVER_CERTIFICATE), "not a certificate\n");
    ck_assert(ensure(NULL, now + 3630 * DAY));
    ck_assert_str_eq(changes(before), "--xx");
    unlink(support_path(EMU_CA_KEY));
    ck_assert(ensure(NULL, now + 3630 * DAY));
    ck_assert_str_eq(changes(before), "xxxx");
    for (int i = 0; i < 4; i++)
        free(before[i]);
}
END_TEST

START_TEST(a_key_that_belongs_to_another_is_no_pair)
{
    char *before[4] = {NULL};
    char *key;

    ck_assert(ensure(NULL, time(NULL)));
    key = content(EMU_SERVER_KEY);
    support_write(support_path(EMU_CA_KEY), key);
    free(key);
    changes(before);
    ck_assert(ensure(NULL, time(NULL)));
    ck_assert_str_eq(changes(before), "xxxx");
    for (int i = 0; i < 4; i++)
        free(before[i]);
}
END_TEST

START_TEST(an_unreadable_file_is_left_alone)
{
    char message[256] = "";

    ck_assert_int_eq(mkdir(support_path(EMU_CA_CERTIFICATE), 0700), 0);
    ck_assert(!emu_ca_ensure(directory, NULL, time(NULL), message, sizeof message));
    ck_assert_msg(strstr(message, EMU_CA_CERTIFICATE) != NULL, "%s", message);
    rmdir(support_path(EMU_CA_CERTIFICATE));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("ca");
    TCase *t = tcase_create("ca");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, server_certificate_has_the_names);
    tcase_add_test(t, keys_are_private);
    tcase_add_test(t, only_what_is_bad_is_made_anew);
    tcase_add_test(t, a_key_that_belongs_to_another_is_no_pair);
    tcase_add_test(t, an_unreadable_file_is_left_alone);
    suite_add_tcase(s, t);
    return s;
}
