/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_fixture.h"
#include "tests/support/support.h"

#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct dps_report report;
static struct dps_fixture_log lines;

static struct dps_tls *make(dps_pin_fn pin, void *pin_data)
{
    const struct dps_tls_settings settings = {.pin = pin, .pin_data = pin_data, .report = &report};
    struct dps_tls *tls;

    lines.text[0] = '\0';
    report = (struct dps_report){.log = dps_fixture_log, .log_data = &lines};
    ck_assert_int_eq(dps_tls_new(&settings, &tls), DPS_OK);
    return tls;
}

static dps_status load(struct dps_tls *tls, const char *certificate, const char *key)
{
    return dps_tls_load(tls, support_path("%s", certificate), support_path("%s", key));
}

/* How many certificates a handshake would send. */
static unsigned sent_chain(struct dps_tls *tls)
{
    void *previous = dps_tls_enter(tls);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    STACK_OF(X509) *chain = NULL;
    unsigned count;

    ck_assert(dps_tls_install(tls, context));
    ck_assert_int_eq(SSL_CTX_check_private_key(context), 1);
    SSL_CTX_get0_chain_certs(context, &chain);
    count = 1 + (chain != NULL ? (unsigned)sk_X509_num(chain) : 0);
    SSL_CTX_free(context);
    dps_tls_leave(previous);
    return count;
}

START_TEST(a_chain_is_sent_whole_and_in_order)
{
    struct dps_tls *tls = make(NULL, NULL);

    ck_assert_int_eq(load(tls, "device.pem", "device.key"), DPS_OK);
    ck_assert_str_eq(dps_tls_common_name(tls), "device-1");
    ck_assert_str_eq(dps_tls_open_issuer(tls), "");
    ck_assert_uint_eq(sent_chain(tls), 3);
    ck_assert_str_eq(lines.text, "");
    dps_tls_free(tls);
}
END_TEST

START_TEST(the_order_in_the_file_does_not_matter)
{
    struct dps_tls *tls = make(NULL, NULL);
    char *root = support_read(support_path("ca.pem"), NULL);
    char *chain = support_read(support_path("device.pem"), NULL);
    char *text = malloc(strlen(root) + strlen(chain) + 1);

    strcpy(text, root); /* the root comes first, and again at the end */
    strcat(text, chain);
    support_write(support_path("shuffled.pem"), text);
    ck_assert_int_eq(load(tls, "shuffled.pem", "device.key"), DPS_OK);
    ck_assert_str_eq(dps_tls_common_name(tls), "device-1");
    dps_tls_free(tls);
    free(root);
    free(chain);
    free(text);
}
END_TEST

START_TEST(a_lone_leaf_is_a_warning_that_names_its_issuer)
{
    struct dps_tls *tls = make(NULL, NULL);

    ck_assert_int_eq(load(tls, "leaf.pem", "device.key"), DPS_OK);
    ck_assert_str_eq(dps_tls_open_issuer(tls), "CN=test intermediate,O=DevID test");
    ck_assert_msg(strstr(lines.text, "WARNING") != NULL, "%s", lines.text);
    ck_assert_ptr_nonnull(strstr(lines.text, "CN=test intermediate,O=DevID test"));
    dps_tls_free(tls);
}
END_TEST

START_TEST(a_gap_is_a_warning_that_names_what_is_not_sent)
{
    struct dps_tls *tls = make(NULL, NULL);

    ck_assert_int_eq(load(tls, "gap.pem", "device.key"), DPS_OK);
    ck_assert_uint_eq(sent_chain(tls), 1);
    ck_assert_msg(strstr(lines.text, "has a gap: \"CN=test root,O=DevID test\"") != NULL, "%s", lines.text);
    dps_tls_free(tls);
}
END_TEST

START_TEST(a_self_signed_certificate_is_no_matter_for_a_warning)
{
    struct dps_tls *tls = make(NULL, NULL);

    ck_assert_int_eq(load(tls, "self.pem", "self.key"), DPS_OK);
    ck_assert_uint_eq(sent_chain(tls), 1);
    ck_assert_str_eq(lines.text, "");
    dps_tls_free(tls);
}
END_TEST

START_TEST(the_validity_is_the_leafs_and_may_pass_2038)
{
    const int64_t now = (int64_t)time(NULL);
    struct dps_tls *tls = make(NULL, NULL);
    int64_t from;
    int64_t to;

    ck_assert(!dps_tls_validity(tls, &from, &to));
    ck_assert_int_eq(load(tls, "self.pem", "self.key"), DPS_OK);
    ck_assert(dps_tls_validity(tls, &from, &to));
    ck_assert_int_le(from, now - 86400);
    ck_assert_int_ge(from, now - 86400 - 600);
    ck_assert_int_gt(to, now + 29L * 365 * 86400);
    dps_tls_free(tls);
}
END_TEST

static int give_secret(void *data, const char *what, char *pin, size_t size)
{
    snprintf(data, 4096, "%s", what);
    ck_assert_uint_ge(size, 6);
    memcpy(pin, "secret", 6);
    return 6;
}

static int give_another(void *data, const char *what, char *pin, size_t size)
{
    (void)data;
    (void)what;
    (void)size;
    memcpy(pin, "apple", 5);
    return 5;
}

START_TEST(a_locked_key_asks_for_its_pass_phrase)
{
    char asked[4096];
    struct dps_tls *tls = make(give_secret, asked);

    ck_assert_int_eq(load(tls, "device.pem", "locked.key"), DPS_OK);
    ck_assert_str_eq(asked, support_path("locked.key"));
    dps_tls_free(tls);
    tls = make(give_another, NULL);
    ck_assert_int_eq(load(tls, "device.pem", "locked.key"), DPS_KEY);
    ck_assert_ptr_null(strstr(report.text, "apple"));
    dps_tls_free(tls);
}
END_TEST

START_TEST(file_uris_are_paths)
{
    static const char *const prefixes[] = {"file:", "file://", "file://localhost"};
    char certificate[2048];
    char key[2048];

    for (size_t i = 0; i < COUNT(prefixes); i++) {
        struct dps_tls *tls = make(NULL, NULL);

        strcpy(certificate, prefixes[i]);
        strcpy(key, certificate);
        strcat(certificate, support_path("device.pem"));
        strcat(key, support_path("device.key"));
        ck_assert_msg(dps_tls_load(tls, certificate, key) == DPS_OK, "%s: %s", certificate, report.text);
        dps_tls_free(tls);
    }
}
END_TEST

/* Files that are no certificate or key, and what is then said. */
START_TEST(what_cannot_be_loaded_is_named)
{
    static const struct {
        const char *content;
        const char *words;
    } cases[] = {
        {"", "no certificate can be loaded from"},
        {"text\n", "no certificate can be loaded from"},
        {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
         "no certificate can be loaded from"},
        {"-----BEGIN CERTIFICATE-----\n", "no certificate can be loaded from"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dps_tls *tls = make(NULL, NULL);

        support_write(support_path("bad.pem"), cases[i].content);
        ck_assert_int_eq(load(tls, "bad.pem", "device.key"), DPS_KEY);
        ck_assert_msg(strstr(report.text, cases[i].words) != NULL, "%s", report.text);
        ck_assert_ptr_nonnull(strstr(report.text, "bad.pem"));
        dps_tls_free(tls);
    }
}
END_TEST

START_TEST(a_broken_second_certificate_is_not_overlooked)
{
    struct dps_tls *tls = make(NULL, NULL);
    char *leaf = support_read(support_path("leaf.pem"), NULL);
    char *text = malloc(strlen(leaf) + 100);

    strcpy(text, leaf);
    strcat(text, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    support_write(support_path("bad.pem"), text);
    ck_assert_int_eq(load(tls, "bad.pem", "device.key"), DPS_KEY);
    dps_tls_free(tls);
    free(leaf);
    free(text);
}
END_TEST

/* $OPENSSL_MODULES is where the provider is looked for; here it holds none that could be loaded. */
START_TEST(a_missing_provider_is_named_with_what_wants_it)
{
    static const char *const wanting[] = {
        "-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n",
        "-----BEGIN PKCS#11 PROVIDER URI-----\nMAA=\n-----END PKCS#11 PROVIDER URI-----\n"};
    struct dps_tls *tls = make(NULL, NULL);

    support_write(support_path("devid.so"), "no shared object");
    setenv("OPENSSL_MODULES", support_directory(), 1);
    ck_assert_int_eq(dps_tls_load(tls, "pkcs11:object=x?pin-value=1234&x=y", "pkcs11:object=x"), DPS_KEY);
    ck_assert_msg(strstr(report.text, "pkcs11:object=x?pin-value=****&x=y needs DevID's OpenSSL provider") !=
                      NULL,
                  "%s", report.text);
    ck_assert_ptr_nonnull(strstr(report.text, support_path("devid.so")));
    for (size_t i = 0; i < COUNT(wanting); i++) {
        support_write(support_path("wanting.key"), wanting[i]);
        ck_assert_int_eq(load(tls, "device.pem", "wanting.key"), DPS_KEY);
        ck_assert_ptr_nonnull(strstr(report.text, "wanting.key needs DevID's OpenSSL provider"));
    }
    /* and plain files still need none */
    ck_assert_int_eq(load(tls, "device.pem", "device.key"), DPS_OK);
    dps_tls_free(tls);
    unsetenv("OPENSSL_MODULES");
}
END_TEST

START_TEST(a_failed_load_leaves_nothing_of_the_one_before)
{
    struct dps_tls *tls = make(NULL, NULL);

    ck_assert_int_eq(load(tls, "device.pem", "device.key"), DPS_OK);
    ck_assert_int_eq(load(tls, "device.pem", "other.key"), DPS_KEY);
    ck_assert_str_eq(dps_tls_common_name(tls), "");
    dps_tls_free(tls);
}
END_TEST

START_TEST(the_thread_gets_its_default_context_back)
{
    struct dps_tls *tls = make(NULL, NULL);
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(NULL);
    void *previous = dps_tls_enter(tls);

    ck_assert_ptr_eq(previous, before);
    ck_assert_ptr_ne(OSSL_LIB_CTX_set0_default(NULL), before);
    dps_tls_leave(previous);
    ck_assert_ptr_eq(OSSL_LIB_CTX_set0_default(NULL), before);
    dps_tls_free(tls);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tls");
    TCase *t = tcase_create("tls");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, dps_fixture_make, NULL);
    tcase_add_test(t, a_chain_is_sent_whole_and_in_order);
    tcase_add_test(t, the_order_in_the_file_does_not_matter);
    tcase_add_test(t, a_lone_leaf_is_a_warning_that_names_its_issuer);
    tcase_add_test(t, a_gap_is_a_warning_that_names_what_is_not_sent);
    tcase_add_test(t, a_self_signed_certificate_is_no_matter_for_a_warning);
    tcase_add_test(t, the_validity_is_the_leafs_and_may_pass_2038);
    tcase_add_test(t, a_locked_key_asks_for_its_pass_phrase);
    tcase_add_test(t, file_uris_are_paths);
    tcase_add_test(t, what_cannot_be_loaded_is_named);
    tcase_add_test(t, a_broken_second_certificate_is_not_overlooked);
    tcase_add_test(t, a_missing_provider_is_named_with_what_wants_it);
    tcase_add_test(t, a_failed_load_leaves_nothing_of_the_one_before);
    tcase_add_test(t, the_thread_gets_its_default_context_back);
    suite_add_tcase(s, t);
    return s;
}
