/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/public.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/module.h"

#include <tss2/tss2_mu.h>

#include <string.h>

static void start(void)
{
    ck_assert_rv(soft_start(), CKR_OK);
}

static TPM2B_PUBLIC ec_area(TPM2_ECC_CURVE curve, size_t x_size, size_t y_size)
{
    TPM2B_PUBLIC area = {.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256}};

    area.publicArea.parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric.algorithm = TPM2_ALG_NULL,
                                                            .scheme.scheme = TPM2_ALG_NULL,
                                                            .curveID = curve,
                                                            .kdf.scheme = TPM2_ALG_NULL};
    area.publicArea.unique.ecc.x.size = (UINT16)x_size;
    area.publicArea.unique.ecc.y.size = (UINT16)y_size;
    memset(area.publicArea.unique.ecc.x.buffer, 0x11, x_size);
    memset(area.publicArea.unique.ecc.y.buffer, 0x22, y_size);
    return area;
}

static TPM2B_PUBLIC rsa_area(uint32_t exponent, size_t size)
{
    TPM2B_PUBLIC area = {.publicArea = {.type = TPM2_ALG_RSA, .nameAlg = TPM2_ALG_SHA256}};

    area.publicArea.parameters.rsaDetail = (TPMS_RSA_PARMS){
        .symmetric.algorithm = TPM2_ALG_NULL, .scheme.scheme = TPM2_ALG_NULL, .exponent = exponent};
    area.publicArea.unique.rsa.size = (UINT16)size;
    memset(area.publicArea.unique.rsa.buffer, 0x99, size);
    return area;
}

START_TEST(coordinates_are_padded_to_the_field)
{
    static const struct {
        TPM2_ECC_CURVE curve;
        size_t field;
    } rows[] = {
        {TPM2_ECC_NIST_P256, 32},
        {TPM2_ECC_NIST_P384, 48},
        {TPM2_ECC_NIST_P521, 66},
    };

    for (size_t i = 0; i < 3; i++) {
        TPM2B_PUBLIC area = ec_area(rows[i].curve, rows[i].field - 2, rows[i].field);
        struct public_key key;

        ck_assert_rv(tpm_public_key(&area, &key), CKR_OK);
        ck_assert_uint_eq(key.point.size, 1 + 2 * rows[i].field);
        ck_assert_mem_eq(key.point.data, "\x04\x00\x00\x11", 4);
        ck_assert_uint_eq(key.point.data[1 + rows[i].field], 0x22);
        public_key_free(&key);
    }
}
END_TEST

START_TEST(what_is_no_key_of_ours_is_refused)
{
    TPM2B_PUBLIC areas[] = {
        ec_area(TPM2_ECC_BN_P256, 32, 32),
        ec_area(TPM2_ECC_NIST_P256, 33, 32),
        ec_area(TPM2_ECC_NIST_P256, 32, 33),
        rsa_area(0, 0),
        rsa_area(0, 256),
        {.publicArea = {.type = TPM2_ALG_KEYEDHASH}},
        {.publicArea = {.type = TPM2_ALG_SYMCIPHER}},
    };

    areas[4].publicArea.unique.rsa.buffer[0] = 0;
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        struct public_key key;

        ck_assert_rv(tpm_public_key(&areas[i], &key), CKR_DATA_INVALID);
        ck_assert_ptr_null(key.modulus.data);
        ck_assert_ptr_null(key.point.data);
    }
}
END_TEST

START_TEST(exponents_have_no_leading_zeros)
{
    static const struct {
        uint32_t exponent;
        const char *bytes;
        size_t size;
    } rows[] = {
        {0,          "\1\0\1",         3},
        {65537,      "\1\0\1",         3},
        {3,          "\3",             1},
        {0xfffffffb, "\xff\xff\xff\xfb", 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        TPM2B_PUBLIC area = rsa_area(rows[i].exponent, 256);
        struct public_key key;

        ck_assert_rv(tpm_public_key(&area, &key), CKR_OK);
        ck_assert_uint_eq(public_key_bits(&key), 2048);
        ck_assert(bytes_equal(key.exponent.data, key.exponent.size, rows[i].bytes, rows[i].size));
        public_key_free(&key);
    }
}
END_TEST

START_TEST(numbers_and_names_go_both_ways)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};

    for (size_t i = 0; i < 3; i++) {
        const struct p11_curve *curve = p11_curve_by_name(curves[i], 5);

        ck_assert_ptr_eq(tpm_curve(tpm_curve_number(curve)), curve);
    }
    ck_assert_ptr_null(tpm_curve(TPM2_ECC_NONE));
    ck_assert_ptr_null(tpm_curve(TPM2_ECC_SM2_P256));
    for (enum p11_hash hash = HASH_NONE; hash <= HASH_COUNT; hash++)
        if (tpm_hash_name(hash) != NULL)
            ck_assert_int_eq(tpm_hash(tpm_hash_number(hash)), hash);
    ck_assert_uint_eq(tpm_hash_number(HASH_COUNT), TPM2_ALG_NULL);
    ck_assert_int_eq(tpm_hash(TPM2_ALG_NULL), HASH_NONE);
    ck_assert_int_eq(tpm_hash(TPM2_ALG_SM3_256), HASH_NONE);
}
END_TEST

/* TPM 2.0 part 1, 16: nameAlg || H_nameAlg(public area). */
START_TEST(the_name_is_the_hash_of_the_area)
{
    TPM2B_PUBLIC area = ec_area(TPM2_ECC_NIST_P256, 32, 32);
    uint8_t wire[sizeof(TPMT_PUBLIC)];
    uint8_t digest[HASH_SIZE_MAXIMUM];
    TPM2B_NAME name;
    size_t size = 0;

    ck_assert_uint_eq(Tss2_MU_TPMT_PUBLIC_Marshal(&area.publicArea, wire, sizeof wire, &size), 0);
    ck_assert_rv(soft_hash_once(HASH_SHA256, wire, size, digest), CKR_OK);
    ck_assert_rv(tpm_public_name(&area, &name), CKR_OK);
    ck_assert_uint_eq(name.size, 34);
    ck_assert_mem_eq(name.name, "\x00\x0b", 2);
    ck_assert_mem_eq(name.name + 2, digest, 32);
    area.publicArea.nameAlg = TPM2_ALG_SM3_256;
    ck_assert_rv(tpm_public_name(&area, &name), CKR_DATA_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("public");
    TCase *t = tcase_create("public");

    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, coordinates_are_padded_to_the_field);
    tcase_add_test(t, what_is_no_key_of_ours_is_refused);
    tcase_add_test(t, exponents_have_no_leading_zeros);
    tcase_add_test(t, numbers_and_names_go_both_ways);
    tcase_add_test(t, the_name_is_the_hash_of_the_area);
    suite_add_tcase(s, t);
    return s;
}
