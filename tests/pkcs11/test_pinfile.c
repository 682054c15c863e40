/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pinfile.h"
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

static struct store store;

static void up(void)
{
    p11_failure_clear();
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s && mkdir %s", support_path("t"), support_path("t")), 0);
    ck_assert_uint_eq(store_open(support_path("t"), &store), CKR_OK);
}

static void down(void)
{
    store_close(&store);
}

static void fill(struct pin_seal *seal, const char *salt, const char *block)
{
    *seal = (struct pin_seal){.iterations = 100000, .cost = 4096, .block_size = 8, .parallel = 3};
    ck_assert(bytes_copy(&seal->salt, salt, strlen(salt)));
    ck_assert(bytes_copy(&seal->block, block, strlen(block)));
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return bytes_equal(a->data, a->size, b->data, b->size);
}

static const enum pin_form both[] = {PIN_FORM_TPM, PIN_FORM_FILE};

START_TEST(what_is_written_is_read)
{
    struct pinfile pins = {.form = both[_i]};
    struct pinfile read;

    fill(&pins.of[CKU_SO], "sixteen of salt!", "sealed for the SO");
    fill(&pins.of[CKU_USER], "x", "sealed for the user");
    ck_assert(!pinfile_exists(&store));
    ck_assert_uint_eq(pinfile_create(&store, &pins), CKR_OK);
    ck_assert(pinfile_exists(&store));
    ck_assert_msg(pinfile_read(&store, both[_i], &read) == CKR_OK, "%s", p11_failure_text());
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(read.of[i].iterations, both[_i] == PIN_FORM_TPM ? 100000 : 0);
        ck_assert_uint_eq(read.of[i].cost, both[_i] == PIN_FORM_TPM ? 0 : 4096);
        ck_assert_uint_eq(read.of[i].block_size, both[_i] == PIN_FORM_TPM ? 0 : 8);
        ck_assert_uint_eq(read.of[i].parallel, both[_i] == PIN_FORM_TPM ? 0 : 3);
        ck_assert(same(&read.of[i].salt, &pins.of[i].salt) && same(&read.of[i].block, &pins.of[i].block));
    }
    pinfile_free(&read);
    ck_assert_uint_eq(pinfile_read(&store, both[1 - _i], &read), CKR_DEVICE_ERROR); /* of the other kind */
    pin_seal_free(&pins.of[CKU_USER]);
    ck_assert_uint_eq(pinfile_create(&store, &pins), CKR_OK);
    ck_assert_uint_eq(pinfile_read(&store, both[_i], &read), CKR_OK);
    ck_assert_uint_eq(read.of[CKU_USER].block.size, 0);
    pinfile_free(&read);
    pinfile_free(&pins);
}
END_TEST

/* Each of two processes read the file, and then each changes a PIN. */
START_TEST(changes_of_two_processes_are_both_there)
{
    struct pinfile pins = {.form = both[_i]};
    struct pinfile seen_by_one;
    struct pinfile seen_by_two;
    struct pinfile read;
    struct pin_seal so;
    struct pin_seal user;
    struct pin_seal late;

    fill(&pins.of[CKU_SO], "salt", "SO, first");
    fill(&so, "salt", "SO, second");
    fill(&user, "salt", "user");
    fill(&late, "salt", "SO, too late");
    ck_assert_uint_eq(pinfile_create(&store, &pins), CKR_OK);
    ck_assert_uint_eq(pinfile_read(&store, both[_i], &seen_by_one), CKR_OK);
    ck_assert_uint_eq(pinfile_read(&store, both[_i], &seen_by_two), CKR_OK);
    ck_assert_uint_eq(pinfile_change(&store, both[_i], CKU_SO, &so, &seen_by_one), CKR_OK);
    ck_assert_uint_eq(pinfile_change(&store, both[_i], CKU_USER, &user, NULL), CKR_OK);
    ck_assert_uint_eq(pinfile_change(&store, both[_i], CKU_SO, &late, &seen_by_two), CKR_FUNCTION_CANCELED);
    ck_assert_uint_eq(pinfile_read(&store, both[_i], &read), CKR_OK);
    ck_assert(same(&read.of[CKU_SO].block, &so.block) && same(&read.of[CKU_USER].block, &user.block));
    pinfile_free(&pins);
    pinfile_free(&seen_by_one);
    pinfile_free(&seen_by_two);
    pinfile_free(&read);
    pin_seal_free(&so);
    pin_seal_free(&user);
    pin_seal_free(&late);
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

#define SEALED "-----BEGIN DEVID SEALED SECRET-----\nAAAA\n-----END DEVID SEALED SECRET-----\n"
#define SCRYPT(n, r, p)                                                                                      \
    "User: so\nKDF: scrypt\nCost: " n "\nBlock-Size: " r "\nParallel: " p "\nSalt: 00ff\n" SEALED

/* What a file may ask of scrypt. */
static const struct {
    const char *what;
    const char *text;
    CK_RV rv;
} scrypt_files[] = {
    {"a new PIN's",     SCRYPT("32768",               "8",                        "1"), CKR_OK},
    {"the most memory",           SCRYPT("262144",                                       "8",                                                 "1"), CKR_OK},
    {"too much memory",              SCRYPT("524288","8","1"), CKR_DEVICE_ERROR},
    {"too much memory by r", SCRYPT("65536", "64",                         "1"), CKR_DEVICE_ERROR},
    {"the most work", SCRYPT("32768",                             "8",                                  "16"), CKR_OK},
    {"too much work",             SCRYPT("32768",                                     "8",                       "17"), CKR_DEVICE_ERROR},
    {"endless cost",   SCRYPT("4294967296",                 "8",            "1"), CKR_DEVICE_ERROR},
    {"a product that overflows",           SCRYPT("2147483648",                                       "2147483648",                                                   "4"), CKR_DEVICE_ERROR},
    {"no power of two",              SCRYPT("32767", "8","1"), CKR_DEVICE_ERROR},
    {"one",    SCRYPT("1",           "8",                  "1"), CKR_DEVICE_ERROR},
    {"zero", SCRYPT("0",                             "8",                              "1"), CKR_DEVICE_ERROR},
    {"no r",     SCRYPT("1024","0","1"), CKR_DEVICE_ERROR},
    {"no p", SCRYPT("1024",  "8",                         "0"), CKR_DEVICE_ERROR},
    {"no number", SCRYPT("many",                             "8",                                                   "1"), CKR_DEVICE_ERROR},
    {"no cost at all",              "User: so\nKDF: scrypt\nSalt: 00ff\n" SEALED,                            CKR_DEVICE_ERROR                    },
    {"another KDF",            "User: so\n" LINES SEALED,                              CKR_DEVICE_ERROR                        },
    {"a TPM's", SO,                             CKR_DEVICE_ERROR                                                 },
};

START_TEST(a_file_cannot_ask_for_the_world)
{
    struct pinfile pins;
    CK_RV rv;

    support_write(support_path("t/pin.pem"), scrypt_files[_i].text);
    rv = pinfile_read(&store, PIN_FORM_FILE, &pins);
    ck_assert_msg(rv == scrypt_files[_i].rv, "%s: 0x%lx %s", scrypt_files[_i].what, rv, p11_failure_text());
    pinfile_free(&pins);
}
END_TEST

START_TEST(files_are_read_or_refused_whole)
{
    struct pinfile pins;
    CK_RV rv;

    support_write(support_path("t/pin.pem"), files[_i].text);
    p11_failure_clear();
    rv = pinfile_read(&store, PIN_FORM_TPM, &pins);
    ck_assert_msg(rv == files[_i].rv, "%s: 0x%lx %s", files[_i].what, rv, p11_failure_text());
    ck_assert_int_eq(pins.of[CKU_SO].block.size != 0, rv == CKR_OK);
    ck_assert_int_eq(p11_failure_text()[0] != '\0', rv != CKR_OK);
    pinfile_free(&pins);
}
END_TEST

START_TEST(missing_file_is_a_device_error)
{
    struct pinfile pins = {0};
    struct pin_seal seal;

    fill(&seal, "salt", "user");
    ck_assert_uint_eq(pinfile_read(&store, PIN_FORM_TPM, &pins), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(pinfile_change(&store, PIN_FORM_TPM, CKU_USER, &seal, NULL), CKR_DEVICE_ERROR);
    ck_assert(!pinfile_exists(&store));
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s", support_path("t")), 0);
    ck_assert_uint_eq(pinfile_create(&store, &pins), CKR_DEVICE_ERROR); /* the directory is gone */
    pin_seal_free(&seal);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pinfile");
    TCase *t = tcase_create("pinfile");

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_loop_test(t, what_is_written_is_read, 0, 2);
    tcase_add_loop_test(t, changes_of_two_processes_are_both_there, 0, 2);
    tcase_add_loop_test(t, a_file_cannot_ask_for_the_world, 0, sizeof scrypt_files / sizeof scrypt_files[0]);
    tcase_add_loop_test(t, files_are_read_or_refused_whole, 0, sizeof files / sizeof files[0]);
    tcase_add_test(t, missing_file_is_a_device_error);
    suite_add_tcase(s, t);
    return s;
}
