/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs made by a token of SoftHSM; those of TPMs and files are in tests/story/generate_keys.sh. */
#include "tests/support/softhsm.h"
#include "tests/support/support.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define TOKEN "pkcs11:token=dev;"
#define PIN "?pin-value=1234"

static EVP_PKEY *generate(OSSL_LIB_CTX *context, const char *type, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, type, "?provider=devid");
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    if (EVP_PKEY_CTX_set_params(ctx, params) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static OSSL_PARAM text(const char *name, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

static EVP_PKEY *generate_ec(OSSL_LIB_CTX *context, const char *uri)
{
    const OSSL_PARAM params[] = {text("pkcs11_uri", uri), text(OSSL_PKEY_PARAM_GROUP_NAME, "P-256"),
                                 OSSL_PARAM_END};

    return generate(context, "EC", params);
}

START_TEST(a_pair_is_made_by_one_call_and_found_by_its_uri)
{
    for (int order = 0; order < TEST_ORDERS; order++) {
        OSSL_LIB_CTX *context = test_context((enum test_order)order);
        char uri[128];
        EVP_PKEY *key;
        EVP_PKEY *found;
        char name[512] = "";

        snprintf(uri, sizeof uri, TOKEN "object=made-%d" PIN, order);
        test_spy_reset();
        key = generate_ec(context, uri);
        ck_assert_msg(key != NULL, "order %d: %s", order, test_errors());
        ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_LOGIN], 1);
        ck_assert_uint_le(test_spy()->total, 25);
        ck_assert(test_key_signs(context, key));
        ck_assert_int_eq(EVP_PKEY_get_utf8_string_param(key, "pkcs11-uri", name, sizeof name, NULL), 1);
        ck_assert_ptr_nonnull(strstr(name, "object=made-"));
        ck_assert_ptr_nonnull(strstr(name, "id=%"));
        ck_assert_ptr_null(strstr(name, "1234"));
        found = test_load_key(context, uri);
        ck_assert_int_eq(EVP_PKEY_eq(found, key), 1);
        EVP_PKEY_free(found);
        EVP_PKEY_free(key);
        ck_assert_uint_eq(ERR_peek_error(), 0);
        test_context_free(context);
        ck_assert_uint_eq(test_spy()->calls[SPY_OPEN_SESSION], test_spy()->calls[SPY_CLOSE_SESSION]);
    }
}
END_TEST

/* As a well-known name server asks: no token named, the size by its command's name. */
START_TEST(an_rsa_pair_with_a_usage)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    size_t bits = 3072;
    const OSSL_PARAM params[] = {text("pkcs11_uri", "pkcs11:object=zone;id=%21" PIN),
                                 text("pkcs11_key_usage", "digitalSignature"),
                                 OSSL_PARAM_construct_size_t("rsa_keygen_bits", &bits), OSSL_PARAM_END};
    EVP_PKEY *key = generate(context, "RSA", params);
    unsigned char out[512];
    size_t size = sizeof out;
    EVP_PKEY_CTX *ctx;

    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_get_bits(key), 3072);
    ck_assert(test_key_signs(context, key));
    ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
    memset(out, 1, sizeof out);
    ck_assert_int_ne(EVP_PKEY_decrypt(ctx, out, &size, out, 384), 1);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

/* What `genpkey -pkeyopt` calls them, from programs that set parameters themselves. */
START_TEST(the_names_of_options_do_too)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    size_t bits = 3072;
    const OSSL_PARAM ec[] = {text("pkcs11_uri", TOKEN "object=options" PIN),
                             text("ec_paramgen_curve", "P-384"), OSSL_PARAM_END};
    const OSSL_PARAM rsa[] = {text("pkcs11_uri", TOKEN "object=options-rsa" PIN),
                              OSSL_PARAM_construct_size_t("rsa_keygen_bits", &bits), OSSL_PARAM_END};
    const OSSL_PARAM pss[] = {text("pkcs11_uri", TOKEN "object=options-pss" PIN),
                              text("rsa_pss_keygen_md", "SHA384"), OSSL_PARAM_END};
    EVP_PKEY *key = generate(context, "EC", ec);
    char digest[32] = "";

    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_get_bits(key), 384);
    EVP_PKEY_free(key);
    key = generate(context, "RSA", rsa);
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_get_bits(key), 3072);
    EVP_PKEY_free(key);
    key = generate(context, "RSA-PSS", pss);
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_get_default_digest_name(key, digest, sizeof digest), 2);
    ck_assert_ptr_nonnull(strstr(digest, "384"));
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

START_TEST(a_template_tells_the_group)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    EVP_PKEY *like = EVP_PKEY_Q_keygen(context, NULL, "EC", "P-384");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, like, NULL);
    const OSSL_PARAM params[] = {text("uri", TOKEN "object=like" PIN), OSSL_PARAM_END};
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
    ck_assert_msg(EVP_PKEY_generate(ctx, &key) == 1, "%s", test_errors());
    ck_assert_int_eq(EVP_PKEY_get_bits(key), 384);
    ck_assert(test_key_signs(context, key));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    EVP_PKEY_free(like);
    test_context_free(context);
}
END_TEST

static const unsigned char message[] = "signed whole";

static bool verifies_whole(EVP_PKEY *key, const unsigned char *signature, size_t size)
{
    EVP_PKEY *public = test_public_half(key);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(md, NULL, NULL, NULL, NULL, public, NULL) == 1 &&
              EVP_DigestVerify(md, signature, size, message, sizeof message) == 1;

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(public);
    return ok;
}

/* SoftHSM 2.6.1 leaks the public key at each C_SignInit with an Edwards key. */
static void ignore_leaks(bool ignore)
{
#ifdef __SANITIZE_ADDRESS__
    if (ignore)
        __lsan_disable();
    else
        __lsan_enable();
#else
    (void)ignore;
#endif
}

/* Ed448 is told from Ed25519, whose type in PKCS#11 is the same, by the curve. */
START_TEST(edwards_pairs_sign_whole_messages)
{
    static const struct {
        const char *type;
        size_t size;
    } rows[] = {
        {"ED25519", 64 },
        {"ED448",   114},
    };
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    unsigned char signature[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char uri[128];
        const OSSL_PARAM params[] = {text("pkcs11_uri", uri), OSSL_PARAM_END};
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        size_t size = 0;
        EVP_PKEY *key;
        EVP_PKEY *found;

        snprintf(uri, sizeof uri, TOKEN "object=%s;type=private" PIN, rows[i].type);
        key = generate(context, rows[i].type, params);
        ck_assert_msg(key != NULL, "%s: %s", rows[i].type, test_errors());
        found = test_load_key(context, uri);
        ck_assert_msg(EVP_PKEY_is_a(found, rows[i].type), "%s", rows[i].type);
        ck_assert_int_eq(EVP_PKEY_eq(found, key), 1);
        ck_assert_int_eq(EVP_DigestSignInit_ex(md, NULL, NULL, context, NULL, found, NULL), 1);
        ck_assert_int_eq(EVP_DigestSign(md, NULL, &size, message, sizeof message), 1);
        ck_assert_uint_eq(size, rows[i].size);
        size--;
        ck_assert_int_ne(EVP_DigestSign(md, signature, &size, message, sizeof message), 1);
        ERR_clear_error();
        size = sizeof signature;
        ignore_leaks(true);
        ck_assert_msg(EVP_DigestSign(md, signature, &size, message, sizeof message) == 1, "%s",
                      test_errors());
        ignore_leaks(false);
        ck_assert_uint_eq(size, rows[i].size);
        ck_assert_msg(verifies_whole(found, signature, size), "%s", rows[i].type);
        signature[0] ^= 1;
        ck_assert(!verifies_whole(found, signature, size));
        ERR_clear_error();
        EVP_MD_CTX_free(md);
        EVP_PKEY_free(found);
        EVP_PKEY_free(key);
    }
    test_context_free(context);
}
END_TEST

START_TEST(without_a_name_no_token_is_touched)
{
    OSSL_LIB_CTX *context = test_context(DEVID_FIRST);
    EVP_PKEY *key;

    test_spy_reset();
    key = EVP_PKEY_Q_keygen(context, NULL, "RSA", (size_t)1024);
    ck_assert_ptr_nonnull(key);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

static unsigned count_pairs(void)
{
    char *output = NULL;
    unsigned count;

    ck_assert_int_eq(
        support_shell(
            &output, "unset OPENSSL_CONF OPENSSL_MODULES; pkcs11-tool --module $P11_SPY_MODULE --login --pin "
                     "1234 --token-label dev -O 2>/dev/null | grep -c Object"),
        0);
    count = (unsigned)strtoul(output, NULL, 10);
    free(output);
    return count;
}

static const struct {
    const char *what;
    const char *uri;
    const char *detail;
    enum p11_spy_call call;
    uint32_t after;
    CK_RV rv;
} refusals[] = {
    {"no token",     "pkcs11:token=nobody;object=no" PIN, "no token matches",                         SPY_CALLS,               0, CKR_OK          },
    {"a name taken", TOKEN "object=ec" PIN,               "there is such a key already",              SPY_CALLS,               0, CKR_OK          },
    {"no PIN",       TOKEN "object=no",                   "a PIN is needed",                          SPY_CALLS,               0, CKR_OK          },
    {"a full token", TOKEN "object=no" PIN,               "C_GenerateKeyPair: CKR_DEVICE_MEMORY",     SPY_GENERATE_KEY_PAIR,   0,
     CKR_DEVICE_MEMORY                                                                                                                            },
    {"read-only",    TOKEN "object=no" PIN,               "C_OpenSession: CKR_TOKEN_WRITE_PROTECTED", SPY_OPEN_SESSION,        1,
     CKR_TOKEN_WRITE_PROTECTED                                                                                                                    },
    {"not readable", TOKEN "object=no" PIN,               "C_GetAttributeValue: CKR_DEVICE_ERROR",    SPY_GET_ATTRIBUTE_VALUE,
     0,                                                                                                                           CKR_DEVICE_ERROR},
};

START_TEST(a_failure_leaves_nothing)
{
    unsigned before = count_pairs();
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_PKEY *key;
    char *errors;

    test_spy_reset();
    if (refusals[_i].call != SPY_CALLS) {
        test_spy()->inject_call = refusals[_i].call;
        test_spy()->inject_after = refusals[_i].after;
        test_spy()->inject_rv = (uint32_t)refusals[_i].rv;
        test_spy()->inject_times = 1;
    }
    key = generate_ec(context, refusals[_i].uri);
    errors = test_errors();
    ck_assert_msg(key == NULL, "%s", refusals[_i].what);
    ck_assert_msg(strstr(errors, refusals[_i].detail) != NULL, "%s: %s", refusals[_i].what, errors);
    ck_assert_ptr_null(strstr(errors, "1234"));
    free(errors);
    test_context_free(context);
    ck_assert_uint_eq(test_spy()->calls[SPY_OPEN_SESSION] - (refusals[_i].call == SPY_OPEN_SESSION ? 1 : 0),
                      test_spy()->calls[SPY_CLOSE_SESSION]);
    ck_assert_uint_eq(count_pairs(), before);
}
END_TEST

START_TEST(what_was_lost_before_is_tried_again)
{
    OSSL_LIB_CTX *context = test_context(DEFAULT_FIRST);
    EVP_PKEY *key;

    test_spy_reset();
    test_spy()->inject_call = SPY_GENERATE_KEY_PAIR;
    test_spy()->inject_rv = CKR_SESSION_HANDLE_INVALID;
    test_spy()->inject_times = 1;
    key = generate_ec(context, TOKEN "object=again" PIN);
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], 2);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
    test_context_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("generate");
    TCase *t = tcase_create("generate");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, test_softhsm_start, NULL);
    tcase_add_checked_fixture(t, test_spy_reset, NULL);
    tcase_add_test(t, a_pair_is_made_by_one_call_and_found_by_its_uri);
    tcase_add_test(t, an_rsa_pair_with_a_usage);
    tcase_add_test(t, the_names_of_options_do_too);
    tcase_add_test(t, a_template_tells_the_group);
    tcase_add_test(t, edwards_pairs_sign_whole_messages);
    tcase_add_test(t, without_a_name_no_token_is_touched);
    tcase_add_loop_test(t, a_failure_leaves_nothing, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, what_was_lost_before_is_tried_again);
    suite_add_tcase(s, t);
    return s;
}
