/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/dps_fixture.h"

#include "tests/support/fake_tpm.h"
#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY 86400L

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    ck_assert_ptr_nonnull(key);
    return key;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A certificate for `key`, valid from day `from` to day `to` of today; issuer NULL: self-signed. */
static X509 *issue(const char *common_name, EVP_PKEY *key, const struct identity *issuer, long from, long to,
                   const char *constraints)
{
    static long serial = 1000;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"DevID test", -1, -1, 0);
    if (common_name != NULL)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer != NULL ? X509_get_subject_name(issuer->certificate) : name);
    X509_time_adj_ex(X509_getm_notBefore(certificate), (int)from, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(certificate), (int)to, 0, NULL);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, issuer != NULL ? issuer->certificate : certificate, NID_basic_constraints,
                  constraints);
    if (common_name != NULL && strcmp(common_name, "localhost") == 0)
        add_extension(certificate, issuer->certificate, NID_subject_alt_name,
                      "DNS:localhost,IP:127.0.0.1,IP:::1");
    ck_assert_int_ne(X509_sign(certificate, issuer != NULL ? issuer->key : key, EVP_sha256()), 0);
    return certificate;
}

static void write_certificates(const char *name, X509 *first, X509 *second, X509 *third)
{
    X509 *const all[] = {first, second, third};
    FILE *file = fopen(support_path("%s", name), "w");

    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < 3; i++)
        if (all[i] != NULL)
            ck_assert_int_eq(PEM_write_X509(file, all[i]), 1);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_key(const char *name, EVP_PKEY *key, const char *phrase)
{
    FILE *file = fopen(support_path("%s", name), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, key, phrase != NULL ? EVP_aes_128_cbc() : NULL, phrase,
                                               phrase != NULL ? (int)strlen(phrase) : 0, NULL, NULL),
                     1);
    ck_assert_int_eq(fclose(file), 0);
}

/* One certificate into its own file. */
static void write_one(const char *name, X509 *certificate)
{
    write_certificates(name, certificate, NULL, NULL);
    X509_free(certificate);
}

static void make_authorities(struct identity *root, struct identity *intermediate)
{
    root->key = make_key();
    root->certificate = issue("test root", root->key, NULL, -1, 30 * 365, "critical,CA:TRUE");
    intermediate->key = make_key();
    intermediate->certificate =
        issue("test intermediate", intermediate->key, root, -1, 365, "critical,CA:TRUE");
    write_certificates("ca.pem", root->certificate, NULL, NULL);
}

void dps_fixture_make(void)
{
    struct identity root;
    struct identity intermediate;
    EVP_PKEY *server = make_key();
    EVP_PKEY *device = make_key();
    EVP_PKEY *self = make_key();
    EVP_PKEY *other = make_key();
    X509 *leaf;

    make_authorities(&root, &intermediate);
    write_one("server.pem", issue("localhost", server, &root, -1, 365, "CA:FALSE"));
    leaf = issue("device-1", device, &intermediate, -1, 365, "CA:FALSE");
    write_certificates("device.pem", leaf, intermediate.certificate, root.certificate);
    write_certificates("gap.pem", leaf, root.certificate, NULL);
    write_one("leaf.pem", leaf);
    write_one("server-expired.pem", issue("localhost", server, &root, -10, -2, "CA:FALSE"));
    write_one("self.pem", issue("device-1", self, NULL, -1, 30 * 365, "CA:FALSE"));
    write_one("expired.pem", issue("device-1", device, &root, -10, -2, "CA:FALSE"));
    write_one("future.pem", issue("device-1", device, &root, 2, 10, "CA:FALSE"));
    write_one("nameless.pem", issue(NULL, device, &root, -1, 10, "CA:FALSE"));
    write_key("server.key", server, NULL);
    write_key("device.key", device, NULL);
    write_key("locked.key", device, "secret");
    write_key("self.key", self, NULL);
    write_key("other.key", other, NULL);
    X509_free(root.certificate);
    X509_free(intermediate.certificate);
    EVP_PKEY_free(root.key);
    EVP_PKEY_free(intermediate.key);
    EVP_PKEY_free(server);
    EVP_PKEY_free(device);
    EVP_PKEY_free(self);
    EVP_PKEY_free(other);
}

static int64_t fake_now(void *data)
{
    return ((struct dps_fixture_clock *)data)->now;
}

static int64_t fake_date(void *data)
{
    return ((struct dps_fixture_clock *)data)->date;
}

static void fake_sleep(void *data, int64_t milliseconds, int wake)
{
    struct dps_fixture_clock *clock = data;

    (void)wake;
    ck_assert_uint_lt(clock->sleeps, sizeof clock->slept / sizeof clock->slept[0]);
    clock->slept[clock->sleeps++] = milliseconds;
    clock->now += milliseconds;
    clock->date += milliseconds / 1000;
    if (clock->cancel_at_sleep != NULL)
        dps_client_cancel(clock->cancel_at_sleep);
}

static uint32_t fake_random(void *data)
{
    return ((struct dps_fixture_clock *)data)->random;
}

struct dps_clock dps_fixture_clock(struct dps_fixture_clock *clock)
{
    *clock = (struct dps_fixture_clock){.now = 1000, .date = (int64_t)time(NULL)};
    return (struct dps_clock){fake_now, fake_date, fake_sleep, fake_random, clock};
}

void dps_fixture_log(void *data, dps_log_level level, const char *line)
{
    static const char *const names[] = {[DPS_LOG_ERROR] = "ERROR",
                                        [DPS_LOG_WARNING] = "WARNING",
                                        [DPS_LOG_INFO] = "INFO",
                                        [DPS_LOG_DEBUG] = "DEBUG"};
    struct dps_fixture_log *log = data;
    size_t length = strlen(log->text);

    snprintf(log->text + length, sizeof log->text - length, "%s %s\n", names[level], line);
}

struct dps_server *dps_fixture_server(const struct dps_server_row *rows, size_t count)
{
    const struct dps_server_options options = {.certificate = support_path("server.pem"),
                                               .key = support_path("server.key")};

    return dps_server_start(&options, rows, count);
}

dps_client *dps_fixture_client(const struct dps_server *server, struct dps_fixture_clock *clock)
{
    dps_client *client = dps_client_new("scope", "device-1");

    ck_assert_ptr_nonnull(client);
    ck_assert_int_eq(dps_client_set_endpoint(client, dps_server_authority(server)), DPS_OK);
    ck_assert_int_eq(dps_client_set_trust(client, support_path("ca.pem")), DPS_OK);
    ck_assert_int_eq(dps_client_set_proxy(client, ""), DPS_OK);
    ck_assert_int_eq(dps_client_use_x509(client, support_path("device.pem"), support_path("device.key")),
                     DPS_OK);
    client->clock = dps_fixture_clock(clock);
    return client;
}

const char *fake_tpm_module(void)
{
    return support_build_path("tests/support/.libs/fake_tpm.so");
}

struct fake_tpm *fake_tpm_start(void)
{
    void *library = dlopen(fake_tpm_module(), RTLD_NOW | RTLD_LOCAL);
    fake_tpm_reset_fn *reset = NULL;

    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)&reset = dlsym(library, FAKE_TPM_RESET);
    ck_assert_ptr_nonnull(reset);
    return reset();
}
