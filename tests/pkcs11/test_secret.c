/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys as objects: C_CreateObject, copies, changes, what may be read, and their files. */
#include "devid/pkcs11.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;
static char label[] = "k";
static CK_ATTRIBUTE on_token = {CKA_TOKEN, &yes, sizeof yes};
static CK_ATTRIBUTE named = {CKA_LABEL, label, 1};
static CK_ATTRIBUTE open_items[] = {
    {CKA_SENSITIVE,   &no,   sizeof no },
    {CKA_EXTRACTABLE, &yes,  sizeof yes},
    {CKA_LABEL,       label, 1         },
    {CKA_TOKEN,       &yes,  sizeof yes},
};

/* FIPS 197, appendix C.3. */
static const uint8_t aes_key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

static CK_OBJECT_HANDLE make(CK_KEY_TYPE type, size_t size, const CK_ATTRIBUTE *extra, CK_ULONG count)
{
    CK_OBJECT_HANDLE key = 0;

    filetoken_assert_rv(filetoken_secret(session, type, aes_key, size, extra, count, &key), CKR_OK);
    return key;
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

static CK_RV read_value(CK_OBJECT_HANDLE key)
{
    uint8_t value[64] = {0};
    CK_ULONG size = sizeof value;
    CK_RV rv = filetoken_attribute(session, key, CKA_VALUE, value, &size);

    if (rv == CKR_OK)
        ck_assert_mem_eq(value, aes_key, size);
    else
        ck_assert_uint_eq(value[0] | value[1] | value[2], 0);
    return rv;
}

START_TEST(a_created_key_says_what_it_is)
{
    CK_OBJECT_HANDLE key = make(CKK_AES, 32, NULL, 0);

    ck_assert_uint_eq(number(key, CKA_CLASS), CKO_SECRET_KEY);
    ck_assert_uint_eq(number(key, CKA_KEY_TYPE), CKK_AES);
    ck_assert_uint_eq(number(key, CKA_VALUE_LEN), 32);
    ck_assert_uint_eq(number(key, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
    ck_assert(is(key, CKA_PRIVATE));
    ck_assert(is(key, CKA_SENSITIVE));
    ck_assert(!is(key, CKA_EXTRACTABLE));
    ck_assert(!is(key, CKA_LOCAL));
    ck_assert(!is(key, CKA_ALWAYS_SENSITIVE));
    ck_assert(!is(key, CKA_NEVER_EXTRACTABLE));
    ck_assert(!is(key, CKA_TOKEN));
    filetoken_assert_rv(read_value(key), CKR_ATTRIBUTE_SENSITIVE);
}
END_TEST

START_TEST(a_value_is_read_when_both_attributes_allow_it)
{
    CK_ATTRIBUTE items[] = {
        {CKA_SENSITIVE,   &no,  sizeof no },
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };

    filetoken_assert_rv(read_value(make(CKK_GENERIC_SECRET, 20, items, 2)), CKR_OK);
    filetoken_assert_rv(read_value(make(CKK_GENERIC_SECRET, 20, items, 1)), CKR_ATTRIBUTE_SENSITIVE);
    filetoken_assert_rv(read_value(make(CKK_GENERIC_SECRET, 20, items + 1, 1)), CKR_ATTRIBUTE_SENSITIVE);
}
END_TEST

/* A search by value must not tell whether a guess is right. */
START_TEST(a_hidden_value_is_not_found)
{
    CK_ATTRIBUTE guess = {CKA_VALUE, (void *)(uintptr_t)aes_key, 32};

    make(CKK_AES, 32, NULL, 0);
    ck_assert_uint_eq(test_count(session, &guess, 1), 0);
    make(CKK_AES, 32, open_items, 2);
    ck_assert_uint_eq(test_count(session, &guess, 1), 1);
}
END_TEST

static const struct {
    const char *what;
    CK_KEY_TYPE type;
    size_t size;
    CK_ATTRIBUTE_TYPE extra;
    CK_ULONG value; /* of extra, of extra_size bytes */
    CK_ULONG extra_size;
    CK_RV rv;
} refusals[] = {
    {"AES of 15 bytes",          CKK_AES,            15, CKA_TOKEN,            CK_FALSE, 1,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"AES of 31 bytes",          CKK_AES,            31, CKA_TOKEN,            CK_FALSE, 1,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"no byte",                  CKK_GENERIC_SECRET, 0,  CKA_TOKEN,            CK_FALSE, 1,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"a length that is true",    CKK_GENERIC_SECRET, 9,  CKA_VALUE_LEN,        9,        8,                          CKR_OK                     },
    {"a length that is not",     CKK_GENERIC_SECRET, 9,  CKA_VALUE_LEN,        10,       8,                          CKR_TEMPLATE_INCONSISTENT  },
    {"DES",                      CKK_DES,            8,  CKA_TOKEN,            CK_FALSE, 1,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"an RSA number",            CKK_AES,            16, CKA_MODULUS_BITS,     1024,     8,                          CKR_ATTRIBUTE_TYPE_INVALID },
    {"an origin",                CKK_AES,            16, CKA_LOCAL,            CK_TRUE,  1,                          CKR_ATTRIBUTE_READ_ONLY    },
    {"a past",                   CKK_AES,            16, CKA_ALWAYS_SENSITIVE, CK_TRUE,  1,                          CKR_ATTRIBUTE_READ_ONLY    },
    {"trust",                    CKK_AES,            16, CKA_TRUSTED,          CK_TRUE,  1,                          CKR_ATTRIBUTE_READ_ONLY    },
    {"a boolean of eight bytes", CKK_AES,            16, CKA_ENCRYPT,          CK_TRUE,  8,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"an empty boolean",         CKK_AES,            16, CKA_ENCRYPT,          CK_TRUE,  0,                          CKR_ATTRIBUTE_VALUE_INVALID},
    {"no length at all",         CKK_AES,            16, CKA_LABEL,            0,        CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_VALUE_INVALID},
};

START_TEST(creation_is_checked)
{
    CK_ULONG value = refusals[_i].value;
    CK_ATTRIBUTE extra = {refusals[_i].extra, &value, refusals[_i].extra_size};
    CK_OBJECT_HANDLE key = 0;
    CK_RV rv = filetoken_secret(session, refusals[_i].type, aes_key, refusals[_i].size, &extra, 1, &key);

    ck_assert_msg(rv == refusals[_i].rv, "%s: 0x%lx %s", refusals[_i].what, rv, p11_failure_text());
    ck_assert_int_eq(key != 0, rv == CKR_OK);
    ck_assert_int_eq(p11_failure_text()[0] != '\0', rv != CKR_OK);
}
END_TEST

START_TEST(creation_needs_type_and_value)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &class, sizeof class},
        {CKA_KEY_TYPE, &type,  sizeof type },
        {CKA_VALUE,    NULL,   16          },
    };
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(C_CreateObject(session, items, 1, &key), CKR_TEMPLATE_INCOMPLETE);
    filetoken_assert_rv(C_CreateObject(session, items, 2, &key), CKR_TEMPLATE_INCOMPLETE);
    filetoken_assert_rv(C_CreateObject(session, items, 3, &key), CKR_ATTRIBUTE_VALUE_INVALID);
    filetoken_assert_rv(C_CreateObject(session, items, 3, NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

/* AES: the first bytes of AES_K(0); the two were computed by openssl enc. Others: of SHA-1(K). */
START_TEST(a_check_value_tells_keys_apart)
{
    static const struct {
        CK_KEY_TYPE type;
        size_t size;
        const char *hex;
    } rows[] = {
        {CKK_AES,            16, "c6a13b"},
        {CKK_AES,            32, "f29000"},
        {CKK_GENERIC_SECRET, 16, "56178b"},
        {CKK_SHA256_HMAC,    16, "56178b"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_OBJECT_HANDLE key = make(rows[i].type, rows[i].size, NULL, 0);
        uint8_t check[8];
        char hex[2 * sizeof check + 1] = "";
        CK_ULONG size = sizeof check;

        filetoken_assert_rv(filetoken_attribute(session, key, CKA_CHECK_VALUE, check, &size), CKR_OK);
        ck_assert_uint_eq(size, 3);
        for (size_t b = 0; b < size; b++)
            snprintf(hex + 2 * b, 3, "%02x", check[b]);
        ck_assert_str_eq(hex, rows[i].hex);
    }
}
END_TEST

START_TEST(a_given_check_value_is_checked)
{
    uint8_t check[3] = {0xc6, 0xa1, 0x3b};
    CK_ATTRIBUTE item = {CKA_CHECK_VALUE, check, 3};
    CK_OBJECT_HANDLE key;
    CK_ULONG size = 3;

    make(CKK_AES, 16, &item, 1);
    check[2] ^= 1;
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 16, &item, 1, &key),
                        CKR_ATTRIBUTE_VALUE_INVALID);
    item.ulValueLen = 2;
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 16, &item, 1, &key),
                        CKR_ATTRIBUTE_VALUE_INVALID);
    item.ulValueLen = 0; /* none is wanted */
    key = make(CKK_AES, 16, &item, 1);
    filetoken_assert_rv(filetoken_attribute(session, key, CKA_CHECK_VALUE, check, &size), CKR_OK);
    ck_assert_uint_eq(size, 0);
}
END_TEST

/* --- files
 * -------------------------------------------------------------------------------------------------------- */

static CK_SESSION_HANDLE start_again(void)
{
    C_Finalize(NULL);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    return filetoken_session("disk");
}

static const CK_KEY_TYPE kept_types[] = {CKK_GENERIC_SECRET, CKK_AES,         CKK_SHA_1_HMAC,
                                         CKK_SHA224_HMAC,    CKK_SHA256_HMAC, CKK_SHA384_HMAC,
                                         CKK_SHA512_HMAC,    0x34UL};

START_TEST(a_token_key_is_one_file_and_is_there_again)
{
    CK_ATTRIBUTE sensitive = {CKA_SENSITIVE, &yes, sizeof yes};
    CK_OBJECT_HANDLE key;

    make(kept_types[_i], 24, open_items, 4);
    session = start_again();
    key = filetoken_find(session, CKO_SECRET_KEY, label);
    ck_assert_uint_ne(key, 0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
    ck_assert_uint_eq(number(key, CKA_KEY_TYPE), kept_types[_i]);
    ck_assert_uint_eq(number(key, CKA_VALUE_LEN), 24);
    ck_assert(is(key, CKA_TOKEN));
    ck_assert(is(key, CKA_EXTRACTABLE));
    filetoken_assert_rv(read_value(key), CKR_OK);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &sensitive, 1), CKR_OK);
    session = start_again();
    key = filetoken_find(session, CKO_SECRET_KEY, label);
    filetoken_assert_rv(read_value(key), CKR_ATTRIBUTE_SENSITIVE);
    filetoken_assert_rv(C_DestroyObject(session, key), CKR_OK);
    ck_assert_int_ne(support_shell(NULL, "ls '%s'/disk/*.pem 2>/dev/null", support_path("tokens")), 0);
}
END_TEST

START_TEST(the_file_is_pkcs8_that_asn1_readers_understand)
{
    char *text;

    make(CKK_AES, 32, open_items, 4);
    ck_assert_int_eq(support_shell(&text, "openssl asn1parse -in '%s/disk/k.pem'", support_path("tokens")),
                     0);
    ck_assert_ptr_nonnull(strstr(text, "2.16.840.1.101.3.4.1"));
    ck_assert_ptr_nonnull(strstr(text, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"));
    free(text);
    ck_assert_int_eq(support_shell(&text, "stat -c %%a '%s/disk/k.pem'", support_path("tokens")), 0);
    ck_assert_str_eq(text, "600\n");
    free(text);
}
END_TEST

/* Two keys of one type and size in a file of somebody else's: nothing but their blocks tells them apart. */
START_TEST(keys_in_one_file_are_not_mixed_up)
{
    static const char file[] = "Label: one\n-----BEGIN PRIVATE KEY-----\n"
                               "MCMCAQAwDAYIYIZIAWUDBAEFAAQQAAECAwQFBgcICQoLDA0ODw==\n"
                               "-----END PRIVATE KEY-----\n"
                               "Label: two\n-----BEGIN PRIVATE KEY-----\n"
                               "MCMCAQAwDAYIYIZIAWUDBAEFAAQQ//7+/v7+/v7+/v7+/v7+/g==\n"
                               "-----END PRIVATE KEY-----\n";
    CK_ATTRIBUTE renamed = {
        CKA_LABEL, (char[]){'w', 'o'},
         2
    };
    CK_OBJECT_HANDLE one;
    CK_OBJECT_HANDLE two;
    uint8_t check[3];
    CK_ULONG size = 3;

    support_write(support_path("tokens/disk/both.pem"), file);
    session = start_again();
    one = filetoken_find(session, CKO_SECRET_KEY, "one");
    two = filetoken_find(session, CKO_SECRET_KEY, "two");
    ck_assert_uint_ne(one, 0);
    ck_assert_uint_ne(two, 0);
    filetoken_assert_rv(C_SetAttributeValue(session, two, &renamed, 1), CKR_OK);
    ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, "wo"), two);
    ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, "one"), one);
    filetoken_assert_rv(C_DestroyObject(session, one), CKR_OK);
    ck_assert_uint_eq(filetoken_find(session, CKO_SECRET_KEY, "wo"), two);
    filetoken_assert_rv(filetoken_attribute(session, two, CKA_CHECK_VALUE, check, &size), CKR_OK);
    ck_assert_int_ne(memcmp(check, "\xc6\xa1\x3b", 3), 0);
}
END_TEST

START_TEST(a_broken_file_is_one_key_missing)
{
    static const char file[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MCQCAQAwDAYIYIZIAWUDBAEFAAQRAAECAwQFBgcICQoLDA0ODxA=\n" /* AES of 17 bytes */
                               "-----END PRIVATE KEY-----\n";

    setenv("DEVID_LOG", "error:/dev/null", 1);
    support_write(support_path("tokens/disk/broken.pem"), file);
    make(CKK_AES, 32, open_items, 4);
    session = start_again();
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
}
END_TEST

/* --- changes and copies
 * ------------------------------------------------------------------------------------------ */

START_TEST(attributes_change_one_way)
{
    CK_OBJECT_HANDLE key = make(CKK_AES, 16, open_items, 2);
    CK_ULONG length = 24;
    CK_ATTRIBUTE lower = {CKA_EXTRACTABLE, &no, sizeof no};
    CK_ATTRIBUTE raise = {CKA_EXTRACTABLE, &yes, sizeof yes};
    CK_ATTRIBUTE bare = {CKA_SENSITIVE, &no, sizeof no};
    CK_ATTRIBUTE hide = {CKA_SENSITIVE, &yes, sizeof yes};
    CK_ATTRIBUTE longer = {CKA_VALUE_LEN, &length, sizeof length};
    CK_ATTRIBUTE value = {CKA_VALUE, (void *)(uintptr_t)aes_key, 16};
    CK_ATTRIBUTE usage = {CKA_WRAP, &yes, sizeof yes};

    filetoken_assert_rv(C_SetAttributeValue(session, key, &hide, 1), CKR_OK);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &bare, 1), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &lower, 1), CKR_OK);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &raise, 1), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &longer, 1), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &value, 1), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_assert_rv(C_SetAttributeValue(session, key, &usage, 1), CKR_OK);
    ck_assert(is(key, CKA_WRAP));
}
END_TEST

START_TEST(a_copy_is_the_same_key)
{
    CK_OBJECT_HANDLE key = make(CKK_GENERIC_SECRET, 16, NULL, 0);
    CK_ATTRIBUTE bare[] = {
        {CKA_SENSITIVE, &no, sizeof no}
    };
    CK_ATTRIBUTE both[] = {on_token, named};
    uint8_t check[2][3];
    CK_ULONG size = 3;
    CK_OBJECT_HANDLE copies[2];

    filetoken_assert_rv(C_CopyObject(session, key, bare, 1, &copies[0]), CKR_ATTRIBUTE_READ_ONLY);
    filetoken_assert_rv(C_CopyObject(session, key, NULL, 0, &copies[0]), CKR_OK);
    filetoken_assert_rv(C_CopyObject(session, key, both, 2, &copies[1]), CKR_OK);
    filetoken_assert_rv(C_DestroyObject(session, key), CKR_OK);
    ck_assert(!is(copies[0], CKA_TOKEN));
    ck_assert(is(copies[1], CKA_TOKEN));
    ck_assert(is(copies[1], CKA_SENSITIVE));
    for (size_t i = 0; i < 2; i++)
        filetoken_assert_rv(filetoken_attribute(session, copies[i], CKA_CHECK_VALUE, check[i], &size),
                            CKR_OK);
    ck_assert_mem_eq(check[0], check[1], 3);
    session = start_again();
    ck_assert_uint_ne(filetoken_find(session, CKO_SECRET_KEY, label), 0);
}
END_TEST

START_TEST(a_size_is_answered)
{
    CK_OBJECT_HANDLE key = make(CKK_AES, 16, NULL, 0);
    CK_ULONG size = 0;

    filetoken_assert_rv(C_GetObjectSize(session, key, &size), CKR_OK);
    ck_assert_uint_gt(size, 0);
}
END_TEST

/* --- sessions that may not, and tokens of another kind
 * ------------------------------------------------------------ */

START_TEST(a_read_only_session_makes_no_token_key)
{
    CK_OBJECT_HANDLE key;

    filetoken_assert_rv(C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &session),
                        CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 16, &on_token, 1, &key),
                        CKR_SESSION_READ_ONLY);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 16, NULL, 0, &key), CKR_OK);
}
END_TEST

/* No TPM is there: what is made here needs none. */
START_TEST(on_a_tpm_token_a_session_key_that_may_leave_is_software)
{
    CK_OBJECT_HANDLE key = 0;
    char backend[8] = "";
    CK_ULONG size = sizeof backend;

    C_Finalize(NULL);
    test_module_environment();
    test_write_token("device", "curves = P-256\nrsa = 2048\nhashes = sha256\n");
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 32, open_items, 2, &key), CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, key, CKA_DEVID_BACKEND, backend, &size), CKR_OK);
    ck_assert_str_eq(backend, "file");
    filetoken_assert_rv(read_value(key), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 32, open_items, 1, &key), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 32, open_items + 1, 1, &key), CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, aes_key, 32, open_items, 4, &key),
                        CKR_TEMPLATE_INCONSISTENT);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "CKA_EXTRACTABLE"));
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/secret");
    TCase *tcase = tcase_create("secret");

    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_test(tcase, a_created_key_says_what_it_is);
    tcase_add_test(tcase, a_value_is_read_when_both_attributes_allow_it);
    tcase_add_test(tcase, a_hidden_value_is_not_found);
    tcase_add_loop_test(tcase, creation_is_checked, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tcase, creation_needs_type_and_value);
    tcase_add_test(tcase, a_check_value_tells_keys_apart);
    tcase_add_test(tcase, a_given_check_value_is_checked);
    tcase_add_loop_test(tcase, a_token_key_is_one_file_and_is_there_again, 0,
                        (int)(sizeof kept_types / sizeof kept_types[0]));
    tcase_add_test(tcase, the_file_is_pkcs8_that_asn1_readers_understand);
    tcase_add_test(tcase, keys_in_one_file_are_not_mixed_up);
    tcase_add_test(tcase, a_broken_file_is_one_key_missing);
    tcase_add_test(tcase, attributes_change_one_way);
    tcase_add_test(tcase, a_copy_is_the_same_key);
    tcase_add_test(tcase, a_size_is_answered);
    tcase_add_test(tcase, a_read_only_session_makes_no_token_key);
    tcase_add_test(tcase, on_a_tpm_token_a_session_key_that_may_leave_is_software);
    suite_add_tcase(suite, tcase);
    return suite;
}
