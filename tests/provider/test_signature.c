/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/orders.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char data[] = "the data to be signed";

struct variant {
    const char *key;
    const char *digest; /* NULL: the default */
    int padding;
    int salt;
};

static const struct variant variants[] = {
    {"ec",     "SHA256",     0,                     0                     },
    {"ec",     "SHA384",     0,                     0                     }, /* longer than the order */
    {"ec",     "SHA1",       0,                     0                     },
    {"ec",     "SHA3-256",   0,                     0                     },
    {"ec",     NULL,         0,                     0                     },
    {"ec384",  "SHA384",     0,                     0                     },
    {"ec384",  "SHA256",     0,                     0                     },
    {"rsa",    "SHA256",     RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA1",       RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA224",     RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA384",     RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA512",     RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA512-256", RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA3-256",   RSA_PKCS1_PADDING,     0                     },
    {"rsa",    NULL,         RSA_PKCS1_PADDING,     0                     },
    {"rsa",    "SHA256",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    {"rsa",    "SHA256",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX   },
    {"rsa",    "SHA256",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO  },
    {"rsa",    "SHA256",     RSA_PKCS1_PSS_PADDING, 0                     },
    {"rsa",    "SHA256",     RSA_PKCS1_PSS_PADDING, 20                    },
    {"rsa",    "SHA384",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    {"rsa",    "SHA512",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    {"rsa",    "SHA3-256",   RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST}, /* padded here */
    {"pss",    "SHA256",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    {"pss",    "SHA512",     RSA_PKCS1_PSS_PADDING, 11                    },
    {"pss",    "SHA384",     0,                     RSA_PSS_SALTLEN_MAX   }, /* nothing need be said of the padding */
    {"pss256", "SHA256",     RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    {"pss256", NULL,         RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST}, /* the only digest it has */
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* The salt that the signature must have: a verifier that detects it would not notice a wrong one. */
static int exact_salt(const struct variant *v)
{
    int digest = v->digest != NULL ? EVP_MD_get_size(EVP_get_digestbyname(v->digest)) : 32;

    if (v->salt == RSA_PSS_SALTLEN_DIGEST)
        return digest;
    return v->salt >= 0 ? v->salt : 256 - digest - 2;
}

static void set_padding(EVP_PKEY_CTX *ctx, const struct variant *v, int salt)
{
    if (v->padding == 0)
        return;
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, v->padding), 1);
    if (v->padding == RSA_PKCS1_PSS_PADDING)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
}

static size_t sign(EVP_PKEY *key, const struct variant *v, unsigned char *signature, size_t room)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    size_t size = 0;
    uint32_t before;

    ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, v->digest, context, NULL, key, NULL), 1);
    set_padding(ctx, v, v->salt);
    before = test_spy()->total;
    ck_assert_int_eq(EVP_DigestSignUpdate(md, data, 5), 1);
    ck_assert_int_eq(EVP_DigestSignUpdate(md, data + 5, sizeof data - 5), 1);
    ck_assert_int_eq(EVP_DigestSignFinal(md, NULL, &size), 1);
    ck_assert_uint_eq(size, (size_t)EVP_PKEY_get_size(key));
    ck_assert_uint_eq(test_spy()->total, before); /* a size question is not the token's */
    size = room;
    if (EVP_DigestSignFinal(md, signature, &size) != 1)
        size = 0;
    EVP_MD_CTX_free(md);
    return size;
}

static bool verifies(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const struct variant *v,
                     const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    bool ok;

    ck_assert_int_eq(EVP_DigestVerifyInit_ex(md, &ctx, v->digest, libctx, NULL, key, NULL), 1);
    set_padding(ctx, v, exact_salt(v));
    ok = EVP_DigestVerify(md, signature, size, data, sizeof data) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}

START_TEST(signatures_verify)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        EVP_PKEY *key = test_load_key(context, test_uri(v->key));
        EVP_PKEY *public = test_public_half(key);
        unsigned char signature[512];
        size_t size = sign(key, v, signature, sizeof signature);

        if (size == 0)
            ERR_print_errors_fp(stderr);
        ck_assert_msg(size > 0 && verifies(NULL, public, v, signature, size), "%zu: %s %s", i, v->key,
                      v->digest);
        ck_assert_msg(verifies(context, key, v, signature, size), "%zu", i);
        signature[size - 1] ^= 1;
        ck_assert_msg(!verifies(NULL, public, v, signature, size), "%zu", i);
        ck_assert_msg(!verifies(context, key, v, signature, size), "%zu", i);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_signature_is_two_calls_and_a_verification_none)
{
    static const struct variant rows[] = {
        {"ec",  "SHA256", 0,                     0                     },
        {"rsa", "SHA256", RSA_PKCS1_PADDING,     0                     },
        {"rsa", "SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST},
    };

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(rows[i].key));
        unsigned char signature[512];
        size_t size;

        for (int round = 0; round < 3; round++) {
            test_spy_reset();
            size = sign(key, &rows[i], signature, sizeof signature);
            ck_assert_uint_eq(test_spy()->calls[SPY_SIGN_INIT], 1);
            ck_assert_uint_eq(test_spy()->calls[SPY_SIGN], 1);
            ck_assert_uint_eq(test_spy()->total, 2);
            ck_assert(verifies(context, key, &rows[i], signature, size));
            ck_assert_uint_eq(test_spy()->total, 2);
        }
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_given_digest_is_signed_as_it_is)
{
    static const char *const labels[] = {"ec", "rsa"};
    unsigned char digest[32];

    memset(digest, 7, sizeof digest);
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(labels[i]));
        EVP_PKEY *public = test_public_half(key);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
        EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
        unsigned char signature[512];
        size_t size = 0;

        ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        ck_assert_int_eq(EVP_PKEY_sign(ctx, NULL, &size, digest, sizeof digest), 1);
        ck_assert_uint_eq(size, (size_t)EVP_PKEY_get_size(key));
        ck_assert_int_eq(EVP_PKEY_sign(ctx, signature, &size, digest, sizeof digest), 1);
        ck_assert_int_eq(EVP_PKEY_verify_init(verify), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(verify, EVP_sha256()), 1);
        ck_assert_int_eq(EVP_PKEY_verify(verify, signature, size, digest, sizeof digest), 1);
        if (i == 1)
            ck_assert_int_ne(EVP_PKEY_sign(ctx, signature, &size, digest, 31), 1);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_CTX_free(verify);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(too_small_a_buffer_is_refused_without_asking_the_token)
{
    const struct variant v = {"rsa", "SHA256", RSA_PKCS1_PADDING, 0};
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    unsigned char signature[512];
    uint32_t before = test_spy()->calls[SPY_SIGN_INIT];

    ck_assert_uint_eq(sign(key, &v, signature, 255), 0);
    ck_assert_uint_eq(test_spy()->calls[SPY_SIGN_INIT], before);
    ck_assert_uint_eq(sign(key, &v, signature, 256), 256);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_copied_operation_goes_its_own_way)
{
    const struct variant v = {"rsa", "SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST};
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    EVP_MD_CTX *first = EVP_MD_CTX_new();
    EVP_MD_CTX *second = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    unsigned char signature[512];
    size_t size = sizeof signature;

    ck_assert_int_eq(EVP_DigestSignInit_ex(first, &ctx, "SHA256", context, NULL, key, NULL), 1);
    set_padding(ctx, &v, v.salt);
    ck_assert_int_eq(EVP_DigestSignUpdate(first, data, 7), 1);
    ck_assert_int_eq(EVP_MD_CTX_copy_ex(second, first), 1);
    ck_assert_int_eq(EVP_DigestSignUpdate(first, "other", 5), 1);
    ck_assert_int_eq(EVP_DigestSignUpdate(second, data + 7, sizeof data - 7), 1);
    EVP_MD_CTX_free(first);
    EVP_PKEY_free(key);
    ck_assert_int_eq(EVP_DigestSignFinal(second, signature, &size), 1);
    EVP_MD_CTX_free(second);
    key = test_load_key(context, test_uri("rsa"));
    ck_assert(verifies(context, key, &v, signature, size));
    EVP_PKEY_free(key);
}
END_TEST

/* As `openssl req -sigopt digest:sha256` does. */
START_TEST(the_digest_may_be_said_again_but_not_changed)
{
    static const char *const keys[] = {"rsa", "ec"};

    for (size_t i = 0; i < 2; i++) {
        const struct variant v = {keys[i], "SHA256", 0, 0};
        EVP_PKEY *key = test_load_key(context, test_uri(keys[i]));
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = NULL;
        unsigned char signature[512];
        size_t size = sizeof signature;

        ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, "SHA256", context, NULL, key, NULL), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "digest", "sha256"), 1);
        ck_assert_int_le(EVP_PKEY_CTX_ctrl_str(ctx, "digest", "sha384"), 0);
        ck_assert_int_eq(EVP_DigestSign(md, signature, &size, data, sizeof data), 1);
        EVP_MD_CTX_free(md);
        ck_assert(verifies(context, key, &v, signature, size));
        EVP_PKEY_free(key);
    }
}
END_TEST

/* OpenSSL 3.2's name for it; the token is not told. */
START_TEST(a_nonce_without_random_numbers_is_refused)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));

    for (unsigned type = 0; type < 2; type++) {
        const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint("nonce-type", &type),
                                     OSSL_PARAM_construct_end()};
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_params(ctx, params) == 1, type == 0);
        ck_assert_int_eq(EVP_PKEY_sign_init_ex(ctx, params) == 1, type == 0);
        ck_assert_int_eq(EVP_DigestSignInit_ex(md, NULL, "SHA256", context, NULL, key, params) == 1,
                         type == 0);
        EVP_MD_CTX_free(md);
        EVP_PKEY_CTX_free(ctx);
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(parameters_can_be_read_when_none_was_set)
{
    static const char *const keys[] = {"rsa", "ec"};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(keys[i]));
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = NULL;
        const EVP_MD *digest = NULL;
        unsigned char identifier[64];
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, identifier,
                                              sizeof identifier),
            OSSL_PARAM_construct_end(),
        };

        ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, "SHA384", context, NULL, key, NULL), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_get_params(ctx, params), 1);
        ck_assert(OSSL_PARAM_modified(&params[0]));
        ck_assert_int_eq(identifier[0], 0x30);
        ck_assert_int_eq(EVP_PKEY_CTX_get_signature_md(ctx, &digest), 1);
        ck_assert_int_eq(EVP_MD_get_type(digest), NID_sha384);
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_digest_is_refused_before_anything_is_signed)
{
    static const struct variant rows[] = {
        {"ec",     "no such digest", 0, 0},
        {"rsa",    "no such digest", 0, 0},
        {"rsa",    "BLAKE2S-256",    0, 0}, /* has no PKCS#1 signature */
        {"pss256", "SHA384",         0, 0}, /* the key's own restriction */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(rows[i].key));
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        ck_assert_int_ne(EVP_DigestSignInit_ex(md, NULL, rows[i].digest, context, NULL, key, NULL), 1);
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(pss_is_padded_here_for_a_token_that_lacks_it)
{
    const struct variant v = {"rsa", "SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST};
    EVP_PKEY *key = test_load_key(context, test_uri("rsa"));
    unsigned char signature[512];
    size_t size;

    test_spy_reset();
    test_spy()->inject_mechanism = CKM_RSA_PKCS_PSS;
    size = sign(key, &v, signature, sizeof signature);
    ck_assert_uint_eq(test_spy()->mechanism, CKM_RSA_X_509);
    ck_assert_uint_eq(test_spy()->total, 3);
    ck_assert(verifies(context, key, &v, signature, size));
    size = sign(key, &v, signature, sizeof signature);
    ck_assert_uint_eq(test_spy()->total, 5); /* it was learnt */
    ck_assert(verifies(context, key, &v, signature, size));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_key_for_pss_alone_is_rsa_pss)
{
    static const char *const labels[] = {"pss", "pss256"};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = test_load_key(context, test_uri(labels[i]));
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = NULL;
        char digest[32] = "";

        ck_assert(EVP_PKEY_is_a(key, "RSA-PSS"));
        ck_assert_int_eq(EVP_PKEY_get_default_digest_name(key, digest, sizeof digest), i == 1 ? 2 : 1);
        ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, NULL, context, NULL, key, NULL), 1);
        ck_assert_int_ne(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
        EVP_MD_CTX_free(md);
        md = EVP_MD_CTX_new();
        ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, "SHA384", context, NULL, key, NULL), i == 0);
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_key_for_pss_alone_is_what_its_certificate_says)
{
    const struct variant v = {"plain", "SHA256", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST};
    const struct variant refused = {"plain", "SHA256", RSA_PKCS1_PADDING, 0};
    EVP_PKEY *key = test_load_key(context, test_uri("plain"));
    BIO *file = BIO_new_file(test_software_certificate("plain"), "r");
    X509 *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    unsigned char signature[512];
    size_t size;
    char *errors;

    ck_assert(EVP_PKEY_is_a(key, "RSA"));
    ck_assert_int_eq(X509_check_private_key(certificate, key), 1);
    size = sign(key, &v, signature, sizeof signature);
    ck_assert(verifies(context, key, &v, signature, size));
    ck_assert_uint_eq(sign(key, &refused, signature, sizeof signature), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "its CKA_ALLOWED_MECHANISMS permit PSS alone") != NULL, "%s", errors);
    free(errors);
    X509_free(certificate);
    BIO_free(file);
    EVP_PKEY_free(key);
}
END_TEST

static EVP_PKEY *load_public(OSSL_LIB_CTX *from, const char *label)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key;
    char uri[128];

    snprintf(uri, sizeof uri, "pkcs11:token=dev;object=%s;type=public", label);
    store = OSSL_STORE_open_ex(uri, from, NULL, NULL, NULL, NULL, NULL, NULL);
    info = OSSL_STORE_load(store);
    key = OSSL_STORE_INFO_get1_PUBKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

/* SoftHSM's public keys do not tell what is allowed, and nobody logs in to be told by the private one. */
START_TEST(a_public_key_is_of_the_type_of_the_private_one_that_is_to_be_seen)
{
    static const struct {
        const char *label;
        const char *before;
        const char *after;
    } rows[] = {
        {"pss",    "RSA", "RSA-PSS"},
        {"pss256", "RSA", "RSA-PSS"},
        {"plain",  "RSA", "RSA"    },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        OSSL_LIB_CTX *own = test_context(DEFAULT_FIRST);
        EVP_PKEY *public = load_public(own, rows[i].label);
        EVP_PKEY *private;

        ck_assert_msg(EVP_PKEY_is_a(public, rows[i].before), "%s", rows[i].label);
        EVP_PKEY_free(public);
        private = test_load_key(own, test_uri(rows[i].label));
        public = load_public(own, rows[i].label);
        ck_assert_msg(EVP_PKEY_is_a(public, rows[i].after), "%s", rows[i].label);
        ck_assert_int_eq(EVP_PKEY_eq(public, private), 1);
        EVP_PKEY_free(public);
        EVP_PKEY_free(private);
        test_context_free(own);
    }
}
END_TEST

START_TEST(a_key_that_hashes_itself_signs_no_digest)
{
    EVP_PKEY *key = test_load_key(context, test_uri("pss256"));
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned char digest[32] = {1};
    unsigned char signature[512];
    size_t size = sizeof signature;
    char *errors;

    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_ne(EVP_PKEY_sign(ctx, signature, &size, digest, sizeof digest), 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "permit to sign messages, not digests") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_refused_mechanism_is_one_clear_error)
{
    const struct variant v = {"ec", "SHA256", 0, 0};
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    unsigned char signature[512];
    char *errors;

    test_spy()->inject_mechanism = CKM_ECDSA;
    ck_assert_uint_eq(sign(key, &v, signature, sizeof signature), 0);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "its token has no CKM_ECDSA") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(software_keys_sign_and_verify_with_our_signatures)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        bool rsa = strcmp(v->key, "rsa") == 0;
        EVP_PKEY *key = rsa ? EVP_PKEY_Q_keygen(context, "provider=devid", "RSA", (size_t)2048)
                            : EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx = NULL;
        unsigned char signature[512];
        size_t size = sizeof signature;

        ck_assert_int_eq(EVP_DigestSignInit_ex(md, &ctx, v->digest, context, "provider=devid", key, NULL), 1);
        set_padding(ctx, v, v->salt);
        ck_assert_int_eq(EVP_DigestSign(md, signature, &size, data, sizeof data), 1);
        ck_assert_msg(verifies(context, key, v, signature, size), "%zu", i);
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(key);
        if (rsa && i > 8)
            break; /* generation takes its time */
    }
    ck_assert_uint_eq(test_spy()->total, 0);
}
END_TEST

/* Every test runs in each order of the providers. */
static void add_tests(TCase *t)
{
    tcase_add_test(t, signatures_verify);
    tcase_add_test(t, a_signature_is_two_calls_and_a_verification_none);
    tcase_add_test(t, a_given_digest_is_signed_as_it_is);
    tcase_add_test(t, too_small_a_buffer_is_refused_without_asking_the_token);
    tcase_add_test(t, a_copied_operation_goes_its_own_way);
    tcase_add_test(t, the_digest_may_be_said_again_but_not_changed);
    tcase_add_test(t, a_nonce_without_random_numbers_is_refused);
    tcase_add_test(t, parameters_can_be_read_when_none_was_set);
    tcase_add_test(t, a_digest_is_refused_before_anything_is_signed);
    tcase_add_test(t, pss_is_padded_here_for_a_token_that_lacks_it);
    tcase_add_test(t, a_key_for_pss_alone_is_rsa_pss);
    tcase_add_test(t, a_key_for_pss_alone_is_what_its_certificate_says);
    tcase_add_test(t, a_public_key_is_of_the_type_of_the_private_one_that_is_to_be_seen);
    tcase_add_test(t, a_key_that_hashes_itself_signs_no_digest);
    tcase_add_test(t, a_refused_mechanism_is_one_clear_error);
    tcase_add_test(t, software_keys_sign_and_verify_with_our_signatures);
}

Suite *suite(void)
{
    return suite_of_orders("signature", add_tests);
}
