/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/ca.h"

#include "common/file.h"
#include "common/log.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DAY (24L * 3600L)
#define FILE_MAXIMUM (64 * 1024)
#define SERIAL_BITS 127

static const char always_named[] = "DNS:localhost,IP:127.0.0.1,IP:::1,"
                                   "DNS:*.azure-devices-provisioning.net,DNS:*.azure-devices.net";

struct pair {
    EVP_PKEY *key;
    X509 *certificate;
};

/* What makes one certificate different from the other. */
struct profile {
    const char *certificate_file;
    const char *key_file;
    const char *common_name;
    long days;
    long renew_days; /* made anew this long before its end */
    const char *basic_constraints;
    const char *key_usage;
    const char *extended_key_usage; /* or NULL */
};

static const struct profile authority = {
    .certificate_file = EMU_CA_CERTIFICATE,
    .key_file = EMU_CA_KEY,
    .common_name = "devid-emulator CA",
    .days = 3650,
    .renew_days = 30,
    .basic_constraints = "critical,CA:TRUE",
    .key_usage = "critical,keyCertSign,cRLSign",
};

static const struct profile server = {
    .certificate_file = EMU_SERVER_CERTIFICATE,
    .key_file = EMU_SERVER_KEY,
    .common_name = "localhost",
    .days = 365,
    .renew_days = 30,
    .basic_constraints = "critical,CA:FALSE",
    .key_usage = "critical,digitalSignature",
    .extended_key_usage = "serverAuth",
};

static void pair_free(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->certificate);
    *pair = (struct pair){0};
}

/* --- reading ------------------------------------------------------------------------------------------- */

/* An absent or unreadable PEM is no pair; whether that may be mended is decided from errno by the caller. */
static int read_pair(int directory, const struct profile *profile, struct pair *pair)
{
    struct bytes certificate = BYTES_EMPTY;
    struct bytes key = BYTES_EMPTY;
    BIO *bio = NULL;
    int error = file_read(directory, profile->certificate_file, FILE_MAXIMUM, &certificate);

    *pair = (struct pair){0};
    if (error == 0)
        error = file_read(directory, profile->key_file, FILE_MAXIMUM, &key);
    if (error != 0)
        goto out;
    bio = BIO_new_mem_buf(certificate.data, (int)certificate.size);
    if (bio != NULL)
        pair->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(key.data, (int)key.size);
    if (bio != NULL)
        pair->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
out:
    BIO_free(bio);
    bytes_free(&certificate);
    bytes_free(&key);
    ERR_clear_error();
    return error;
}

/* The pair is whole, belongs together, is by `issuer`, and lasts a while. */
static bool is_good(const struct profile *profile, const struct pair *pair, const struct pair *issuer,
                    time_t now)
{
    time_t soon = now + profile->renew_days * DAY;
    EVP_PKEY *issuer_key = issuer != NULL ? issuer->key : pair->key;
    bool good = pair->key != NULL && pair->certificate != NULL &&
                X509_check_private_key(pair->certificate, pair->key) == 1 &&
                X509_verify(pair->certificate, issuer_key) == 1 &&
                X509_cmp_time(X509_get0_notBefore(pair->certificate), &now) < 0 &&
                X509_cmp_time(X509_get0_notAfter(pair->certificate), &soon) > 0;

    ERR_clear_error();
    return good;
}

static bool is_address(const char *host)
{
    unsigned char scratch[16];

    return inet_pton(AF_INET, host, scratch) == 1 || inet_pton(AF_INET6, host, scratch) == 1;
}

static bool is_named(const struct pair *pair, const char *host)
{
    if (host == NULL)
        return true;
    return is_address(host) ? X509_check_ip_asc(pair->certificate, host, 0) == 1
                            : X509_check_host(pair->certificate, host, 0, 0, NULL) == 1;
}

/* --- making -------------------------------------------------------------------------------------------- */

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = value != NULL ? X509V3_EXT_conf_nid(NULL, context, nid, value) : NULL;
    bool added = value == NULL || (extension != NULL && X509_add_ext(certificate, extension, -1) == 1);

    X509_EXTENSION_free(extension);
    return added;
}

static bool add_extensions(const struct profile *profile, X509 *certificate, X509 *issuer, const char *names)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    return add_extension(certificate, &context, NID_basic_constraints, profile->basic_constraints) &&
           add_extension(certificate, &context, NID_key_usage, profile->key_usage) &&
           add_extension(certificate, &context, NID_ext_key_usage, profile->extended_key_usage) &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always") &&
           add_extension(certificate, &context, NID_subject_alt_name, names);
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
               BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return set;
}

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"DevID", -1, -1, 0) ==
               1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                                      0) == 1;
}

/* A key and its certificate by `issuer`, or by itself. False: *pair is empty. */
static bool make_pair(const struct profile *profile, const struct pair *issuer, const char *names, time_t now,
                      struct pair *pair)
{
    X509 *signer;

    pair->key = EVP_EC_gen("P-256");
    pair->certificate = X509_new();
    if (pair->key == NULL || pair->certificate == NULL)
        goto fail;
    signer = issuer != NULL ? issuer->certificate : pair->certificate;
    if (X509_set_version(pair->certificate, X509_VERSION_3) == 1 && set_serial(pair->certificate) &&
        set_name(X509_get_subject_name(pair->certificate), profile->common_name) &&
        X509_set_issuer_name(pair->certificate, X509_get_subject_name(signer)) == 1 &&
        ASN1_TIME_adj(X509_getm_notBefore(pair->certificate), now, -1, 0) != NULL &&
        ASN1_TIME_adj(X509_getm_notAfter(pair->certificate), now, (int)profile->days, 0) != NULL &&
        X509_set_pubkey(pair->certificate, pair->key) == 1 &&
        add_extensions(profile, pair->certificate, signer, names) &&
        X509_sign(pair->certificate, issuer != NULL ? issuer->key : pair->key, EVP_sha256()) > 0)
        return true;
fail:
    ERR_clear_error();
    pair_free(pair);
    return false;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static int write_pem(int directory, const char *name, BIO *bio, bool written, mode_t mode)
{
    char *data = NULL;
    long size = bio != NULL ? BIO_get_mem_data(bio, &data) : 0;
    int error = written && size > 0 ? file_replace(directory, name, data, (size_t)size, mode) : ENOMEM;

    BIO_free(bio);
    return error;
}

/* The key first: a certificate without its key would be taken for a good one nowhere. */
static int write_pair(int directory, const struct profile *profile, const struct pair *pair)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool written =
        bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, pair->key, NULL, NULL, 0, NULL, NULL) == 1;
    int error = write_pem(directory, profile->key_file, bio, written, 0600);

    if (error != 0)
        return error;
    bio = BIO_new(BIO_s_mem());
    written = bio != NULL && PEM_write_bio_X509(bio, pair->certificate) == 1;
    return write_pem(directory, profile->certificate_file, bio, written, 0644);
}

/* Reads the pair into *pair, or makes and writes it. */
static bool ensure_pair(int directory, const struct profile *profile, const struct pair *issuer,
                        const char *names, const char *host, time_t now, struct pair *pair, char *message,
                        size_t size)
{
    int error = read_pair(directory, profile, pair);

    if (error != 0 && error != ENOENT) {
        snprintf(message, size, "%s or %s cannot be read: %s", profile->certificate_file, profile->key_file,
                 strerror(error));
        return false;
    }
    if (is_good(profile, pair, issuer, now) && is_named(pair, host))
        return true;
    pair_free(pair);
    log_info("making %s", profile->certificate_file);
    if (!make_pair(profile, issuer, names, now, pair)) {
        snprintf(message, size, "%s cannot be made", profile->certificate_file);
        return false;
    }
    error = write_pair(directory, profile, pair);
    if (error != 0)
        snprintf(message, size, "%s cannot be written: %s", profile->certificate_file, strerror(error));
    return error == 0;
}

bool emu_ca_ensure(int directory, const char *host, time_t now, char *message, size_t size)
{
    struct pair ca = {0};
    struct pair own = {0};
    char names[512];
    bool done;

    snprintf(names, sizeof names, "%s%s%s", always_named,
             host == NULL       ? ""
             : is_address(host) ? ",IP:"
                                : ",DNS:",
             host != NULL ? host : "");
    done = ensure_pair(directory, &authority, NULL, NULL, NULL, now, &ca, message, size) &&
           ensure_pair(directory, &server, &ca, names, host, now, &own, message, size);
    pair_free(&own);
    pair_free(&ca);
    return done;
}
