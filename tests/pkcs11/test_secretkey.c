/* SPDX-License-Identifier: Apache-2.0 */
/* C_GenerateKey. */
#include "pkcs11/mechanism.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <string.h>

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static CK_ATTRIBUTE open_items[] = {
    {CKA_SENSITIVE,   &no,  sizeof no },
    {CKA_EXTRACTABLE, &yes, sizeof yes},
};

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

static CK_RV generate(CK_MECHANISM_TYPE type, CK_ULONG size, const CK_ATTRIBUTE *extra, CK_ULONG count,
                      CK_OBJECT_HANDLE *key)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_ATTRIBUTE items[8] = {
        {CKA_VALUE_LEN, &size, sizeof size}
    };

    for (CK_ULONG i = 0; i < count; i++)
        items[1 + i] = extra[i];
    return C_GenerateKey(session, &mechanism, items, 1 + count, key);
}

static bool is(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 7;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, key, type, &value, &size), CKR_OK);
    return value == CK_TRUE;
}

static CK_ULONG number(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG value = 0;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, key, type, &value, &size), CKR_OK);
    return value;
}

START_TEST(each_row_makes_keys_of_its_type)
{
    size_t count;
    const struct mechanism *table = mechanism_table(&count);
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        CK_OBJECT_HANDLE key = 0;

        if ((table[i].flags & CKF_GENERATE) == 0)
            continue;
        ck_assert_msg(generate(table[i].type, 24, NULL, 0, &key) == CKR_OK, "%s: %s", table[i].name,
                      p11_failure_text());
        ck_assert_uint_eq(number(key, CKA_CLASS), CKO_SECRET_KEY);
        ck_assert_uint_eq(number(key, CKA_KEY_TYPE), table[i].key_type);
        ck_assert_uint_eq(number(key, CKA_VALUE_LEN), 24);
        ck_assert_uint_eq(number(key, CKA_KEY_GEN_MECHANISM), table[i].type);
        ck_assert(is(key, CKA_LOCAL));
        ck_assert(is(key, CKA_SENSITIVE));
        ck_assert(is(key, CKA_ALWAYS_SENSITIVE));
        ck_assert(is(key, CKA_NEVER_EXTRACTABLE));
        made++;
    }
    ck_assert_uint_eq(made, 11);
}
END_TEST

START_TEST(keys_are_random_and_as_long_as_asked)
{
    static const CK_ULONG sizes[] = {1, 32, 64, 1000};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CK_OBJECT_HANDLE keys[2];
        uint8_t values[2][1000];
        CK_ULONG got = sizeof values[0];

        for (size_t k = 0; k < 2; k++) {
            filetoken_assert_rv(generate(CKM_GENERIC_SECRET_KEY_GEN, sizes[i], open_items, 2, &keys[k]),
                                CKR_OK);
            got = sizeof values[k];
            filetoken_assert_rv(filetoken_attribute(session, keys[k], CKA_VALUE, values[k], &got), CKR_OK);
            ck_assert_uint_eq(got, sizes[i]);
        }
        ck_assert(sizes[i] < 16 || memcmp(values[0], values[1], sizes[i]) != 0);
        ck_assert(!is(keys[0], CKA_ALWAYS_SENSITIVE));
        ck_assert(!is(keys[0], CKA_NEVER_EXTRACTABLE));
    }
}
END_TEST

START_TEST(sizes_are_those_of_the_type)
{
    static const struct {
        CK_MECHANISM_TYPE mechanism;
        CK_ULONG size;
        CK_RV rv;
    } rows[] = {
        {CKM_AES_KEY_GEN,            0,                          CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_AES_KEY_GEN,            8,                          CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_AES_KEY_GEN,            16,                         CKR_OK                     },
        {CKM_AES_KEY_GEN,            20,                         CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_AES_KEY_GEN,            24,                         CKR_OK                     },
        {CKM_AES_KEY_GEN,            32,                         CKR_OK                     },
        {CKM_AES_KEY_GEN,            64,                         CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_GENERIC_SECRET_KEY_GEN, 0,                          CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_GENERIC_SECRET_KEY_GEN, 4096,                       CKR_OK                     },
        {CKM_GENERIC_SECRET_KEY_GEN, 4097,                       CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_GENERIC_SECRET_KEY_GEN, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_VALUE_INVALID},
        {CKM_SHA256_KEY_GEN,         (CK_ULONG)1 << 63,          CKR_ATTRIBUTE_VALUE_INVALID},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_OBJECT_HANDLE key = 0;

        ck_assert_rv_of("row", generate(rows[i].mechanism, rows[i].size, NULL, 0, &key), rows[i].rv);
        ck_assert_int_eq(key != 0, rows[i].rv == CKR_OK);
    }
}
END_TEST

START_TEST(templates_are_checked)
{
    CK_OBJECT_CLASS other = CKO_DATA;
    CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
    CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
    uint8_t octets[3] = {1, 2, 3};
    const struct {
        CK_ATTRIBUTE item;
        CK_RV rv;
    } rows[] = {
        {{CKA_CLASS, &secret, sizeof secret},    CKR_OK                     },
        {{CKA_CLASS, &other, sizeof other},      CKR_TEMPLATE_INCONSISTENT  },
        {{CKA_KEY_TYPE, &generic, sizeof other}, CKR_TEMPLATE_INCONSISTENT  },
        {{CKA_VALUE, octets, 3},                 CKR_ATTRIBUTE_READ_ONLY    },
        {{CKA_CHECK_VALUE, octets, 3},           CKR_ATTRIBUTE_VALUE_INVALID},
        {{CKA_CHECK_VALUE, NULL, 0},             CKR_OK                     },
        {{CKA_MODULUS, octets, 3},               CKR_ATTRIBUTE_TYPE_INVALID },
        {{CKA_LOCAL, &yes, 1},                   CKR_ATTRIBUTE_READ_ONLY    },
        {{CKA_VERIFY, &yes, 1},                  CKR_OK                     },
    };
    CK_OBJECT_HANDLE key;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_RV rv = generate(CKM_AES_KEY_GEN, 32, &rows[i].item, 1, &key);

        ck_assert_msg(rv == rows[i].rv, "row %zu: 0x%lx", i, rv);
    }
}
END_TEST

START_TEST(calls_out_of_order_are_refused)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_MECHANISM strange = {CKM_DES_KEY_GEN, NULL, 0};
    CK_MECHANISM pair = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM with = {CKM_AES_KEY_GEN, &yes, 1};
    CK_ULONG size = 16;
    CK_ATTRIBUTE item = {CKA_VALUE_LEN, &size, sizeof size};
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(C_GenerateKey(session, NULL, &item, 1, &key), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_GenerateKey(session, &mechanism, NULL, 1, &key), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_GenerateKey(session, &mechanism, &item, 1, NULL), CKR_ARGUMENTS_BAD);
    filetoken_assert_rv(C_GenerateKey(session, &mechanism, NULL, 0, &key), CKR_TEMPLATE_INCOMPLETE);
    filetoken_assert_rv(C_GenerateKey(session, &strange, &item, 1, &key), CKR_MECHANISM_INVALID);
    filetoken_assert_rv(C_GenerateKey(session, &pair, &item, 1, &key), CKR_MECHANISM_INVALID);
    filetoken_assert_rv(C_GenerateKey(session, &with, &item, 1, &key), CKR_MECHANISM_PARAM_INVALID);
    filetoken_assert_rv(C_GenerateKey(session + 1, &mechanism, &item, 1, &key), CKR_SESSION_HANDLE_INVALID);
    filetoken_assert_rv(C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &session),
                        CKR_OK);
    filetoken_assert_rv(generate(CKM_AES_KEY_GEN, 16, &(CK_ATTRIBUTE){CKA_TOKEN, &yes, 1}, 1, &key),
                        CKR_SESSION_READ_ONLY);
}
END_TEST

START_TEST(a_session_key_ends_with_its_session)
{
    CK_SESSION_HANDLE other = filetoken_session("disk");
    CK_OBJECT_HANDLE key;
    CK_ULONG size;

    filetoken_assert_rv(generate(CKM_AES_KEY_GEN, 16, NULL, 0, &key), CKR_OK);
    filetoken_assert_rv(C_GetObjectSize(other, key, &size), CKR_OK);
    filetoken_assert_rv(C_CloseSession(session), CKR_OK);
    filetoken_assert_rv(C_GetObjectSize(other, key, &size), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

/* No TPM is there: what is made here needs none. */
START_TEST(on_a_tpm_token_a_session_key_that_may_leave_is_software)
{
    CK_ATTRIBUTE token[] = {
        open_items[0], {CKA_TOKEN, &yes, 1}
    };
    CK_OBJECT_HANDLE key;

    C_Finalize(NULL);
    test_module_environment();
    test_write_token("device", "curves = P-256\nrsa = 2048\nhashes = sha256\n");
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    filetoken_assert_rv(generate(CKM_AES_KEY_GEN, 32, open_items, 2, &key), CKR_OK);
    filetoken_assert_rv(generate(CKM_AES_KEY_GEN, 32, token, 2, &key), CKR_TEMPLATE_INCONSISTENT);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/secretkey");
    TCase *tcase = tcase_create("secretkey");

    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_test(tcase, each_row_makes_keys_of_its_type);
    tcase_add_test(tcase, keys_are_random_and_as_long_as_asked);
    tcase_add_test(tcase, sizes_are_those_of_the_type);
    tcase_add_test(tcase, templates_are_checked);
    tcase_add_test(tcase, calls_out_of_order_are_refused);
    tcase_add_test(tcase, a_session_key_ends_with_its_session);
    tcase_add_test(tcase, on_a_tpm_token_a_session_key_that_may_leave_is_software);
    suite_add_tcase(suite, tcase);
    return suite;
}
