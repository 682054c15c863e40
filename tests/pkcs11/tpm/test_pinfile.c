/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/pinfile.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/libctx.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void start(void)
{
    ck_assert_uint_eq(soft_start(), CKR_OK);
}

static void fill(struct tpm_pin *pin, unsigned iterations, const char *salt, const char *block)
{
    pin->iterations = iterations;
    ck_assert(bytes_copy(&pin->salt, salt, strlen(salt)));
    ck_assert(bytes_copy(&pin->block, block, strlen(block)));
}

START_TEST(what_is_written_is_read)
{
    struct tpm_pins pins = {0};
    struct tpm_pins read;

    fill(&pins.of[CKU_SO], 100000, "sixteen of salt!", "sealed for the SO");
    fill(&pins.of[CKU_USER], 7, "x", "sealed for the user");
    ck_assert(!tpm_pins_exist(support_directory()));
    ck_assert_uint_eq(tpm_pins_write(support_directory(), &pins), CKR_OK);
    ck_assert(tpm_pins_exist(support_directory()));
    ck_assert_msg(tpm_pins_read(support_directory(), &read) == CKR_OK, "%s", p11_failure_text());
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(read.of[i].iterations, pins.of[i].iterations);
        ck_assert(bytes_equal(read.of[i].salt.data, read.of[i].salt.size, pins.of[i].salt.data,
                              pins.of[i].salt.size));
        ck_assert(bytes_equal(read.of[i].block.data, read.of[i].block.size, pins.of[i].block.data,
                              pins.of[i].block.size));
    }
    tpm_pins_free(&read);
    tpm_pin_free(&pins.of[CKU_USER]);
    ck_assert_uint_eq(tpm_pins_write(support_directory(), &pins), CKR_OK);
    ck_assert_uint_eq(tpm_pins_read(support_directory(), &read), CKR_OK);
    ck_assert_uint_eq(read.of[CKU_USER].block.size, 0);
    tpm_pins_free(&read);
    tpm_pins_free(&pins);
}
END_TEST

#define BLOCK "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n"
#define LINES "KDF: pbkdf2-sha256\nIterations: 5\nSalt: 00ff\n"
#define SO "User: so\n" LINES BLOCK

static const struct {
    const char *what;
    const char *text;
    CK_RV rv;
} files[] = {
    {"the least",                   SO,                                                                         CKR_OK          },
    {"both",                        SO "User: user\n" LINES BLOCK,                                              CKR_OK          },
    {"carriage returns",            "User: so\r\nKDF: pbkdf2-sha256\r\nIterations: 5\r\nSalt: 00ff\r\n" BLOCK,  CKR_OK          },
    {"unknown lines",               "Comment: made by hand\nanything\n" SO,                                     CKR_OK          },
    {"nothing",                     "",                                                                         CKR_DEVICE_ERROR},
    {"no SO",                       "User: user\n" LINES BLOCK,                                                 CKR_DEVICE_ERROR},
    {"an SO twice",                 SO SO,                                                                      CKR_DEVICE_ERROR},
    {"another user",                SO "User: guest\n" LINES BLOCK,                                             CKR_DEVICE_ERROR},
    {"no user",                     LINES BLOCK,                                                                CKR_DEVICE_ERROR},
    {"another KDF",                 "User: so\nKDF: scrypt\nIterations: 5\nSalt: 00ff\n" BLOCK,                 CKR_DEVICE_ERROR},
    {"no KDF",                      "User: so\nIterations: 5\nSalt: 00ff\n" BLOCK,                              CKR_DEVICE_ERROR},
    {"no iterations",               "User: so\nKDF: pbkdf2-sha256\nSalt: 00ff\n" BLOCK,                         CKR_DEVICE_ERROR},
    {"zero iterations",             "User: so\nKDF: pbkdf2-sha256\nIterations: 0\nSalt: 00ff\n" BLOCK,          CKR_DEVICE_ERROR},
    {"endless iterations",          "User: so\nKDF: pbkdf2-sha256\nIterations: 4000000000\nSalt: 00ff\n" BLOCK,
     CKR_DEVICE_ERROR                                                                                                           },
    {"signed iterations",           "User: so\nKDF: pbkdf2-sha256\nIterations: -1\nSalt: 00ff\n" BLOCK,
     CKR_DEVICE_ERROR                                                                                                           },
    {"odd salt",                    "User: so\nKDF: pbkdf2-sha256\nIterations: 5\nSalt: 00f\n" BLOCK,           CKR_DEVICE_ERROR},
    {"no salt",                     "User: so\nKDF: pbkdf2-sha256\nIterations: 5\nSalt: \n" BLOCK,              CKR_DEVICE_ERROR},
    {"salt twice, leaking nothing", "User: so\n" LINES "Salt: 01\n" BLOCK,                                      CKR_OK          },
    {"another block",               SO "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",        CKR_DEVICE_ERROR},
    {"broken base64",
     "User: so\n" LINES "-----BEGIN TSS2 PRIVATE KEY-----\nA*A\n-----END TSS2 PRIVATE KEY-----\n",
     CKR_DEVICE_ERROR                                                                                                           },
    {"no end",                      "User: so\n" LINES "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n",              CKR_DEVICE_ERROR},
};

START_TEST(files_are_read_or_refused_whole)
{
    struct tpm_pins pins;
    CK_RV rv;

    support_write(support_path("pin.pem"), files[_i].text);
    p11_failure_clear();
    rv = tpm_pins_read(support_directory(), &pins);
    ck_assert_msg(rv == files[_i].rv, "%s: 0x%lx %s", files[_i].what, rv, p11_failure_text());
    ck_assert_int_eq(pins.of[CKU_SO].block.size != 0, rv == CKR_OK);
    ck_assert_int_eq(p11_failure_text()[0] != '\0', rv != CKR_OK);
    tpm_pins_free(&pins);
}
END_TEST

START_TEST(missing_file_is_a_device_error)
{
    struct tpm_pins pins;

    ck_assert_uint_eq(tpm_pins_read("/proc/self/no-such-directory", &pins), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(tpm_pins_write("/proc/self/no-such-directory", &pins), CKR_DEVICE_ERROR);
    ck_assert(!tpm_pins_exist("/proc/self/no-such-directory"));
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pinfile");
    TCase *t = tcase_create("pinfile");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_test(t, what_is_written_is_read);
    tcase_add_loop_test(t, files_are_read_or_refused_whole, 0, sizeof files / sizeof files[0]);
    tcase_add_test(t, missing_file_is_a_device_error);
    suite_add_tcase(s, t);
    return s;
}
