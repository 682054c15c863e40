/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/x509.h"
#include "tests/support/module.h"

#include <openssl/sha.h>
#include <openssl/x509.h>

#include <string.h>

static unsigned char *der;
static size_t der_size;

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
    der = test_certificate("device 1", 0x1234, &der_size);
}

static void end(void)
{
    OPENSSL_free(der);
}

static CK_RV read_der(size_t size, struct attributes *out)
{
    struct bytes copy;
    CK_RV rv;

    ck_assert(bytes_copy(&copy, der, size));
    rv = soft_certificate_attributes(&copy, out);
    bytes_free(&copy);
    return rv;
}

static void assert_value(const struct attributes *set, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    const CK_ATTRIBUTE *item = attributes_find(set, type);

    ck_assert_msg(item != NULL && item->ulValueLen == size && memcmp(item->pValue, value, size) == 0,
                  "attribute 0x%lx", type);
}

START_TEST(attributes_are_those_of_the_certificate)
{
    const unsigned char *p = der;
    X509 *certificate = d2i_X509(NULL, &p, (long)der_size);
    const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(certificate);
    unsigned char *name = NULL;
    unsigned char *info = NULL;
    int name_size = i2d_X509_NAME(X509_get_subject_name(certificate), &name);
    int info_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &info);
    struct attributes set = {0};
    unsigned char sha1[20];

    ck_assert_rv(read_der(der_size, &set), CKR_OK);
    assert_value(&set, CKA_VALUE, der, der_size);
    assert_value(&set, CKA_SUBJECT, name, (size_t)name_size);
    assert_value(&set, CKA_ISSUER, name, (size_t)name_size);
    assert_value(&set, CKA_SERIAL_NUMBER, "\x02\x02\x12\x34", 4);
    assert_value(&set, CKA_START_DATE, "20260102", 8);
    assert_value(&set, CKA_END_DATE, "20271231", 8);
    assert_value(&set, CKA_PUBLIC_KEY_INFO, info, (size_t)info_size);
    assert_value(&set, CKA_CHECK_VALUE, SHA1(der, der_size, sha1), 3);
    assert_value(&set, CKA_ID, SHA1(key->data, (size_t)key->length, sha1), 20);
    attributes_free(&set);
    OPENSSL_free(name);
    OPENSSL_free(info);
    X509_free(certificate);
}
END_TEST

START_TEST(an_id_that_is_there_stays)
{
    struct attributes set = {0};

    ck_assert_rv(attributes_set(&set, CKA_ID, "mine", 4), CKR_OK);
    ck_assert_rv(read_der(der_size, &set), CKR_OK);
    assert_value(&set, CKA_ID, "mine", 4);
    attributes_free(&set);
}
END_TEST

START_TEST(no_part_of_a_certificate_is_one)
{
    for (size_t size = 0; size < der_size; size++) {
        struct attributes set = {0};

        ck_assert_rv(read_der(size, &set), CKR_DATA_INVALID);
        ck_assert_uint_eq(set.count, 0);
    }
}
END_TEST

START_TEST(a_certificate_with_a_tail_is_none)
{
    struct attributes set = {0};
    struct bytes copy;

    ck_assert(bytes_alloc(&copy, der_size + 1));
    memcpy(copy.data, der, der_size);
    ck_assert_rv(soft_certificate_attributes(&copy, &set), CKR_DATA_INVALID);
    bytes_free(&copy);
}
END_TEST

START_TEST(a_flipped_byte_never_crashes)
{
    for (size_t i = 0; i < der_size; i++) {
        static const unsigned char flips[] = {0x01, 0x80, 0xff};

        for (size_t f = 0; f < sizeof flips; f++) {
            struct attributes set = {0};
            CK_RV rv;

            der[i] ^= flips[f];
            rv = read_der(der_size, &set);
            ck_assert(rv == CKR_OK || rv == CKR_DATA_INVALID);
            der[i] ^= flips[f];
            attributes_free(&set);
        }
    }
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("x509");
    TCase *t = tcase_create("x509");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, attributes_are_those_of_the_certificate);
    tcase_add_test(t, an_id_that_is_there_stays);
    tcase_add_test(t, no_part_of_a_certificate_is_one);
    tcase_add_test(t, a_certificate_with_a_tail_is_none);
    tcase_add_test(t, a_flipped_byte_never_crashes);
    suite_add_tcase(s, t);
    return s;
}
