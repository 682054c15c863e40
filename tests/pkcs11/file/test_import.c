/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#define VALUE_MAXIMUM 300
#define PARTS 8

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE rsa_type = CKK_RSA;

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

/* The numbers of an open key, as attributes, for tests to spoil. */
struct numbers {
    CK_OBJECT_HANDLE original;
    CK_ATTRIBUTE items[PARTS + 6];
    CK_ULONG count;
    uint8_t values[PARTS][VALUE_MAXIMUM];
};

static void read_numbers(struct numbers *numbers, const char *kind, const CK_ATTRIBUTE_TYPE *types,
                         size_t count)
{
    CK_ATTRIBUTE open[] = {
        {CKA_SENSITIVE,   &no,  sizeof no },
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };
    CK_OBJECT_HANDLE public;

    *numbers = (struct numbers){.count = count};
    filetoken_assert_rv(filetoken_generate(session, kind, false, open, 2, &public, &numbers->original),
                        CKR_OK);
    for (size_t i = 0; i < count; i++) {
        CK_ULONG size = VALUE_MAXIMUM;

        filetoken_assert_rv(
            filetoken_attribute(session, numbers->original, types[i], numbers->values[i], &size), CKR_OK);
        numbers->items[i] = (CK_ATTRIBUTE){types[i], numbers->values[i], size};
    }
    numbers->items[numbers->count++] = (CK_ATTRIBUTE){CKA_CLASS, &private_class, sizeof private_class};
}

static const CK_ATTRIBUTE_TYPE rsa_types[PARTS] = {CKA_MODULUS,    CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT,
                                                   CKA_PRIME_1,    CKA_PRIME_2,         CKA_EXPONENT_1,
                                                   CKA_EXPONENT_2, CKA_COEFFICIENT};

static void read_rsa(struct numbers *numbers)
{
    read_numbers(numbers, "RSA-2048", rsa_types, PARTS);
    numbers->items[numbers->count++] = (CK_ATTRIBUTE){CKA_KEY_TYPE, &rsa_type, sizeof rsa_type};
}

static void read_curve(struct numbers *numbers, const char *kind)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_VALUE};

    read_numbers(numbers, kind, types, 3);
}

static void drop(struct numbers *numbers, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < numbers->count; i++)
        if (numbers->items[i].type == type)
            numbers->items[i--] = numbers->items[--numbers->count];
}

static CK_ATTRIBUTE *item(struct numbers *numbers, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < numbers->count; i++)
        if (numbers->items[i].type == type)
            return &numbers->items[i];
    return NULL;
}

static void sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, uint8_t signature[256], CK_ULONG *size)
{
    CK_MECHANISM mechanism = {type, NULL, 0};

    *size = 256;
    filetoken_assert_rv(filetoken_sign(session, &mechanism, key, "data", 4, signature, size), CKR_OK);
}

/* PKCS#1 and Ed25519 signatures are deterministic: the same signature is the same key. */
static void assert_same_key(CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b, CK_MECHANISM_TYPE mechanism)
{
    uint8_t signatures[2][256];
    CK_ULONG sizes[2];

    sign(a, mechanism, signatures[0], &sizes[0]);
    sign(b, mechanism, signatures[1], &sizes[1]);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(signatures[0], signatures[1], sizes[0]);
}

static void assert_same_point(CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b)
{
    uint8_t points[2][VALUE_MAXIMUM];
    CK_ULONG sizes[2] = {VALUE_MAXIMUM, VALUE_MAXIMUM};

    filetoken_assert_rv(filetoken_attribute(session, a, CKA_PUBLIC_KEY_INFO, points[0], &sizes[0]), CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, b, CKA_PUBLIC_KEY_INFO, points[1], &sizes[1]), CKR_OK);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(points[0], points[1], sizes[0]);
}

static const size_t rsa_given[] = {8, 5, 3};

START_TEST(rsa_with_and_without_primes_and_crt_members)
{
    struct numbers numbers;
    CK_OBJECT_HANDLE made;

    read_rsa(&numbers);
    for (size_t i = rsa_given[_i]; i < PARTS; i++)
        drop(&numbers, rsa_types[i]);
    filetoken_assert_rv(C_CreateObject(session, numbers.items, numbers.count, &made), CKR_OK);
    assert_same_key(numbers.original, made, CKM_SHA256_RSA_PKCS);
}
END_TEST

START_TEST(an_imported_key_is_not_local_and_was_not_always_sensitive)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
    } wanted[] = {
        {CKA_LOCAL,             CK_FALSE},
        {CKA_SENSITIVE,         CK_TRUE },
        {CKA_EXTRACTABLE,       CK_FALSE},
        {CKA_ALWAYS_SENSITIVE,  CK_FALSE},
        {CKA_NEVER_EXTRACTABLE, CK_FALSE},
    };
    struct numbers numbers;
    CK_OBJECT_HANDLE made;
    uint8_t value[VALUE_MAXIMUM];
    CK_ULONG size = sizeof value;

    read_rsa(&numbers);
    filetoken_assert_rv(C_CreateObject(session, numbers.items, numbers.count, &made), CKR_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        CK_BBOOL flag = 7;
        CK_ULONG flag_size = sizeof flag;

        filetoken_assert_rv(filetoken_attribute(session, made, wanted[i].type, &flag, &flag_size), CKR_OK);
        ck_assert_uint_eq(flag, wanted[i].value);
    }
    filetoken_assert_rv(filetoken_attribute(session, made, CKA_PRIVATE_EXPONENT, value, &size),
                        CKR_ATTRIBUTE_SENSITIVE);
}
END_TEST

START_TEST(a_token_key_is_a_file_with_both_halves)
{
    struct numbers numbers;
    CK_OBJECT_HANDLE made;
    char *text;

    read_curve(&numbers, "P-256");
    numbers.items[numbers.count++] = (CK_ATTRIBUTE){CKA_TOKEN, &yes, sizeof yes};
    numbers.items[numbers.count++] = (CK_ATTRIBUTE){CKA_LABEL, (char[]){"taken in"}, 8};
    filetoken_assert_rv(C_CreateObject(session, numbers.items, numbers.count, &made), CKR_OK);
    ck_assert_uint_ne(filetoken_find(session, CKO_PUBLIC_KEY, "taken in"), CK_INVALID_HANDLE);
    ck_assert_int_eq(
        support_shell(&text, "openssl pkey -in '%s/taken-in.pem' -noout -check", support_path("tokens/disk")),
        0);
    free(text);
    C_Finalize(NULL);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    ck_assert_uint_ne(filetoken_find(session, CKO_PRIVATE_KEY, "taken in"), CK_INVALID_HANDLE);
}
END_TEST

START_TEST(elliptic_curve_keys)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "ED25519", "X25519"};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    uint8_t digest[32] = {1};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct numbers numbers;
        CK_OBJECT_HANDLE made;
        uint8_t signature[256];
        CK_ULONG size = sizeof signature;
        EVP_PKEY *pkey;

        read_curve(&numbers, kinds[i]);
        filetoken_assert_rv(C_CreateObject(session, numbers.items, numbers.count, &made), CKR_OK);
        if (i == 3) {
            assert_same_key(numbers.original, made, CKM_EDDSA);
            continue;
        }
        if (i == 4) {
            assert_same_point(numbers.original, made);
            continue;
        }
        filetoken_assert_rv(filetoken_sign(session, &ecdsa, made, digest, sizeof digest, signature, &size),
                            CKR_OK);
        pkey = filetoken_public(session, numbers.original);
        ck_assert(filetoken_verify_ecdsa(pkey, digest, sizeof digest, signature, size));
        EVP_PKEY_free(pkey);
    }
}
END_TEST

/* --- refusals: each leaves nothing behind
 * -------------------------------------------------------------------- */

static void spoil_last(CK_ATTRIBUTE *item)
{
    ((uint8_t *)item->pValue)[item->ulValueLen - 1] ^= 4;
}

static void make_even(CK_ATTRIBUTE *item)
{
    ((uint8_t *)item->pValue)[item->ulValueLen - 1] &= 0xfe;
}

static void make_zero(CK_ATTRIBUTE *item)
{
    memset(item->pValue, 0, item->ulValueLen);
}

static void make_ones(CK_ATTRIBUTE *item)
{
    memset(item->pValue, 0xff, item->ulValueLen);
}

static void make_large(CK_ATTRIBUTE *item)
{
    item->ulValueLen = 256;
    make_ones(item);
}

static void make_short(CK_ATTRIBUTE *item)
{
    item->ulValueLen = 20;
}

static void make_empty(CK_ATTRIBUTE *item)
{
    item->ulValueLen = 0;
}

static const struct refusal {
    const char *what;
    CK_ATTRIBUTE_TYPE type;
    void (*spoil)(CK_ATTRIBUTE *item); /* NULL: left out */
    CK_RV rv;
} rsa_refusals[] = {
    {"no modulus",                  CKA_MODULUS,          NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"no public exponent",          CKA_PUBLIC_EXPONENT,  NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"no private exponent",         CKA_PRIVATE_EXPONENT, NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"one prime only",              CKA_PRIME_2,          NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"no key type",                 CKA_KEY_TYPE,         NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"another modulus",             CKA_MODULUS,          spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"an even modulus",             CKA_MODULUS,          make_even,  CKR_ATTRIBUTE_VALUE_INVALID},
    {"a short modulus",             CKA_MODULUS,          make_short, CKR_ATTRIBUTE_VALUE_INVALID},
    {"no digits",                   CKA_MODULUS,          make_empty, CKR_ATTRIBUTE_VALUE_INVALID},
    {"another public exponent",     CKA_PUBLIC_EXPONENT,  spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"an even public exponent",     CKA_PUBLIC_EXPONENT,  make_even,  CKR_ATTRIBUTE_VALUE_INVALID},
    {"another private exponent",    CKA_PRIVATE_EXPONENT, spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"private exponent 0",          CKA_PRIVATE_EXPONENT, make_zero,  CKR_ATTRIBUTE_VALUE_INVALID},
    {"private exponent >= modulus", CKA_PRIVATE_EXPONENT, make_large, CKR_ATTRIBUTE_VALUE_INVALID},
    {"another prime",               CKA_PRIME_1,          spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"another CRT exponent",        CKA_EXPONENT_1,       spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"another CRT exponent 2",      CKA_EXPONENT_2,       spoil_last, CKR_TEMPLATE_INCONSISTENT  },
    {"another coefficient",         CKA_COEFFICIENT,      spoil_last, CKR_TEMPLATE_INCONSISTENT  },
};

static const struct refusal ec_refusals[] = {
    {"no value",            CKA_VALUE,     NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"no curve",            CKA_EC_PARAMS, NULL,       CKR_TEMPLATE_INCOMPLETE    },
    {"an unknown curve",    CKA_EC_PARAMS, spoil_last, CKR_CURVE_NOT_SUPPORTED    },
    {"zero",                CKA_VALUE,     make_zero,  CKR_ATTRIBUTE_VALUE_INVALID},
    {"not below the order", CKA_VALUE,     make_ones,  CKR_ATTRIBUTE_VALUE_INVALID},
    {"no digits",           CKA_VALUE,     make_empty, CKR_ATTRIBUTE_VALUE_INVALID},
    {"no key type",         CKA_KEY_TYPE,  NULL,       CKR_TEMPLATE_INCOMPLETE    },
};

static void check_refusal(struct numbers *numbers, const struct refusal *refusal)
{
    CK_OBJECT_HANDLE made = 0;
    CK_RV rv;

    numbers->items[numbers->count++] = (CK_ATTRIBUTE){CKA_TOKEN, &yes, sizeof yes};
    if (refusal->spoil == NULL)
        drop(numbers, refusal->type);
    else
        refusal->spoil(item(numbers, refusal->type));
    rv = C_CreateObject(session, numbers->items, numbers->count, &made);
    ck_assert_msg(rv == refusal->rv, "%s: 0x%lx, wanted 0x%lx: %s", refusal->what, rv, refusal->rv,
                  p11_failure_text());
    ck_assert_msg(p11_failure_text()[0] != '\0', "%s is not explained", refusal->what);
    ck_assert_int_ne(support_shell(NULL, "ls '%s'/*.pem", support_path("tokens/disk")), 0);
}

START_TEST(rsa_numbers_that_are_no_key)
{
    struct numbers numbers;

    read_rsa(&numbers);
    check_refusal(&numbers, &rsa_refusals[_i]);
}
END_TEST

START_TEST(rsa_exponents_that_do_not_factor_the_modulus)
{
    static const struct refusal refusal = {"without primes, another private exponent", CKA_PRIVATE_EXPONENT,
                                           spoil_last, CKR_TEMPLATE_INCONSISTENT};
    struct numbers numbers;

    read_rsa(&numbers);
    for (size_t i = 3; i < PARTS; i++)
        drop(&numbers, rsa_types[i]);
    check_refusal(&numbers, &refusal);
}
END_TEST

START_TEST(ec_numbers_that_are_no_key)
{
    struct numbers numbers;

    read_curve(&numbers, "P-256");
    check_refusal(&numbers, &ec_refusals[_i]);
}
END_TEST

START_TEST(seeds_on_25519_have_one_length)
{
    static const struct refusal refusal = {"a short seed", CKA_VALUE, make_short,
                                           CKR_ATTRIBUTE_VALUE_INVALID};
    struct numbers numbers;

    read_curve(&numbers, _i == 0 ? "ED25519" : "X25519");
    check_refusal(&numbers, &refusal);
}
END_TEST

START_TEST(a_read_only_session_takes_no_token_key)
{
    struct numbers numbers;
    CK_SESSION_HANDLE reader;
    CK_OBJECT_HANDLE made;

    read_curve(&numbers, "P-256");
    numbers.items[numbers.count++] = (CK_ATTRIBUTE){CKA_TOKEN, &yes, sizeof yes};
    filetoken_assert_rv(C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &reader),
                        CKR_OK);
    filetoken_assert_rv(C_CreateObject(reader, numbers.items, numbers.count, &made), CKR_SESSION_READ_ONLY);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/file/import");
    TCase *tcase = tcase_create("import");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, rsa_with_and_without_primes_and_crt_members, 0, 3);
    tcase_add_test(tcase, an_imported_key_is_not_local_and_was_not_always_sensitive);
    tcase_add_test(tcase, a_token_key_is_a_file_with_both_halves);
    tcase_add_test(tcase, elliptic_curve_keys);
    tcase_add_loop_test(tcase, rsa_numbers_that_are_no_key, 0,
                        (int)(sizeof rsa_refusals / sizeof rsa_refusals[0]));
    tcase_add_test(tcase, rsa_exponents_that_do_not_factor_the_modulus);
    tcase_add_loop_test(tcase, ec_numbers_that_are_no_key, 0,
                        (int)(sizeof ec_refusals / sizeof ec_refusals[0]));
    tcase_add_loop_test(tcase, seeds_on_25519_have_one_length, 0, 2);
    tcase_add_test(tcase, a_read_only_session_takes_no_token_key);
    suite_add_tcase(suite, tcase);
    return suite;
}
