/* SPDX-License-Identifier: Apache-2.0 */
/* The provider loaded by the name of tpm2-openssl, whose set-ups mean new keys in the TPM by it. */
#include "tests/provider/tss2_fixture.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

/* With the default provider behind it, and these lines in its section. */
static OSSL_LIB_CTX *loaded_as(const char *name, const char *lines)
{
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    char text[2000];

    snprintf(text, sizeof text,
             "openssl_conf = start\n[start]\nproviders = list\n[list]\n%s = ours\ndefault = other\n"
             "[other]\nactivate = 1\n[ours]\nmodule = %s\nactivate = 1\n%s",
             name, support_build_path("provider/.libs/devid.so"), lines);
    support_write(support_path("as.cnf"), text);
    setenv("OPENSSL_CONF", support_path("as.cnf"), 1);
    ck_assert_msg(OSSL_LIB_CTX_load_config(context, support_path("as.cnf")) == 1, "%s", test_errors());
    ck_assert_int_eq(OSSL_PROVIDER_available(context, name), 1);
    return context;
}

/* malloc'ed; NULL: there is no such form. */
static char *write_as(EVP_PKEY *key, int selection, const char *form, const char *structure, size_t *size)
{
    OSSL_ENCODER_CTX *encoder = OSSL_ENCODER_CTX_new_for_pkey(key, selection, form, structure, NULL);
    unsigned char *data = NULL;
    char *copy = NULL;

    *size = 0;
    if (OSSL_ENCODER_to_data(encoder, &data, size) == 1) {
        copy = calloc(1, *size + 1);
        memcpy(copy, data, *size);
    }
    OPENSSL_free(data);
    OSSL_ENCODER_CTX_free(encoder);
    return copy;
}

static bool is_in_tpm(EVP_PKEY *key)
{
    size_t size;
    char *pem = write_as(key, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", &size);
    bool answer = strncmp(pem, "-----BEGIN TSS2 PRIVATE KEY-----", 32) == 0;

    free(pem);
    return answer;
}

static EVP_PKEY *generate(OSSL_LIB_CTX *context, const char *type, const char *name, const char *value)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, type, "?provider=tpm2");
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    if (name != NULL)
        ck_assert_msg(EVP_PKEY_CTX_ctrl_str(ctx, name, value) == 1, "%s", test_errors());
    ck_assert_msg(EVP_PKEY_generate(ctx, &key) == 1, "%s", test_errors());
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static const struct {
    const char *type;
    const char *name;
    const char *value;
    bool in_tpm;
} kinds[] = {
    {"RSA",     "rsa_keygen_bits",   "2048",  true },
    {"RSA-PSS", "rsa_keygen_bits",   "2048",  true },
    {"EC",      "ec_paramgen_curve", "P-256", true },
    {"EC",      "group",             "P-384", true },
    {"X25519",  NULL,                NULL,    false},
    {"ED25519", NULL,                NULL,    false},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

START_TEST(a_new_key_is_made_in_the_tpm)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY *key = generate(context, kinds[_i].type, kinds[_i].name, kinds[_i].value);

    ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "tpm2");
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], kinds[_i].in_tpm);
    ck_assert_uint_eq(is_in_tpm(key), kinds[_i].in_tpm);
    ck_assert(!kinds[_i].in_tpm || test_key_signs(context, key));
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(the_configuration_says_where_new_keys_go)
{
    static const struct {
        const char *name;
        const char *lines;
        bool in_tpm;
    } rows[] = {
        {"tpm2",   "",                                true },
        {"tpm2",   "new-keys = software\n",           false},
        {"pkcs11", "",                                false},
        {"pkcs11", "pkcs11-module-new-keys = tss2\n", true },
    };
    OSSL_LIB_CTX *context = loaded_as(rows[_i].name, rows[_i].lines);
    char property[40];
    EVP_PKEY *key;

    snprintf(property, sizeof property, "provider=%s", rows[_i].name);
    key = EVP_PKEY_Q_keygen(context, property, "EC", "P-256");
    ck_assert_msg(key != NULL, "%s", test_errors());
    ck_assert_uint_eq(is_in_tpm(key), rows[_i].in_tpm);
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(who_asks_for_an_ordinary_key_gets_one)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "?provider=tpm2");
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "group", "P-256"), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "tss2", "no"), 1);
    ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], 0);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* As TLS and CMS make one for an agreement: it is used once. */
START_TEST(the_partner_of_a_key_is_an_ordinary_one)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY *key = generate(context, "EC", "group", "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, "?provider=tpm2");
    EVP_PKEY *partner = NULL;

    test_spy_reset();
    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_msg(EVP_PKEY_generate(ctx, &partner) == 1, "%s", test_errors());
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_KEY_PAIR], 0);
    EVP_PKEY_free(partner);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(the_key_is_written_and_read_as_der)
{
    static const char *const structures[] = {"PrivateKeyInfo", "type-specific"};
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");

    for (size_t kind = 0; kind < KINDS; kind++) {
        EVP_PKEY *key = generate(context, kinds[kind].type, kinds[kind].name, kinds[kind].value);
        EVP_PKEY *again = NULL;
        OSSL_DECODER_CTX *decoder =
            OSSL_DECODER_CTX_new_for_pkey(&again, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, context, NULL);
        size_t size;
        char *der = write_as(key, EVP_PKEY_KEYPAIR, "DER", structures[_i], &size);
        const unsigned char *at = (unsigned char *)der;

        if (der != NULL && strcmp(kinds[kind].type, "RSA-PSS") != 0) {
            ck_assert_msg(OSSL_DECODER_from_data(decoder, &at, &size) == 1, "%s", test_errors());
            ck_assert_int_eq(EVP_PKEY_eq(again, key), 1);
            ck_assert_str_eq(EVP_PKEY_get0_type_name(again), kinds[kind].type);
            ck_assert_uint_eq(is_in_tpm(again), kinds[kind].in_tpm);
        } else if (der == NULL) {
            ck_assert_int_eq(_i, 1); /* RSA-PSS and the bare types have nothing of their own */
            ck_assert(strcmp(kinds[kind].type, "RSA") != 0 && strcmp(kinds[kind].type, "EC") != 0);
            ERR_clear_error();
        }
        free(der);
        OSSL_DECODER_CTX_free(decoder);
        EVP_PKEY_free(again);
        EVP_PKEY_free(key);
    }
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(parameters_of_a_curve_are_written)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY *key = generate(context, "EC", "group", "P-256");
    size_t size;
    char *pem = write_as(key, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, "PEM", NULL, &size);
    char *der = write_as(key, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, "DER", NULL, &size);

    ck_assert_msg(pem != NULL, "%s", test_errors());
    ck_assert_str_eq(pem, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    ck_assert_uint_eq(size, 10);
    ck_assert_mem_eq(der, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
    free(pem);
    free(der);
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* `openssl ec` does so whether or not it is asked for. */
START_TEST(how_the_public_half_is_written_may_be_said)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY *key = generate(context, "EC", "group", "P-256");
    int size = i2d_PUBKEY(key, NULL);

    ck_assert_int_eq(EVP_PKEY_set_int_param(key, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 1), 1);
    ck_assert_int_eq(i2d_PUBKEY(key, NULL), size);
    ck_assert_int_eq(
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
    ck_assert_int_eq(i2d_PUBKEY(key, NULL), size - 32);
    ck_assert_int_ne(EVP_PKEY_set_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                                                     (const unsigned char *)"x", 1),
                     1);
    ck_assert(test_key_signs(context, key));
    ERR_clear_error();
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* It is asked for when the file is read, and not while the key that was made is at hand. */
START_TEST(a_new_key_has_the_password_that_is_given)
{
    static const char *const types[] = {"RSA", "EC"};
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, types[_i], "?provider=tpm2");
    EVP_PKEY *key = NULL;
    size_t size;
    char *pem;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    if (_i == 1)
        ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "group", "P-256"), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "user-auth", "sesame"), 1);
    ck_assert_msg(EVP_PKEY_generate(ctx, &key) == 1, "%s", test_errors());
    EVP_PKEY_CTX_free(ctx);
    ck_assert_msg(test_key_signs(context, key), "%s", test_errors());
    pem = write_as(key, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", &size);
    for (int right = 0; right < 2; right++) {
        struct answer answer = {right != 0 ? "sesame" : "open", 0};
        EVP_PKEY *again = read_pem(context, pem, &answer);

        ck_assert_int_eq(answer.asked, 1);
        ck_assert_int_eq(test_key_signs(context, again), right);
        EVP_PKEY_free(again);
        ERR_clear_error();
    }
    free(pem);
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}
END_TEST

START_TEST(an_ec_key_may_be_for_one_digest)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "?provider=tpm2");
    struct answer answer = {NULL, 0};
    EVP_PKEY *key = NULL;
    unsigned char signature[200];
    size_t size;
    char *pem;

    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "group", "P-256"), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "digest", "sha384"), 1);
    ck_assert_msg(EVP_PKEY_generate(ctx, &key) == 1, "%s", test_errors());
    pem = write_as(key, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", &size);
    for (int from_file = 0; from_file < 2; from_file++) {
        EVP_PKEY_CTX *bare = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
        char name[40];

        ck_assert_int_eq(EVP_PKEY_get_default_digest_name(key, name, sizeof name), 2); /* mandatory */
        ck_assert_str_eq(name, "SHA384");
        size = sizeof signature;
        ck_assert_int_eq(EVP_PKEY_sign_init(bare), 1);
        ck_assert_msg(EVP_PKEY_sign(bare, signature, &size, (const unsigned char *)pem, 48) == 1, "%s",
                      test_errors());
        EVP_PKEY_CTX_free(bare);
        EVP_PKEY_free(key);
        key = read_pem(context, pem, &answer);
        ck_assert_ptr_nonnull(key);
    }
    free(pem);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    OSSL_LIB_CTX_free(context);
}
END_TEST

static const struct {
    const char *name;
    const char *value;
    bool software;
    const char *text;
} unmet[] = {
    {"parent",      "0x81000001",                        false, "under the parent of the token"   },
    {"parent-auth", "sesame",                            false, "under the parent of the token"   },
    {"user-auth",   "sesame",                            true,  "are for keys in a TPM"           },
    {"digest",      "sha256",                            true,  "are for keys in a TPM"           },
    {"user-auth",   "012345678901234567890123456789012", false, "CKA_DEVID_AUTH has 1 to 32 bytes"},
};
enum { UNMET = sizeof unmet / sizeof unmet[0] };

START_TEST(what_cannot_be_had_is_refused_by_name)
{
    OSSL_LIB_CTX *context = loaded_as("tpm2", "");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "?provider=tpm2");
    EVP_PKEY *key = NULL;
    char *errors;

    /* the spy keeps the module's sentence to itself */
    if (strstr(unmet[_i].text, "CKA_DEVID_AUTH") != NULL) {
        OSSL_LIB_CTX_free(context);
        setenv("DEVID_PKCS11_MODULE", support_build_path("pkcs11/.libs/devid-pkcs11.so"), 1);
        context = loaded_as("tpm2", "");
        EVP_PKEY_CTX_free(ctx);
        ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "?provider=tpm2");
    }
    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "group", "P-256"), 1);
    if (unmet[_i].software)
        ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "tss2", "no"), 1);
    ck_assert(EVP_PKEY_CTX_ctrl_str(ctx, unmet[_i].name, unmet[_i].value) != 1 ||
              EVP_PKEY_generate(ctx, &key) != 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, unmet[_i].text) != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_CTX_free(ctx);
    OSSL_LIB_CTX_free(context);
}
END_TEST

/* Where the default provider is there as well, libcrypto 3.0 takes one of the two, by their order or by their
 * names. */
START_TEST(random_numbers_are_everybodys)
{
    static const struct {
        const char *name;
        const char *lines;
        const char *query;
        bool by_tpm;
    } rows[] = {
        {"tpm2",   "",                    "?provider=tpm2",   true },
        {"tpm2",   "random = named\n",    "?provider=tpm2",   false},
        {"pkcs11", "",                    "?provider=pkcs11", false},
        {"pkcs11", "random = ctr-drbg\n", "?provider=pkcs11", true },
    };
    OSSL_LIB_CTX *context = loaded_as(rows[_i].name, rows[_i].lines);
    unsigned char data[32];

    ck_assert_int_eq(EVP_set_default_properties(context, rows[_i].query), 1);
    ck_assert_msg(RAND_bytes_ex(context, data, sizeof data, 0) == 1, "%s", test_errors());
    ck_assert_uint_eq(test_spy()->calls[SPY_GENERATE_RANDOM] > 0, rows[_i].by_tpm);
    OSSL_LIB_CTX_free(context);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("as_tpm2");
    TCase *t = tcase_create("as_tpm2");

    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, fixture_make, NULL);
    tcase_add_checked_fixture(t, fixture_up, NULL);
    tcase_add_loop_test(t, a_new_key_is_made_in_the_tpm, 0, KINDS);
    tcase_add_loop_test(t, the_configuration_says_where_new_keys_go, 0, 4);
    tcase_add_test(t, who_asks_for_an_ordinary_key_gets_one);
    tcase_add_test(t, the_partner_of_a_key_is_an_ordinary_one);
    tcase_add_loop_test(t, the_key_is_written_and_read_as_der, 0, 2);
    tcase_add_test(t, parameters_of_a_curve_are_written);
    tcase_add_test(t, how_the_public_half_is_written_may_be_said);
    tcase_add_loop_test(t, a_new_key_has_the_password_that_is_given, 0, 2);
    tcase_add_test(t, an_ec_key_may_be_for_one_digest);
    tcase_add_loop_test(t, what_cannot_be_had_is_refused_by_name, 0, UNMET);
    tcase_add_loop_test(t, random_numbers_are_everybodys, 0, 4);
    suite_add_tcase(s, t);
    return s;
}
