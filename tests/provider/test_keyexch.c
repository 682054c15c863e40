/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/orders.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

struct variant {
    const char *key;
    const char *group;
    const char *kdf; /* NULL: none */
    size_t size;     /* of what comes out */
    bool compressed; /* how the other side's key gives its point */
};

static const struct variant variants[] = {
    {"ec",    "P-256", NULL,                  32,  false},
    {"ec",    "P-256", NULL,                  32,  true },
    {"ec",    "P-256", OSSL_KDF_NAME_X963KDF, 48,  false},
    {"ec",    "P-256", OSSL_KDF_NAME_X963KDF, 200, false},
    {"ec384", "P-384", NULL,                  48,  false},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

static void set_kdf(EVP_PKEY_CTX *ctx, const struct variant *v)
{
    static unsigned char shared_info[] = "both know this";
    size_t size = v->size;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, (char *)(uintptr_t)v->kdf, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, (char *)(uintptr_t) "SHA384", 0),
        OSSL_PARAM_construct_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &size),
        OSSL_PARAM_construct_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, shared_info, sizeof shared_info),
        OSSL_PARAM_construct_end(),
    };

    if (v->kdf != NULL)
        ck_assert_int_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
}

static size_t derive(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *peer, const struct variant *v,
                     unsigned char *out, size_t room)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    size_t size = room;

    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    set_kdf(ctx, v);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    if (EVP_PKEY_derive(ctx, out, &size) != 1)
        size = 0;
    EVP_PKEY_CTX_free(ctx);
    return size;
}

/* The other side: a software key of the default provider, in a context where ours is not. */
static EVP_PKEY *other_side(const struct variant *v)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", v->group);

    if (v->compressed)
        ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                                        OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
                         1);
    return key;
}

START_TEST(both_sides_get_the_same)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        EVP_PKEY *key = test_load_key(context, test_uri(v->key));
        EVP_PKEY *public = test_public_half(key);
        EVP_PKEY *other = other_side(v);
        unsigned char ours[256];
        unsigned char theirs[256];

        ck_assert_uint_eq(derive(NULL, other, public, v, theirs, sizeof theirs), v->size);
        test_spy_reset();
        ck_assert_msg(derive(context, key, other, v, ours, sizeof ours) == v->size, "%zu", i);
        ck_assert_mem_eq(ours, theirs, v->size);
        ck_assert_uint_eq(test_spy()->calls[SPY_DERIVE_KEY], 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_GET_ATTRIBUTE_VALUE], 1);
        ck_assert_uint_eq(test_spy()->calls[SPY_DESTROY_OBJECT], 1);
        ck_assert_uint_eq(test_spy()->total, 3);
        EVP_PKEY_free(other);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(a_size_question_is_not_the_tokens)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = other_side(&variants[0]);

    test_spy_reset();
    ck_assert_uint_eq(derive(context, key, other, &variants[0], NULL, 0), 32);
    ck_assert_uint_eq(derive(context, key, other, &variants[2], NULL, 0), 48);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}
END_TEST

/* What the default provider does with a secret that is to be a key of fewer bytes. */
START_TEST(a_bare_secret_is_cut_to_the_room_there_is)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *public = test_public_half(key);
    EVP_PKEY *other = other_side(&variants[0]);
    unsigned char ours[32];
    unsigned char theirs[32];

    for (size_t room = 1; room <= 32; room += 15) {
        memset(ours, 0xa5, sizeof ours);
        ck_assert_uint_eq(derive(NULL, other, public, &variants[0], theirs, room), room);
        ck_assert_uint_eq(derive(context, key, other, &variants[0], ours, room), room);
        ck_assert_mem_eq(ours, theirs, room);
        ck_assert(room == sizeof ours || ours[room] == 0xa5);
    }
    EVP_PKEY_free(other);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(too_little_room_and_no_peer_are_refused)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = other_side(&variants[0]);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);
    unsigned char secret[64];
    size_t size = sizeof secret;

    test_spy_reset();
    ck_assert_uint_eq(derive(context, key, other, &variants[0], secret, 0), 0);
    ck_assert_uint_eq(derive(context, key, other, &variants[2], secret, 47), 0);
    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    ck_assert_int_ne(EVP_PKEY_derive(ctx, secret, &size), 1);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_peer_on_another_curve_is_refused)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, key, NULL);

    test_spy_reset();
    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    ck_assert_int_ne(EVP_PKEY_derive_set_peer(ctx, other), 1);
    ck_assert_uint_eq(test_spy()->total, 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_cofactor_mechanism_does_when_the_other_is_missing)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = other_side(&variants[0]);
    unsigned char secret[64];
    char *errors;

    test_spy()->inject_mechanism = CKM_ECDH1_DERIVE;
    ck_assert_uint_eq(derive(context, key, other, &variants[0], secret, sizeof secret), 0);
    ck_assert_uint_eq(test_spy()->mechanism, CKM_ECDH1_COFACTOR_DERIVE); /* which SoftHSM has not either */
    errors = test_errors();
    ck_assert_msg(strstr(errors, "its token has no CKM_ECDH1_DERIVE") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_secret_object_goes_whatever_happens)
{
    EVP_PKEY *key = test_load_key(context, test_uri("ec"));
    EVP_PKEY *other = other_side(&variants[0]);
    unsigned char secret[64];
    char *errors;

    test_spy()->inject_call = SPY_GET_ATTRIBUTE_VALUE;
    test_spy()->inject_rv = CKR_ATTRIBUTE_SENSITIVE;
    test_spy()->inject_times = 1;
    ck_assert_uint_eq(derive(context, key, other, &variants[0], secret, sizeof secret), 0);
    ck_assert_uint_eq(test_spy()->calls[SPY_DESTROY_OBJECT], 1);
    errors = test_errors();
    ck_assert_msg(strstr(errors, "CKR_ATTRIBUTE_SENSITIVE") != NULL, "%s", errors);
    free(errors);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(software_keys_agree_without_the_token)
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        EVP_PKEY *a = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", v->group);
        EVP_PKEY *b = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", v->group);
        unsigned char first[256];
        unsigned char second[256];

        ck_assert_uint_eq(derive(context, a, b, v, first, sizeof first), v->size);
        ck_assert_uint_eq(derive(context, b, a, v, second, sizeof second), v->size);
        ck_assert_mem_eq(first, second, v->size);
        EVP_PKEY_free(a);
        EVP_PKEY_free(b);
    }
    ck_assert_uint_eq(test_spy()->total, 0);
}
END_TEST

/* Every test runs in each order of the providers. */
static void add_tests(TCase *t)
{
    tcase_add_test(t, both_sides_get_the_same);
    tcase_add_test(t, a_size_question_is_not_the_tokens);
    tcase_add_test(t, a_bare_secret_is_cut_to_the_room_there_is);
    tcase_add_test(t, too_little_room_and_no_peer_are_refused);
    tcase_add_test(t, a_peer_on_another_curve_is_refused);
    tcase_add_test(t, the_cofactor_mechanism_does_when_the_other_is_missing);
    tcase_add_test(t, the_secret_object_goes_whatever_happens);
    tcase_add_test(t, software_keys_agree_without_the_token);
}

Suite *suite(void)
{
    return suite_of_orders("keyexch", add_tests);
}
