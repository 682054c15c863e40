/* SPDX-License-Identifier: Apache-2.0 */
/* CKM_DEVID_TSS2_KEY: keys of a TPM as they stand in a file, through C_WrapKey and C_UnwrapKey. */
#include "devid/pkcs11.h"
#include "pkcs11/soft/tsskey.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>

#define DER_MAXIMUM 2048

static CK_SESSION_HANDLE session;
static CK_MECHANISM tss2 = {CKM_DEVID_TSS2_KEY, NULL, 0};
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE ec_type = CKK_EC;
static CK_KEY_TYPE rsa_type = CKK_RSA;
static CK_BYTE der[DER_MAXIMUM];
static CK_ULONG der_size;

static void make(void)
{
    test_module_make(TEST_EC);
}

static void up(void)
{
    test_module_up();
    session = test_session();
}

static CK_OBJECT_HANDLE original(void)
{
    return test_find(session, CKO_PRIVATE_KEY, "ec");
}

static void wrap_original(void)
{
    der_size = sizeof der;
    ck_assert_rv(C_WrapKey(session, &tss2, CK_INVALID_HANDLE, original(), der, &der_size), CKR_OK);
}

static CK_RV unwrap(CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    *key = CK_INVALID_HANDLE;
    return C_UnwrapKey(session, &tss2, CK_INVALID_HANDLE, der, der_size, items, count, key);
}

START_TEST(a_key_is_wrapped_to_its_own_file)
{
    size_t size;
    unsigned char *attribute = test_attribute(session, original(), CKA_DEVID_TSS2_KEY, &size);

    test_tpm_count_reset();
    der_size = 0;
    ck_assert_rv(C_WrapKey(session, &tss2, CK_INVALID_HANDLE, original(), NULL, &der_size), CKR_OK);
    ck_assert_uint_eq(der_size, size);
    der_size--;
    ck_assert_rv(C_WrapKey(session, &tss2, CK_INVALID_HANDLE, original(), der, &der_size),
                 CKR_BUFFER_TOO_SMALL);
    wrap_original();
    ck_assert_uint_eq(der_size, size);
    ck_assert_mem_eq(der, attribute, size);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    free(attribute);
}
END_TEST

START_TEST(what_is_in_no_tpm_is_not_wrapped)
{
    der_size = sizeof der;
    ck_assert_rv(C_WrapKey(session, &tss2, CK_INVALID_HANDLE, test_find(session, CKO_PUBLIC_KEY, "ec"), der,
                           &der_size),
                 CKR_KEY_NOT_WRAPPABLE);
    ck_assert_rv(C_WrapKey(session, &tss2, CK_INVALID_HANDLE, 999, der, &der_size), CKR_KEY_HANDLE_INVALID);
}
END_TEST

/* Of the session or of the token; the template may leave class and type to the key. */
START_TEST(a_file_becomes_a_key_that_signs)
{
    CK_BBOOL token = _i == 0 ? CK_FALSE : CK_TRUE;
    CK_ATTRIBUTE items[] = {
        {CKA_TOKEN,    &token,               sizeof token        },
        {CKA_LABEL,    (char[]){"moved in"}, 8                   },
        {CKA_CLASS,    &private_class,       sizeof private_class},
        {CKA_KEY_TYPE, &ec_type,             sizeof ec_type      },
    };
    size_t files = test_token_files();
    CK_OBJECT_HANDLE key;
    size_t size;
    unsigned char *point;

    wrap_original();
    test_tpm_count_reset();
    ck_assert_rv(unwrap(items, _i == 0 ? 2 : 4, &key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_uint_eq(test_token_files(), files + (size_t)_i);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "moved in"), key);
    ck_assert_uint_ne(test_find(session, CKO_PUBLIC_KEY, "moved in"), CK_INVALID_HANDLE);
    point = test_attribute(session, original(), CKA_EC_POINT, &size);
    ck_assert(test_attribute_is(session, key, CKA_EC_POINT, point, size));
    free(point);
    ck_assert(test_attribute_is(session, key, CKA_LOCAL, &test_no, sizeof test_no));
    ck_assert(test_attribute_is(session, key, CKA_ALWAYS_SENSITIVE, &test_no, sizeof test_no));
    ck_assert(test_attribute_is(session, key, CKA_NEVER_EXTRACTABLE, &test_no, sizeof test_no));
    ck_assert(test_attribute_is(session, key, CKA_EXTRACTABLE, &test_no, sizeof test_no));
    ck_assert_rv(test_sign(session, key), CKR_OK);
}
END_TEST

static const struct {
    const char *what;
    CK_ATTRIBUTE item;
    CK_RV rv;
} refusals[] = {
    {"that may leave",   {CKA_EXTRACTABLE, &test_yes, sizeof test_yes},   CKR_TEMPLATE_INCONSISTENT},
    {"that can be read", {CKA_SENSITIVE, &test_no, sizeof test_no},       CKR_TEMPLATE_INCONSISTENT},
    {"a secret key",     {CKA_CLASS, &secret_class, sizeof secret_class}, CKR_TEMPLATE_INCONSISTENT},
    {"an RSA key",       {CKA_KEY_TYPE, &rsa_type, sizeof rsa_type},      CKR_TEMPLATE_INCONSISTENT},
    {"with a value",     {CKA_VALUE, &rsa_type, sizeof rsa_type},         CKR_ATTRIBUTE_READ_ONLY  },
    {"made here",        {CKA_LOCAL, &test_yes, sizeof test_yes},         CKR_ATTRIBUTE_READ_ONLY  },
};

START_TEST(templates_that_do_not_fit_the_key)
{
    CK_ATTRIBUTE item = refusals[_i].item;
    CK_OBJECT_HANDLE key;

    wrap_original();
    ck_assert_rv_of(refusals[_i].what, unwrap(&item, 1, &key), refusals[_i].rv);
    ck_assert_uint_eq(key, CK_INVALID_HANDLE);
}
END_TEST

START_TEST(broken_files_are_refused)
{
    CK_MECHANISM with_parameter = {CKM_DEVID_TSS2_KEY, der, 1};
    CK_OBJECT_HANDLE key;

    wrap_original();
    ck_assert_rv(C_UnwrapKey(session, &with_parameter, CK_INVALID_HANDLE, der, der_size, NULL, 0, &key),
                 CKR_MECHANISM_PARAM_INVALID);
    for (der_size--; der_size > 0; der_size -= der_size > 7 ? 7 : 1)
        ck_assert_rv(unwrap(NULL, 0, &key), CKR_WRAPPED_KEY_INVALID);
    ck_assert_rv(unwrap(NULL, 0, &key), CKR_WRAPPED_KEY_INVALID);
}
END_TEST

/* A file of another program whose key has a password: in a session as in the token's directory it asks. */
START_TEST(a_key_with_an_authorization_of_its_own_asks)
{
    CK_ATTRIBUTE public = {CKA_PRIVATE, &test_no, sizeof test_no};
    struct bytes file = {der, 0};
    struct tss_key key;
    struct bytes changed;
    CK_OBJECT_HANDLE handle;

    wrap_original();
    file.size = der_size;
    ck_assert_rv(soft_tss_key_read(&file, &key), CKR_OK);
    ck_assert(key.empty_auth);
    key.empty_auth = false;
    ck_assert_rv(soft_tss_key_write(&key, &changed), CKR_OK);
    memcpy(der, changed.data, changed.size);
    der_size = changed.size;
    bytes_free(&changed);
    tss_key_free(&key);
    ck_assert_rv(unwrap(_i == 0 ? NULL : &public, _i == 0 ? 0 : 1, &handle), CKR_OK);
    ck_assert(test_attribute_is(session, handle, CKA_ALWAYS_AUTHENTICATE, &test_yes, sizeof test_yes));
    ck_assert_rv(test_sign(session, handle), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

/* On a token with a PIN the token's keys have its secret; a key that is not private has it not. */
START_TEST(on_a_token_with_a_pin_a_public_object_has_its_own)
{
    CK_ATTRIBUTE public = {CKA_PRIVATE, &test_no, sizeof test_no};
    CK_UTF8CHAR pin[] = "123456";
    CK_OBJECT_HANDLE handle, other;

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    support_shell(NULL, "rm -r %s", support_path("tokens/device"));
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    {
        CK_UTF8CHAR label[33] = "device                          ";

        ck_assert_rv(C_InitToken(test_slot(NULL), pin, 6, label), CKR_OK);
    }
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_SO, pin, 6), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, 6), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, 6), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &other, &handle), CKR_OK);
    wrap_original();
    ck_assert_rv(unwrap(NULL, 0, &handle), CKR_OK);
    ck_assert(test_attribute_is(session, handle, CKA_ALWAYS_AUTHENTICATE, &test_no, sizeof test_no));
    ck_assert_rv(test_sign(session, handle), CKR_OK);
    ck_assert_rv(unwrap(&public, 1, &handle), CKR_OK);
    ck_assert(test_attribute_is(session, handle, CKA_ALWAYS_AUTHENTICATE, &test_yes, sizeof test_yes));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("tss2key");
    TCase *t = tcase_create("tss2key");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, a_key_is_wrapped_to_its_own_file);
    tcase_add_test(t, what_is_in_no_tpm_is_not_wrapped);
    tcase_add_loop_test(t, a_file_becomes_a_key_that_signs, 0, 2);
    tcase_add_loop_test(t, templates_that_do_not_fit_the_key, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(t, broken_files_are_refused);
    tcase_add_loop_test(t, a_key_with_an_authorization_of_its_own_asks, 0, 2);
    tcase_add_test(t, on_a_token_with_a_pin_a_public_object_has_its_own);
    suite_add_tcase(s, t);
    return s;
}
