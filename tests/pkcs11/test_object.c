/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static unsigned char *der;
static size_t der_size;

static CK_OBJECT_CLASS certificate_class = CKO_CERTIFICATE;
static CK_OBJECT_CLASS domain_class = CKO_DOMAIN_PARAMETERS;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_CERTIFICATE_TYPE wtls = CKC_WTLS;
static CK_ULONG category = 2;
static char label[] = "Device Cert";
static char other[] = "20990101";

static void make(void)
{
    test_module_make(TEST_EC);
}

static void up(void)
{
    test_module_up();
    session = test_session();
    der = test_certificate("device 1", 7, &der_size);
}

static void down(void)
{
    OPENSSL_free(der);
    test_module_down();
}

/* The attributes that every certificate needs, and one more (or none: size 0 and type 0). */
static CK_RV create_with(const CK_ATTRIBUTE *more, size_t more_count, CK_OBJECT_HANDLE *object)
{
    CK_ATTRIBUTE items[16] = {
        {CKA_CLASS,            &certificate_class, sizeof certificate_class},
        {CKA_CERTIFICATE_TYPE, &x509,              sizeof x509             },
        {CKA_VALUE,            der,                der_size                },
        {CKA_TOKEN,            &test_yes,          1                       },
    };

    for (size_t i = 0; i < more_count; i++)
        items[4 + i] = more[i];
    *object = 0;
    return C_CreateObject(session, items, 4 + more_count, object);
}

static void reload(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

/* --- certificates */

START_TEST(a_certificate_is_a_file_that_says_the_rest_itself)
{
    const CK_ATTRIBUTE more[] = {
        {CKA_LABEL,                label,     strlen(label)  },
        {CKA_ID,                   label,     3              },
        {CKA_CERTIFICATE_CATEGORY, &category, sizeof category},
        {CKA_PRIVATE,              &test_yes, 1              },
    };
    CK_OBJECT_HANDLE object;

    ck_assert_rv(create_with(more, 4, &object), CKR_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert(test_attribute_is(session, object, CKA_VALUE, der, der_size));
        ck_assert(test_attribute_is(session, object, CKA_ID, label, 3));
        ck_assert(test_attribute_is(session, object, CKA_CERTIFICATE_CATEGORY, &category, sizeof category));
        ck_assert(test_attribute_is(session, object, CKA_PRIVATE, &test_yes, 1));
        ck_assert(test_attribute_is(session, object, CKA_TRUSTED, &test_no, 1));
        ck_assert(test_attribute_is(session, object, CKA_START_DATE, "20260102", 8));
        ck_assert(test_attribute_is(session, object, CKA_SERIAL_NUMBER, "\x02\x01\x07", 3));
        reload();
        object = test_find(session, CKO_CERTIFICATE, label);
    }
    ck_assert_int_eq(
        support_shell(NULL, "openssl x509 -in %s -noout", test_token_file("device-cert.crt.pem")), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

/* As Java gives it; it is told as the standard has it. */
START_TEST(a_serial_number_may_come_without_its_header)
{
    const CK_ATTRIBUTE more[] = {
        {CKA_SERIAL_NUMBER, (void *)(uintptr_t) "\x07", 1}
    };
    CK_OBJECT_HANDLE object;

    ck_assert_rv(create_with(more, 1, &object), CKR_OK);
    ck_assert(test_attribute_is(session, object, CKA_SERIAL_NUMBER, "\x02\x01\x07", 3));
}
END_TEST

START_TEST(a_certificate_that_is_refused_leaves_no_file)
{
    const struct {
        const char *what;
        CK_ATTRIBUTE more;
        CK_RV rv;
    } rows[] = {
        {"another subject",  {CKA_SUBJECT, label, 5},                         CKR_TEMPLATE_INCONSISTENT  },
        {"another issuer",   {CKA_ISSUER, label, 5},                          CKR_TEMPLATE_INCONSISTENT  },
        {"another serial",   {CKA_SERIAL_NUMBER, label, 3},                   CKR_TEMPLATE_INCONSISTENT  },
        {"another checksum", {CKA_CHECK_VALUE, label, 3},                     CKR_TEMPLATE_INCONSISTENT  },
        {"another start",    {CKA_START_DATE, other, 8},                      CKR_TEMPLATE_INCONSISTENT  },
        {"another end",      {CKA_END_DATE, other, 8},                        CKR_TEMPLATE_INCONSISTENT  },
        {"another value",    {CKA_VALUE, label, 3},                           CKR_TEMPLATE_INCONSISTENT  },
        {"another class",    {CKA_CLASS, &domain_class, sizeof domain_class}, CKR_TEMPLATE_INCONSISTENT  },
        {"another type",     {CKA_CERTIFICATE_TYPE, &wtls, sizeof wtls},      CKR_TEMPLATE_INCONSISTENT  },
        {"trust",            {CKA_TRUSTED, &test_yes, 1},                     CKR_ATTRIBUTE_READ_ONLY    },
        {"the key",          {CKA_PUBLIC_KEY_INFO, label, 3},                 CKR_ATTRIBUTE_READ_ONLY    },
        {"a key's usage",    {CKA_SIGN, &test_yes, 1},                        CKR_ATTRIBUTE_TYPE_INVALID },
        {"a vendor's",       {CKA_DEVID_BACKEND, label, 3},                   CKR_ATTRIBUTE_TYPE_INVALID },
        {"a long boolean",   {CKA_PRIVATE, label, 2},                         CKR_ATTRIBUTE_VALUE_INVALID},
        {"no label",         {CKA_LABEL, NULL, 3},                            CKR_ATTRIBUTE_VALUE_INVALID},
    };
    size_t files = test_token_files();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_OBJECT_HANDLE object;

        ck_assert_rv_of(rows[i].what, create_with(&rows[i].more, 1, &object), rows[i].rv);
        ck_assert_uint_eq(object, 0);
        ck_assert_msg(test_token_files() == files, "%s", rows[i].what);
    }
    ck_assert_uint_eq(test_count(session, NULL, 0), 2);
}
END_TEST

START_TEST(what_lacks_something_is_incomplete)
{
    const CK_ATTRIBUTE items[] = {
        {CKA_VALUE,            der,                der_size                },
        {CKA_CERTIFICATE_TYPE, &x509,              sizeof x509             },
        {CKA_CLASS,            &certificate_class, sizeof certificate_class},
    };

    for (size_t left_out = 0; left_out < 3; left_out++) {
        CK_ATTRIBUTE template[2];
        CK_OBJECT_HANDLE object;
        size_t count = 0;

        for (size_t i = 0; i < 3; i++)
            if (i != left_out)
                template[count++] = items[i];
        ck_assert_rv(C_CreateObject(session, template, 2, &object), CKR_TEMPLATE_INCOMPLETE);
    }
}
END_TEST

START_TEST(bad_values_are_told_from_bad_templates)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,            &certificate_class, sizeof certificate_class},
        {CKA_CERTIFICATE_TYPE, &x509,              sizeof x509             },
        {CKA_VALUE,            der,                der_size - 1            },
    };
    CK_OBJECT_HANDLE object;

    ck_assert_rv(C_CreateObject(session, items, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    items[2].ulValueLen = 0;
    ck_assert_rv(C_CreateObject(session, items, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    items[2] = (CK_ATTRIBUTE){CKA_VALUE, der, der_size};
    items[1].pValue = &wtls;
    ck_assert_rv(C_CreateObject(session, items, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    items[0].pValue = &domain_class;
    ck_assert_rv(C_CreateObject(session, items, 3, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(C_CreateObject(session, NULL, 3, &object), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_CreateObject(session, items, 3, NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(a_session_certificate_has_no_file)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,            &certificate_class, sizeof certificate_class},
        {CKA_CERTIFICATE_TYPE, &x509,              sizeof x509             },
        {CKA_VALUE,            der,                der_size                },
        {CKA_LABEL,            label,              strlen(label)           },
    };
    CK_OBJECT_HANDLE object;
    size_t files = test_token_files();

    ck_assert_rv(C_CreateObject(session, items, 4, &object), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, label), object);
    ck_assert_uint_eq(test_token_files(), files);
    ck_assert_rv(C_DestroyObject(session, object), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, object), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

/* What a caller leaves out has the same value before and after the file is read again. */
START_TEST(defaults_do_not_change_when_the_file_is_read_again)
{
    CK_OBJECT_HANDLE object;
    unsigned char *before;
    size_t before_size;

    ck_assert_rv(create_with(NULL, 0, &object), CKR_OK);
    before = test_attribute(session, object, CKA_LABEL, &before_size);
    reload();
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, (const char *)before), 0);
    free(before);
}
END_TEST

START_TEST(a_certificate_has_the_id_of_its_key)
{
    CK_OBJECT_HANDLE object;
    CK_OBJECT_HANDLE key = test_find(session, CKO_PUBLIC_KEY, "ec");
    unsigned char *info;
    size_t size;

    ck_assert_rv(create_with(NULL, 0, &object), CKR_OK);
    info = test_attribute(session, object, CKA_PUBLIC_KEY_INFO, &size);
    ck_assert_uint_gt(size, 80);
    free(info);
    info = test_attribute(session, key, CKA_ID, &size);
    ck_assert_uint_eq(size, 20);
    ck_assert(test_attribute_is(session, test_find(session, CKO_PRIVATE_KEY, "ec"), CKA_ID, info, size));
    free(info);
}
END_TEST

/* --- files with several blocks */

static void drop_chain(void)
{
    FILE *file = fopen(test_token_file("chain.pem"), "w");

    for (long i = 0; i < 3; i++) {
        char name[32];
        char *pem;

        snprintf(name, sizeof name, "c%ld", i);
        pem = test_certificate_pem(name, i);
        fprintf(file, "comment %ld\nLabel: c%ld\n%s", i, i, pem);
        free(pem);
    }
    fclose(file);
}

START_TEST(a_chain_is_one_file_with_several_objects)
{
    drop_chain();
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "c0"), 0);
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "c1"), 0);
    ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "c2"), 0);
}
END_TEST

START_TEST(destroying_one_of_a_chain_leaves_the_others)
{
    char *text;

    drop_chain();
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, "c1")), CKR_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "c0"), 0);
        ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, "c1"), 0);
        ck_assert_uint_ne(test_find(session, CKO_CERTIFICATE, "c2"), 0);
        reload();
    }
    text = support_read(test_token_file("chain.pem"), NULL);
    ck_assert_ptr_nonnull(strstr(text, "comment 0\n"));
    ck_assert_ptr_null(strstr(text, "comment 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "comment 2\n"));
    free(text);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, "c2")), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, "c0")), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 1);
}
END_TEST

START_TEST(destroying_a_certificate_never_takes_the_key_in_the_same_file_along)
{
    char *pem = test_certificate_pem("combined", 1);
    CK_OBJECT_HANDLE key;

    support_write(test_token_file("part"), pem);
    ck_assert_int_eq(support_shell(NULL, "sed -i 's/^Label: ec/Label: both/' %s && cat %s >>%s",
                                   test_token_file("ec.pem"), test_token_file("part"),
                                   test_token_file("ec.pem")),
                     0);
    free(pem);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, "ec")), CKR_OK);
    key = test_find(session, CKO_PRIVATE_KEY, "both");
    ck_assert_uint_ne(key, 0);
    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_CERTIFICATE, "ec"), 0);
}
END_TEST

/* --- destroying */

START_TEST(destroying_the_private_half_takes_the_pair_and_its_file)
{
    CK_OBJECT_HANDLE private = test_find(session, CKO_PRIVATE_KEY, "ec");

    ck_assert_rv(C_DestroyObject(session, private), CKR_OK);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_rv(C_DestroyObject(session, private), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_rv(C_DestroyObject(session, CK_INVALID_HANDLE), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

/* Programs destroy both halves, in any order; and who destroys the public one alone keeps the key. */
START_TEST(the_halves_of_a_pair_are_destroyed_in_any_order)
{
    CK_OBJECT_HANDLE public = test_find(session, CKO_PUBLIC_KEY, "ec");
    CK_OBJECT_HANDLE private = test_find(session, CKO_PRIVATE_KEY, "ec");

    ck_assert_rv(C_DestroyObject(session, _i == 0 ? public : private), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, _i == 0 ? private : public), CKR_OK);
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_uint_eq(test_token_files(), 0);
    ck_assert_rv(C_DestroyObject(session, public), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_rv(C_DestroyObject(session, private), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(a_key_lives_on_without_its_public_half)
{
    CK_OBJECT_HANDLE private = test_find(session, CKO_PRIVATE_KEY, "ec");
    CK_ATTRIBUTE new_label = {CKA_LABEL, (void *)(uintptr_t) "alone", 5};

    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_PUBLIC_KEY, "ec")), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_PUBLIC_KEY, "ec"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "ec"), private);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, private, &new_label, 1), CKR_OK);
    reload();
    private = test_find(session, CKO_PRIVATE_KEY, "alone");
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, private), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 0);
}
END_TEST

START_TEST(an_object_that_must_stay_stays)
{
    const CK_ATTRIBUTE more[] = {
        {CKA_DESTROYABLE, &test_no, 1            },
        {CKA_LABEL,       label,    strlen(label)},
    };
    CK_OBJECT_HANDLE object;

    ck_assert_rv(create_with(more, 2, &object), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, object), CKR_ACTION_PROHIBITED);
    reload();
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_CERTIFICATE, label)), CKR_ACTION_PROHIBITED);
}
END_TEST

START_TEST(an_object_whose_file_is_gone_already_can_be_destroyed)
{
    CK_OBJECT_HANDLE object;

    ck_assert_rv(create_with(NULL, 0, &object), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "rm %s/*.crt.pem", test_token_file("")), 0);
    ck_assert_rv(C_DestroyObject(session, object), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, object), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

/* --- C_GetAttributeValue */

START_TEST(lengths_are_asked_for_with_null)
{
    CK_OBJECT_HANDLE key = test_find(session, CKO_PUBLIC_KEY, "ec");
    CK_ATTRIBUTE items[] = {
        {CKA_LABEL,    NULL, 0},
        {CKA_EC_POINT, NULL, 0},
        {CKA_SUBJECT,  NULL, 9},
    };

    ck_assert_rv(C_GetAttributeValue(session, key, items, 3), CKR_OK);
    ck_assert_uint_eq(items[0].ulValueLen, 2);
    ck_assert_uint_eq(items[1].ulValueLen, 67);
    ck_assert_uint_eq(items[2].ulValueLen, 0);
}
END_TEST

START_TEST(one_bad_attribute_does_not_hide_the_good_ones)
{
    const struct {
        const char *what;
        CK_ATTRIBUTE_TYPE type;
        CK_ULONG room;
        CK_RV rv;
    } rows[] = {
        {"too small",      CKA_EC_PARAMS, 9,  CKR_BUFFER_TOO_SMALL      },
        {"unknown",        0x87654321,    64, CKR_ATTRIBUTE_TYPE_INVALID},
        {"RSA's",          CKA_MODULUS,   64, CKR_ATTRIBUTE_TYPE_INVALID},
        {"secret",         CKA_VALUE,     64, CKR_ATTRIBUTE_SENSITIVE   },
        {"a public key's", CKA_VERIFY,    64, CKR_ATTRIBUTE_TYPE_INVALID},
    };
    CK_OBJECT_HANDLE key = test_find(session, CKO_PRIVATE_KEY, "ec");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_BYTE first[8];
        CK_BYTE bad[64] = {0xee};
        CK_BYTE last[8];
        CK_ATTRIBUTE items[] = {
            {CKA_LABEL,    first, sizeof first},
            {rows[i].type, bad,   rows[i].room},
            {CKA_SIGN,     last,  sizeof last },
        };

        ck_assert_rv_of(rows[i].what, C_GetAttributeValue(session, key, items, 3), rows[i].rv);
        ck_assert_uint_eq(items[0].ulValueLen, 2);
        ck_assert_mem_eq(first, "ec", 2);
        ck_assert_uint_eq(items[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
        ck_assert_uint_eq(bad[0], 0xee);
        ck_assert_uint_eq(items[2].ulValueLen, 1);
        ck_assert_uint_eq(last[0], CK_TRUE);
    }
}
END_TEST

START_TEST(get_checks_its_arguments)
{
    CK_OBJECT_HANDLE key = test_find(session, CKO_PRIVATE_KEY, "ec");
    CK_ATTRIBUTE item = {CKA_LABEL, NULL, 0};

    ck_assert_rv(C_GetAttributeValue(session, key, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_GetAttributeValue(session, 9999, &item, 1), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_rv(C_GetAttributeValue(session, CK_INVALID_HANDLE, &item, 1), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(vendor_attributes_are_the_keys_material)
{
    CK_OBJECT_HANDLE private = test_find(session, CKO_PRIVATE_KEY, "ec");
    unsigned char *tss2;
    size_t size;

    ck_assert(test_attribute_is(session, private, CKA_DEVID_BACKEND, "tpm", 3));
    tss2 = test_attribute(session, private, CKA_DEVID_TSS2_KEY, &size);
    ck_assert_uint_gt(size, 200);
    ck_assert_int_eq(tss2[0], 0x30);
    support_write_bytes(support_path("key.der"), tss2, size);
    free(tss2);
    ck_assert_int_eq(support_shell(NULL,
                                   "grep -v ^[A-Z].*: %s | openssl asn1parse -out %s -noout && cmp %s %s",
                                   test_token_file("ec.pem"), support_path("file.der"),
                                   support_path("file.der"), support_path("key.der")),
                     0);
    free(test_attribute(session, private, CKA_DEVID_TPM2B_PUBLIC, &size));
    ck_assert_uint_gt(size, 80);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("object");
    TCase *t = tcase_create("object");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_certificate_is_a_file_that_says_the_rest_itself);
    tcase_add_test(t, a_serial_number_may_come_without_its_header);
    tcase_add_test(t, a_certificate_that_is_refused_leaves_no_file);
    tcase_add_test(t, what_lacks_something_is_incomplete);
    tcase_add_test(t, bad_values_are_told_from_bad_templates);
    tcase_add_test(t, a_session_certificate_has_no_file);
    tcase_add_test(t, defaults_do_not_change_when_the_file_is_read_again);
    tcase_add_test(t, a_certificate_has_the_id_of_its_key);
    tcase_add_test(t, a_chain_is_one_file_with_several_objects);
    tcase_add_test(t, destroying_one_of_a_chain_leaves_the_others);
    tcase_add_test(t, destroying_a_certificate_never_takes_the_key_in_the_same_file_along);
    tcase_add_test(t, destroying_the_private_half_takes_the_pair_and_its_file);
    tcase_add_loop_test(t, the_halves_of_a_pair_are_destroyed_in_any_order, 0, 2);
    tcase_add_test(t, a_key_lives_on_without_its_public_half);
    tcase_add_test(t, an_object_that_must_stay_stays);
    tcase_add_test(t, an_object_whose_file_is_gone_already_can_be_destroyed);
    tcase_add_test(t, lengths_are_asked_for_with_null);
    tcase_add_test(t, one_bad_attribute_does_not_hide_the_good_ones);
    tcase_add_test(t, get_checks_its_arguments);
    tcase_add_test(t, vendor_attributes_are_the_keys_material);
    suite_add_tcase(s, t);
    return s;
}
