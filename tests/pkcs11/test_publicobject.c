/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/curve.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE created;
static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
static CK_OBJECT_CLASS data_class = CKO_DATA;
static CK_KEY_TYPE rsa_type = CKK_RSA;
static CK_KEY_TYPE ec_type = CKK_EC;
static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_BYTE other_curve[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
/* the generator of P-256 */
static CK_BYTE point[] = {
    0x04, 0x41, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
    0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
    0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
}

static void up(void)
{
    test_module_up();
    session = test_session();
}

static CK_ATTRIBUTE text(CK_ATTRIBUTE_TYPE type, const char *value)
{
    return (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, strlen(value)};
}

static void restart(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

static CK_RV create(CK_SESSION_HANDLE in, CK_ATTRIBUTE *items, CK_ULONG count)
{
    created = 0;
    return C_CreateObject(in, items, count, &created);
}

/* --- public keys
 * ---------------------------------------------------------------------------------------------- */

static CK_RV create_ec(CK_ATTRIBUTE params, CK_ATTRIBUTE given_point, CK_BBOOL token, const char *label)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &public_class, sizeof public_class},
        {CKA_KEY_TYPE, &ec_type,      sizeof ec_type     },
        {CKA_TOKEN,    &token,        sizeof token       },
        params,
        given_point,
        text(CKA_LABEL, label),
    };

    return create(session, items, 6);
}

#define P256                                                                                                 \
    (CK_ATTRIBUTE)                                                                                           \
    {                                                                                                        \
        CKA_EC_PARAMS, p256, sizeof p256                                                                     \
    }
#define POINT                                                                                                \
    (CK_ATTRIBUTE)                                                                                           \
    {                                                                                                        \
        CKA_EC_POINT, point, sizeof point                                                                    \
    }

/* Ed25519 and X25519: the point bare and in its OCTET STRING, again after the file is read. */
static const struct {
    CK_KEY_TYPE type;
    CK_BYTE params[5];
    size_t point_size;
    CK_RV rv;
} on_25519[] = {
    {CKK_EC_EDWARDS,    {0x06, 0x03, 0x2b, 0x65, 0x70}, 34, CKR_OK                     },
    {CKK_EC_MONTGOMERY, {0x06, 0x03, 0x2b, 0x65, 0x6e}, 34, CKR_OK                     },
    {CKK_EC_MONTGOMERY, {0x06, 0x03, 0x2b, 0x65, 0x6e}, 32, CKR_OK                     },
    {CKK_EC_MONTGOMERY, {0x06, 0x03, 0x2b, 0x65, 0x6e}, 33, CKR_ATTRIBUTE_VALUE_INVALID},
    {CKK_EC_MONTGOMERY, {0x06, 0x03, 0x2b, 0x65, 0x70}, 34, CKR_CURVE_NOT_SUPPORTED    },
    {CKK_EC,            {0x06, 0x03, 0x2b, 0x65, 0x6e}, 34, CKR_CURVE_NOT_SUPPORTED    },
};

START_TEST(keys_on_curve25519_are_created)
{
    CK_KEY_TYPE type = on_25519[_i].type;
    CK_BYTE params[5];
    CK_BYTE whole[34] = {0x04, 0x20, 9};
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,     &public_class,                                  sizeof public_class    },
        {CKA_KEY_TYPE,  &type,                                          sizeof type            },
        {CKA_TOKEN,     &test_yes,                                      sizeof test_yes        },
        {CKA_EC_PARAMS, params,                                         sizeof params          },
        {CKA_EC_POINT,  whole + sizeof whole - on_25519[_i].point_size, on_25519[_i].point_size},
        text(CKA_LABEL, "on 25519"),
    };

    memcpy(params, on_25519[_i].params, sizeof params);
    ck_assert_rv(create(session, items, 6), on_25519[_i].rv);
    if (on_25519[_i].rv != CKR_OK)
        return;
    restart();
    created = test_find(session, CKO_PUBLIC_KEY, "on 25519");
    ck_assert_uint_ne(created, CK_INVALID_HANDLE);
    ck_assert(test_attribute_is(session, created, CKA_KEY_TYPE, &type, sizeof type));
    ck_assert(test_attribute_is(session, created, CKA_EC_PARAMS, params, sizeof params));
    ck_assert(test_attribute_is(session, created, CKA_EC_POINT, whole, sizeof whole));
}
END_TEST

/* The token's own key, created a second time from its numbers, verifies what the token signs. */
START_TEST(a_created_rsa_key_verifies)
{
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE original = test_find(session, CKO_PUBLIC_KEY, "rsa");
    CK_BYTE data[] = "data", signature[256];
    CK_ULONG size = sizeof signature;
    size_t modulus_size, exponent_size, id_size;
    CK_BYTE *modulus = test_attribute(session, original, CKA_MODULUS, &modulus_size);
    CK_BYTE *exponent = test_attribute(session, original, CKA_PUBLIC_EXPONENT, &exponent_size);
    CK_BYTE *id = test_attribute(session, original, CKA_ID, &id_size);
    CK_ULONG bits = 2048;
    CK_BYTE padded[258] = {0};
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,           &public_class, sizeof public_class},
        {CKA_KEY_TYPE,        &rsa_type,     sizeof rsa_type    },
        {CKA_MODULUS,         padded,        sizeof padded      },
        {CKA_PUBLIC_EXPONENT, exponent,      exponent_size      },
    };

    memcpy(padded + 2, modulus, modulus_size);
    ck_assert_rv(C_SignInit(session, &mechanism, test_find(session, CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    ck_assert_rv(C_Sign(session, data, 4, signature, &size), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(create(session, items, 4), CKR_OK);
    ck_assert(test_attribute_is(session, created, CKA_MODULUS, modulus, modulus_size));
    ck_assert(test_attribute_is(session, created, CKA_MODULUS_BITS, &bits, sizeof bits));
    ck_assert(test_attribute_is(session, created, CKA_ID, id, id_size));
    ck_assert_rv(C_VerifyInit(session, &mechanism, created), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 4, signature, size), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &mechanism, created), CKR_OK);
    ck_assert_rv(C_Verify(session, data, 3, signature, size), CKR_SIGNATURE_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    free(modulus);
    free(exponent);
    free(id);
}
END_TEST

START_TEST(a_token_key_is_a_file_that_openssl_reads)
{
    ck_assert_rv(create_ec(P256, POINT, CK_TRUE, "peer"), CKR_OK);
    ck_assert_int_eq(
        support_shell(NULL, "openssl pkey -pubin -in %s -noout", test_token_file("peer.pub.pem")), 0);
    restart();
    created = test_find(session, CKO_PUBLIC_KEY, "peer");
    ck_assert_uint_ne(created, 0);
    ck_assert(test_attribute_is(session, created, CKA_EC_POINT, point, sizeof point));
    ck_assert(test_attribute_is(session, created, CKA_TOKEN, "\1", 1));
    ck_assert_rv(C_DestroyObject(session, created), CKR_OK);
    ck_assert_int_ne(access(test_token_file("peer.pub.pem"), F_OK), 0);
}
END_TEST

START_TEST(a_public_key_file_dropped_in_is_an_object)
{
    size_t spki_size;
    unsigned char *spki =
        test_attribute(session, test_find(session, CKO_PUBLIC_KEY, "ec"), CKA_PUBLIC_KEY_INFO, &spki_size);

    support_write_bytes(support_path("spki"), spki, spki_size);
    ck_assert_int_eq(support_shell(NULL, "openssl pkey -pubin -inform DER -in %s -out %s",
                                   support_path("spki"), test_token_file("dropped.pub.pem")),
                     0);
    created = test_find(session, CKO_PUBLIC_KEY, "dropped");
    ck_assert_uint_ne(created, 0);
    ck_assert(test_attribute_is(session, created, CKA_PUBLIC_KEY_INFO, spki, spki_size));
    free(spki);
}
END_TEST

START_TEST(a_bare_point_is_taken_too)
{
    CK_ATTRIBUTE bare = {CKA_EC_POINT, point + 2, sizeof point - 2};

    ck_assert_rv(create_ec(P256, bare, CK_FALSE, "bare"), CKR_OK);
    ck_assert(test_attribute_is(session, created, CKA_EC_POINT, point, sizeof point));
}
END_TEST

START_TEST(numbers_that_make_no_key_are_refused)
{
    CK_BYTE off_curve[sizeof point];
    CK_BYTE modulus[128] = {0x80, [127] = 1};
    CK_BYTE three = 3, one = 1, zero = 0, two = 2;
    CK_ATTRIBUTE rsa[] = {
        {CKA_CLASS,           &public_class, sizeof public_class},
        {CKA_KEY_TYPE,        &rsa_type,     sizeof rsa_type    },
        {CKA_MODULUS,         modulus,       sizeof modulus     },
        {CKA_PUBLIC_EXPONENT, &three,        1                  },
    };
    CK_ATTRIBUTE off = {CKA_EC_POINT, off_curve, sizeof off_curve};
    CK_ATTRIBUTE curve = {CKA_EC_PARAMS, other_curve, sizeof other_curve};

    memcpy(off_curve, point, sizeof point);
    off_curve[66] ^= 1;
    ck_assert_rv(create_ec(P256, off, CK_TRUE, "x"), CKR_ATTRIBUTE_VALUE_INVALID);
    for (CK_ULONG size = 0; size < sizeof point; size++) {
        CK_ATTRIBUTE cut = {CKA_EC_POINT, point, size};

        ck_assert_rv(create_ec(P256, cut, CK_TRUE, "x"), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    ck_assert_rv(create_ec(curve, POINT, CK_TRUE, "x"), CKR_CURVE_NOT_SUPPORTED);
    ck_assert_rv(create(session, rsa, 4), CKR_OK);
    rsa[3].pValue = &one;
    ck_assert_rv(create(session, rsa, 4), CKR_ATTRIBUTE_VALUE_INVALID);
    rsa[3].pValue = &two;
    ck_assert_rv(create(session, rsa, 4), CKR_ATTRIBUTE_VALUE_INVALID);
    rsa[3].pValue = &zero;
    ck_assert_rv(create(session, rsa, 4), CKR_ATTRIBUTE_VALUE_INVALID);
    rsa[3].pValue = &three;
    rsa[2].ulValueLen = 127;
    ck_assert_rv(create(session, rsa, 4), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(test_token_files(), 2);
}
END_TEST

START_TEST(templates_of_public_keys_are_checked)
{
    CK_KEY_TYPE dsa = CKK_DSA;
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,     &public_class, sizeof public_class},
        {CKA_TOKEN,     &test_yes,     sizeof test_yes    },
        {CKA_EC_PARAMS, p256,          sizeof p256        },
        {CKA_EC_POINT,  point,         sizeof point       },
        {CKA_KEY_TYPE,  &ec_type,      sizeof ec_type     },
        {CKA_LOCAL,     &test_yes,     sizeof test_yes    },
    };

    ck_assert_rv(create(session, items, 4), CKR_TEMPLATE_INCOMPLETE);
    ck_assert_rv(create(session, items, 6), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(create(reader, items, 5), CKR_SESSION_READ_ONLY);
    items[3].type = CKA_MODULUS;
    ck_assert_rv(create(session, items, 5), CKR_ATTRIBUTE_TYPE_INVALID);
    items[3] = items[4];
    ck_assert_rv(create(session, items, 4), CKR_TEMPLATE_INCOMPLETE);
    items[3].pValue = &dsa;
    ck_assert_rv(create(session, items, 4), CKR_ATTRIBUTE_VALUE_INVALID);
}
END_TEST

/* --- data
 * ------------------------------------------------------------------------------------------------------- */

static CK_RV create_data(const void *value, CK_ULONG size, CK_BBOOL *token)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &data_class,              sizeof data_class},
        {CKA_TOKEN, token,                    sizeof *token    },
        {CKA_VALUE, (void *)(uintptr_t)value, size             },
        text(CKA_LABEL, "note"),
        text(CKA_APPLICATION, "a program"),          text(CKA_OBJECT_ID, "\x06\x01\x2a"),
    };

    return create(session, items, 6);
}

START_TEST(data_of_every_length_comes_back)
{
    static const CK_ULONG sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 131072};
    CK_BYTE *value = calloc(1, 131073);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(value, (int)i + 1, sizes[i]);
        ck_assert_rv(create_data(value, sizes[i], &test_yes), CKR_OK);
        restart();
        created = test_find(session, CKO_DATA, "note");
        ck_assert_uint_ne(created, 0);
        ck_assert(test_attribute_is(session, created, CKA_VALUE, value, sizes[i]));
        ck_assert(test_attribute_is(session, created, CKA_APPLICATION, "a program", 9));
        ck_assert(test_attribute_is(session, created, CKA_OBJECT_ID, "\x06\x01\x2a", 3));
        ck_assert_rv(C_DestroyObject(session, created), CKR_OK);
    }
    ck_assert_rv(create_data(value, 131073, &test_yes), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_rv(create_data(value, 131073, &test_no), CKR_OK);
    free(value);
    ck_assert_uint_eq(test_token_files(), 2);
}
END_TEST

START_TEST(the_value_of_data_can_be_changed)
{
    CK_ATTRIBUTE items[] = {text(CKA_VALUE, "another value"), text(CKA_APPLICATION, "another program")};

    ck_assert_rv(create_data("old", 3, &test_yes), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, created, items, 2), CKR_OK);
    ck_assert(test_attribute_is(session, created, CKA_VALUE, "another value", 13));
    restart();
    created = test_find(session, CKO_DATA, "note");
    ck_assert(test_attribute_is(session, created, CKA_VALUE, "another value", 13));
    ck_assert(test_attribute_is(session, created, CKA_APPLICATION, "another program", 15));
}
END_TEST

START_TEST(session_data_leaves_no_file)
{
    CK_SESSION_HANDLE other = test_session();

    ck_assert_rv(create_data("value", 5, &test_no), CKR_OK);
    ck_assert_uint_eq(test_find(other, CKO_DATA, "note"), created);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    ck_assert_uint_eq(test_find(other, CKO_DATA, "note"), 0);
    ck_assert_uint_eq(test_token_files(), 2);
}
END_TEST

START_TEST(data_has_neither_id_nor_key_type)
{
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &data_class, sizeof data_class},
        text(CKA_ID, "x"),
    };
    CK_ATTRIBUTE id = {CKA_ID, NULL, 0};

    ck_assert_rv(create(session, items, 2), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_rv(create_data("value", 5, &test_no), CKR_OK);
    ck_assert_rv(C_GetAttributeValue(session, created, &id, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}
END_TEST

START_TEST(broken_data_files_are_left_out)
{
    static const char *const blocks[] = {"BAAx", "BAJh", "BIRh", "AgFh", "BIX/////YQ==", "BA=="};
    char content[256];

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        snprintf(content, sizeof content, "-----BEGIN DEVID DATA-----\n%s\n-----END DEVID DATA-----\n",
                 blocks[i]);
        support_write(test_token_file("broken.data.pem"), content);
        restart();
        ck_assert_uint_eq(test_find(session, CKO_DATA, "broken"), 0);
    }
    support_write(test_token_file("broken.data.pem"),
                  "-----BEGIN DEVID DATA-----\nBAFh\n-----END DEVID DATA-----\n");
    restart();
    ck_assert_uint_ne(test_find(session, CKO_DATA, "broken"), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("publicobject");
    TCase *tests = tcase_create("objects");

    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, make, NULL);
    tcase_add_checked_fixture(tests, up, test_module_down);
    tcase_add_test(tests, a_created_rsa_key_verifies);
    tcase_add_loop_test(tests, keys_on_curve25519_are_created, 0, sizeof on_25519 / sizeof on_25519[0]);
    tcase_add_test(tests, a_token_key_is_a_file_that_openssl_reads);
    tcase_add_test(tests, a_public_key_file_dropped_in_is_an_object);
    tcase_add_test(tests, a_bare_point_is_taken_too);
    tcase_add_test(tests, numbers_that_make_no_key_are_refused);
    tcase_add_test(tests, templates_of_public_keys_are_checked);
    tcase_add_test(tests, data_of_every_length_comes_back);
    tcase_add_test(tests, the_value_of_data_can_be_changed);
    tcase_add_test(tests, session_data_leaves_no_file);
    tcase_add_test(tests, data_has_neither_id_nor_key_type);
    tcase_add_test(tests, broken_data_files_are_left_out);
    suite_add_tcase(suite, tests);
    return suite;
}
