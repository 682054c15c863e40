/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/parameters.h"
#include "tests/support/module.h"

#include <string.h>

static uint8_t octets[300];

struct gcm {
    void *iv;
    CK_ULONG iv_size;
    CK_ULONG iv_bits;
    void *aad;
    CK_ULONG aad_size;
    CK_ULONG tag_bits;
};

static const struct {
    struct gcm given;
    CK_RV rv;
} gcm_rows[] = {
    {{octets, 12, 96, octets, 3, 128},                         CKR_OK                     },
    {{octets, 12, 0, octets, 3, 128},                          CKR_OK                     },
    {{octets, 1, 8, NULL, 0, 32},                              CKR_OK                     },
    {{octets, 256, 2048, NULL, 0, 96},                         CKR_OK                     },
    {{octets, 257, 0, NULL, 0, 96},                            CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 95, NULL, 0, 128},                           CKR_MECHANISM_PARAM_INVALID},
    {{octets, 0, 0, NULL, 0, 128},                             CKR_MECHANISM_PARAM_INVALID},
    {{NULL, 12, 96, NULL, 0, 128},                             CKR_MECHANISM_PARAM_INVALID},
    {{octets, CK_UNAVAILABLE_INFORMATION, 0, NULL, 0, 128},    CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, NULL, 1, 128},                           CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, CK_UNAVAILABLE_INFORMATION, 96}, CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, 3, 0},                           CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, 3, 8},                           CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, 3, 100},                         CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, 3, 136},                         CKR_MECHANISM_PARAM_INVALID},
    {{octets, 12, 96, octets, 3, CK_UNAVAILABLE_INFORMATION},  CKR_MECHANISM_PARAM_INVALID},
};

static CK_RV parse(CK_MECHANISM_TYPE type, void *given, CK_ULONG size, struct p11_parameters *parameters)
{
    const CK_MECHANISM mechanism = {type, given, size};
    const struct mechanism *row = mechanism_row(type);

    *parameters = (struct p11_parameters){0};
    return row->parse(&mechanism, row, parameters);
}

START_TEST(gcm)
{
    struct gcm given = gcm_rows[_i].given;
    struct p11_parameters parameters;

    ck_assert_rv(parse(CKM_AES_GCM, &given, sizeof given, &parameters), gcm_rows[_i].rv);
    if (gcm_rows[_i].rv == CKR_OK) {
        ck_assert(bytes_equal(parameters.iv.data, parameters.iv.size, octets, given.iv_size));
        ck_assert(bytes_equal(parameters.aad.data, parameters.aad.size, octets, given.aad_size));
        ck_assert_uint_eq(parameters.mac_size, given.tag_bits / 8);
    }
    parameters_free(&parameters);
}
END_TEST

/* Each mechanism with every length up to some, and with no parameter of its length: only the right one is
 * taken. */
START_TEST(lengths)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_ULONG size;
        CK_ULONG other;
    } rows[] = {
        {CKM_AES_ECB,             0,  0 },
        {CKM_AES_CBC,             16, 16},
        {CKM_AES_CBC_PAD,         16, 16},
        {CKM_AES_CTR,             24, 24},
        {CKM_AES_GCM,             48, 40},
        {CKM_AES_CMAC,            0,  0 },
        {CKM_AES_CMAC_GENERAL,    8,  8 },
        {CKM_SHA256_HMAC,         0,  0 },
        {CKM_SHA256_HMAC_GENERAL, 8,  8 },
    };
    struct p11_parameters parameters;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (CK_ULONG size = 0; size <= 64; size++) {
            if (size == rows[i].size || size == rows[i].other)
                continue;
            ck_assert_rv_of(mechanism_row(rows[i].type)->name, parse(rows[i].type, octets, size, &parameters),
                            CKR_MECHANISM_PARAM_INVALID);
        }
        ck_assert_rv_of(mechanism_row(rows[i].type)->name,
                        parse(rows[i].type, NULL, rows[i].size, &parameters),
                        rows[i].size == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
        parameters_free(&parameters);
    }
}
END_TEST

START_TEST(counters)
{
    static const struct {
        CK_ULONG bits;
        CK_RV rv;
    } rows[] = {
        {0,                          CKR_MECHANISM_PARAM_INVALID},
        {1,                          CKR_OK                     },
        {32,                         CKR_OK                     },
        {128,                        CKR_OK                     },
        {129,                        CKR_MECHANISM_PARAM_INVALID},
        {CK_UNAVAILABLE_INFORMATION, CKR_MECHANISM_PARAM_INVALID},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct {
            CK_ULONG bits;
            CK_BYTE block[16];
        } given = {
            rows[i].bits, {1, 2, 3}
        };
        struct p11_parameters parameters;

        ck_assert_rv(parse(CKM_AES_CTR, &given, sizeof given, &parameters), rows[i].rv);
        ck_assert(rows[i].rv != CKR_OK || memcmp(parameters.iv.data, given.block, 16) == 0);
        parameters_free(&parameters);
    }
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/secretparameters");
    TCase *tcase = tcase_create("parameter");

    tcase_add_loop_test(tcase, gcm, 0, (int)(sizeof gcm_rows / sizeof gcm_rows[0]));
    tcase_add_test(tcase, lengths);
    tcase_add_test(tcase, counters);
    suite_add_tcase(suite, tcase);
    return suite;
}
