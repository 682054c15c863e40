/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <string.h>

#define BLOCK 256

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE public;
static CK_OBJECT_HANDLE private;
static EVP_PKEY *pkey;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* An open key, so that a test can work out what the module should. */
static void up(void)
{
    CK_BYTE exponent[] = {1, 0, 1};
    CK_ULONG bits = 8 * BLOCK;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS,    &bits,    sizeof bits    },
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
        {CKA_ENCRYPT,         &yes,     sizeof yes     },
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_DECRYPT,     &yes, sizeof yes},
        {CKA_SENSITIVE,   &no,  sizeof no },
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };

    filetoken_up();
    session = filetoken_session("disk");
    filetoken_assert_rv(
        C_GenerateKeyPair(session, &mechanism, public_items, 3, private_items, 3, &public, &private), CKR_OK);
    pkey = filetoken_public(session, public);
}

static void down(void)
{
    EVP_PKEY_free(pkey);
    filetoken_down();
}

static CK_RV decrypt(CK_MECHANISM *mechanism, const uint8_t *block, size_t block_size, uint8_t *out,
                     CK_ULONG *size)
{
    CK_RV rv = C_DecryptInit(session, mechanism, private);

    return rv == CKR_OK ? C_Decrypt(session, (CK_BYTE *)(uintptr_t)block, block_size, out, size) : rv;
}

static CK_RV encrypt(CK_MECHANISM *mechanism, const uint8_t *data, size_t data_size, uint8_t *out,
                     CK_ULONG *size)
{
    CK_RV rv = C_EncryptInit(session, mechanism, public);

    return rv == CKR_OK ? C_Encrypt(session, (CK_BYTE *)(uintptr_t)data, data_size, out, size) : rv;
}

/* --- what libcrypto encrypted with the public key, the module decrypts; and what the module did
 * ---------------------- */

static CK_BYTE label[] = "a label";
static CK_RSA_PKCS_OAEP_PARAMS oaep_sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
static CK_RSA_PKCS_OAEP_PARAMS oaep_sha256 = {CKM_SHA256, CKG_MGF1_SHA256, 0, NULL, 0};
static CK_RSA_PKCS_OAEP_PARAMS oaep_label = {CKM_SHA384, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, label,
                                             sizeof label};

static const struct form {
    const char *name;
    CK_MECHANISM mechanism;
    const char *hash; /* NULL: PKCS#1 v1.5 */
    const char *mgf;
    bool labelled;
    size_t maximum;
} forms[] = {
    {"PKCS#1",                  {CKM_RSA_PKCS, NULL, 0},    NULL, NULL,     false, BLOCK - 11        },
    {"OAEP SHA-1",
     {CKM_RSA_PKCS_OAEP, &oaep_sha1, sizeof oaep_sha1},
     "SHA1",                                                      "SHA1",
     false,                                                                        BLOCK - 2 - 2 * 20},
    {"OAEP SHA-256",
     {CKM_RSA_PKCS_OAEP, &oaep_sha256, sizeof oaep_sha256},
     "SHA256",                                                    "SHA256",
     false,                                                                        BLOCK - 2 - 2 * 32},
    {"OAEP SHA-384/MGF1-SHA-1",
     {CKM_RSA_PKCS_OAEP, &oaep_label, sizeof oaep_label},
     "SHA384",                                                    "SHA1",
     true,                                                                         BLOCK - 2 - 2 * 48},
};

static void libcrypto_encrypts(const struct form *form, const uint8_t *data, size_t size,
                               uint8_t block[BLOCK])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    size_t block_size = BLOCK;

    ck_assert_int_eq(EVP_PKEY_encrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, form->hash != NULL ? RSA_PKCS1_OAEP_PADDING
                                                                              : RSA_PKCS1_PADDING),
                     1);
    if (form->hash != NULL) {
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_get_digestbyname(form->hash)), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_get_digestbyname(form->mgf)), 1);
    }
    if (form->labelled)
        ck_assert_int_eq(
            EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_memdup(label, sizeof label), sizeof label), 1);
    ck_assert_int_eq(EVP_PKEY_encrypt(context, block, &block_size, data, size), 1);
    EVP_PKEY_CTX_free(context);
}

START_TEST(blocks_of_libcrypto_and_of_the_module_decrypt)
{
    const struct form *form = &forms[_i];
    const size_t sizes[] = {0, 1, 48, form->maximum};
    CK_MECHANISM mechanism = form->mechanism;
    uint8_t data[BLOCK];

    memset(data, 0x5a, sizeof data);
    for (size_t i = 0; i < 4; i++) {
        uint8_t block[BLOCK];
        uint8_t out[BLOCK];
        CK_ULONG size = sizeof out;

        libcrypto_encrypts(form, data, sizes[i], block);
        filetoken_assert_rv(decrypt(&mechanism, block, BLOCK, out, &size), CKR_OK);
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert(memcmp(out, data, size) == 0);
        size = sizeof block;
        filetoken_assert_rv(encrypt(&mechanism, data, sizes[i], block, &size), CKR_OK);
        ck_assert_uint_eq(size, BLOCK);
        size = sizeof out;
        filetoken_assert_rv(decrypt(&mechanism, block, BLOCK, out, &size), CKR_OK);
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert(memcmp(out, data, size) == 0);
    }
    {
        uint8_t block[BLOCK];
        CK_ULONG size = sizeof block;

        filetoken_assert_rv(encrypt(&mechanism, data, form->maximum + 1, block, &size), CKR_DATA_LEN_RANGE);
    }
}
END_TEST

START_TEST(the_raw_operation_goes_there_and_back)
{
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    uint8_t data[BLOCK] = {0, 1, 2, 3};
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    CK_ULONG size = BLOCK;

    filetoken_assert_rv(encrypt(&raw, data, BLOCK, block, &size), CKR_OK);
    filetoken_assert_rv(decrypt(&raw, block, BLOCK, out, &size), CKR_OK);
    ck_assert_uint_eq(size, BLOCK);
    ck_assert_mem_eq(out, data, BLOCK);
    memset(data, 0xff, sizeof data);
    filetoken_assert_rv(encrypt(&raw, data, BLOCK, block, &size), CKR_DATA_INVALID);
}
END_TEST

/* --- implicit rejection, worked out here a second time
 * -------------------------------------------------------- */

static void prf(const uint8_t key[32], const char *name, uint8_t *out, size_t size)
{
    for (size_t done = 0; done < size; done += 32) {
        uint8_t input[32];
        uint8_t mac[32];
        size_t length = strlen(name);

        input[0] = 0;
        input[1] = (uint8_t)(done / 32);
        memcpy(input + 2, name, length);
        input[2 + length] = (uint8_t)(size * 8 >> 8);
        input[3 + length] = (uint8_t)(size * 8);
        HMAC(EVP_sha256(), key, 32, input, length + 4, mac, NULL);
        memcpy(out + done, mac, size - done < 32 ? size - done : 32);
    }
}

static size_t expected_rejection(const uint8_t block[BLOCK], uint8_t message[BLOCK])
{
    uint8_t exponent[BLOCK];
    uint8_t padded[BLOCK] = {0};
    uint8_t digest[32];
    uint8_t key[32];
    uint8_t lengths[256];
    CK_ULONG size = sizeof exponent;
    size_t length = 0;

    filetoken_assert_rv(filetoken_attribute(session, private, CKA_PRIVATE_EXPONENT, exponent, &size), CKR_OK);
    memcpy(padded + BLOCK - size, exponent, size);
    EVP_Digest(padded, BLOCK, digest, NULL, EVP_sha256(), NULL);
    HMAC(EVP_sha256(), digest, 32, block, BLOCK, key, NULL);
    prf(key, "length", lengths, sizeof lengths);
    for (size_t i = 0; i < 128; i++) {
        size_t candidate = ((size_t)lengths[2 * i] << 8 | lengths[2 * i + 1]) & 0xff;

        if (candidate < BLOCK - 10)
            length = candidate;
    }
    prf(key, "message", message, BLOCK);
    memmove(message, message + BLOCK - length, length);
    return length;
}

/* The start of a padded block, and what is wrong with it. */
static const struct {
    const char *what;
    size_t offset;
    uint8_t value;
} bent[] = {
    {"the first byte is not 0",     0,  1},
    {"the second byte is not 2",    1,  1},
    {"a zero in the padding",       2,  0},
    {"a zero at the padding's end", 9,  0},
    {"no zero behind the padding",  20, 7},
};

START_TEST(a_broken_padding_looks_like_a_message)
{
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    CK_MECHANISM padded = {CKM_RSA_PKCS, NULL, 0};
    uint8_t data[BLOCK];
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    uint8_t wanted[BLOCK];
    CK_ULONG size = BLOCK;
    size_t wanted_size;

    memset(data, 0x33, sizeof data);
    data[0] = 0;
    data[1] = 2;
    data[20] = 0;
    data[bent[_i].offset] = bent[_i].value;
    filetoken_assert_rv(encrypt(&raw, data, BLOCK, block, &size), CKR_OK);
    wanted_size = expected_rejection(block, wanted);
    for (int round = 0; round < 2; round++) {
        size = sizeof out;
        filetoken_assert_rv(decrypt(&padded, block, BLOCK, out, &size), CKR_OK);
        ck_assert_msg(size == wanted_size && memcmp(out, wanted, size) == 0, "%s", bent[_i].what);
    }
}
END_TEST

START_TEST(a_padding_of_eight_bytes_is_good)
{
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    CK_MECHANISM padded = {CKM_RSA_PKCS, NULL, 0};
    uint8_t data[BLOCK];
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    CK_ULONG size = BLOCK;

    memset(data, 0x33, sizeof data);
    data[0] = 0;
    data[1] = 2;
    data[10] = 0;
    filetoken_assert_rv(encrypt(&raw, data, BLOCK, block, &size), CKR_OK);
    filetoken_assert_rv(decrypt(&padded, block, BLOCK, out, &size), CKR_OK);
    ck_assert_uint_eq(size, BLOCK - 11);
    ck_assert_mem_eq(out, data + 11, size);
}
END_TEST

/* --- refusals
 * ------------------------------------------------------------------------------------------------ */

START_TEST(oaep_refuses_what_is_not_its_own)
{
    CK_MECHANISM mechanism = forms[3].mechanism;
    CK_MECHANISM other = forms[1].mechanism;
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    CK_ULONG size = sizeof out;

    libcrypto_encrypts(&forms[3], label, 3, block);
    filetoken_assert_rv(decrypt(&other, block, BLOCK, out, &size), CKR_ENCRYPTED_DATA_INVALID);
    filetoken_assert_rv(decrypt(&mechanism, block, BLOCK - 1, out, &size), CKR_ENCRYPTED_DATA_LEN_RANGE);
    memset(block, 0xff, sizeof block);
    filetoken_assert_rv(decrypt(&mechanism, block, BLOCK, out, &size), CKR_ENCRYPTED_DATA_INVALID);
}
END_TEST

START_TEST(oaep_parameters_are_checked)
{
    static CK_RSA_PKCS_OAEP_PARAMS bad[] = {
        {CKM_MD5,    CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL,  0           },
        {CKM_SHA256, 99,            CKZ_DATA_SPECIFIED, NULL,  0           },
        {CKM_SHA256, CKG_MGF1_SHA1, 2,                  NULL,  0           },
        {CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL,  4           },
        {CKM_SHA256, CKG_MGF1_SHA1, 0,                  label, sizeof label},
    };
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, NULL, 0};

    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mechanism = (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &bad[i], sizeof bad[i]};
        filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
        filetoken_assert_rv(C_EncryptInit(session, &mechanism, public), CKR_MECHANISM_PARAM_INVALID);
    }
    mechanism.ulParameterLen--;
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

/* The label is the module's own once C_DecryptInit has returned. */
START_TEST(the_label_is_copied)
{
    CK_BYTE mine[sizeof label];
    CK_RSA_PKCS_OAEP_PARAMS params = oaep_label;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &params, sizeof params};
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    CK_ULONG size = sizeof out;

    memcpy(mine, label, sizeof label);
    params.pSourceData = mine;
    libcrypto_encrypts(&forms[3], label, 3, block);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_OK);
    memset(mine, 0, sizeof mine);
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_OK);
    ck_assert_uint_eq(size, 3);
}
END_TEST

START_TEST(lengths_and_parts)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    uint8_t block[BLOCK];
    uint8_t out[BLOCK];
    CK_ULONG size = 0;

    libcrypto_encrypts(&forms[0], (const uint8_t *)"secret", 6, block);
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_OK);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_OPERATION_ACTIVE);
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, NULL, &size), CKR_OK);
    ck_assert_uint_ge(size, 6);
    size = 5;
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 6);
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_OK);
    ck_assert_mem_eq(out, "secret", 6);
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_OK);
    for (size_t i = 0; i < BLOCK; i += 64) {
        size = sizeof out;
        filetoken_assert_rv(C_DecryptUpdate(session, block + i, 64, out, &size), CKR_OK);
        ck_assert_uint_eq(size, 0);
    }
    size = 1;
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_BUFFER_TOO_SMALL);
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_OK);
    ck_assert_mem_eq(out, "secret", 6);
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_OK);
    size = sizeof out;
    filetoken_assert_rv(C_DecryptUpdate(session, block, 64, out, &size), CKR_OK);
    size = sizeof out;
    filetoken_assert_rv(C_Decrypt(session, block, BLOCK, out, &size), CKR_OPERATION_ACTIVE);
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(usage_and_class_are_checked)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE signs[2];

    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, NULL, 0, &signs[0], &signs[1]),
                        CKR_OK);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, signs[1]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_EncryptInit(session, &mechanism, signs[0]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, public), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_EncryptInit(session, &mechanism, private), CKR_KEY_TYPE_INCONSISTENT);
    mechanism.mechanism = CKM_SHA256_RSA_PKCS;
    filetoken_assert_rv(C_DecryptInit(session, &mechanism, private), CKR_MECHANISM_INVALID);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/file/decrypt");
    TCase *tcase = tcase_create("decrypt");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, up, down);
    tcase_add_loop_test(tcase, blocks_of_libcrypto_and_of_the_module_decrypt, 0,
                        (int)(sizeof forms / sizeof forms[0]));
    tcase_add_test(tcase, the_raw_operation_goes_there_and_back);
    tcase_add_loop_test(tcase, a_broken_padding_looks_like_a_message, 0, (int)(sizeof bent / sizeof bent[0]));
    tcase_add_test(tcase, a_padding_of_eight_bytes_is_good);
    tcase_add_test(tcase, oaep_refuses_what_is_not_its_own);
    tcase_add_test(tcase, oaep_parameters_are_checked);
    tcase_add_test(tcase, the_label_is_copied);
    tcase_add_test(tcase, lengths_and_parts);
    tcase_add_test(tcase, usage_and_class_are_checked);
    suite_add_tcase(suite, tcase);
    return suite;
}
