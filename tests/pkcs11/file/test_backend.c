/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/curve.h"
#include "pkcs11/mechanism.h"
#include "tests/support/filetoken.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static void up(void)
{
    setenv("DEVID_LOG", "error:/dev/null", 1);
    filetoken_up();
    session = filetoken_session("disk");
}

static bool attribute_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 7;
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_attribute(session, object, type, &value, &size), CKR_OK);
    ck_assert_uint_eq(size, sizeof value);
    return value == CK_TRUE;
}

START_TEST(the_slot_and_the_token_are_no_hardware)
{
    CK_SLOT_ID slot = filetoken_slot("disk");
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    CK_MECHANISM_INFO info;

    filetoken_assert_rv(C_GetSlotInfo(slot, &slot_info), CKR_OK);
    ck_assert_uint_eq(slot_info.flags & CKF_HW_SLOT, 0);
    filetoken_assert_rv(C_GetTokenInfo(slot, &token_info), CKR_OK);
    ck_assert_uint_eq(token_info.flags & CKF_LOGIN_REQUIRED, 0);
    ck_assert_mem_eq(token_info.model, "file            ", 16);
    filetoken_assert_rv(C_GetMechanismInfo(slot, CKM_RSA_PKCS_KEY_PAIR_GEN, &info), CKR_OK);
    ck_assert_uint_eq(info.flags, CKF_GENERATE_KEY_PAIR);
    ck_assert_uint_eq(info.ulMinKeySize, 1024);
    ck_assert_uint_eq(info.ulMaxKeySize, 4096);
    filetoken_assert_rv(C_GetMechanismInfo(slot, CKM_EDDSA, &info), CKR_OK);
}
END_TEST

START_TEST(generated_keys_are_files_that_openssl_reads)
{
    static const char *const kinds[] = {"RSA-2048", "P-256", "P-384", "P-521", "ED25519", "X25519"};
    static const CK_KEY_TYPE types[] = {CKK_RSA, CKK_EC, CKK_EC, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        CK_OBJECT_HANDLE public;
        CK_OBJECT_HANDLE private;
        CK_ULONG type = 0;
        CK_ULONG size = sizeof type;
        char *file;
        EVP_PKEY *pkey;
        char *text;

        filetoken_assert_rv(filetoken_generate(session, kinds[i], true, NULL, 0, &public, &private), CKR_OK);
        ck_assert_int_eq(support_shell(&file, "ls -t '%s'/*.pem | head -n 1", support_path("tokens/disk")),
                         0);
        ck_assert_int_eq(support_shell(&text, "stat -c %%a %s", file), 0);
        ck_assert_str_eq(text, "600\n");
        free(text);
        file[strcspn(file, "\n")] = '\0';
        ck_assert_int_eq(support_shell(&text, "openssl pkey -in %s -noout -check", file), 0);
        free(text);
        free(file);
        filetoken_assert_rv(filetoken_attribute(session, private, CKA_KEY_TYPE, &type, &size), CKR_OK);
        pkey = filetoken_public(session, public);
        ck_assert_uint_eq(type, types[i]);
        EVP_PKEY_free(pkey);
    }
}
END_TEST

START_TEST(keys_are_sensitive_by_default)
{
    static const CK_ATTRIBUTE_TYPE secrets[] = {CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                                CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t value[512];

    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, NULL, 0, &public, &private), CKR_OK);
    ck_assert(attribute_bool(private, CKA_SENSITIVE) && attribute_bool(private, CKA_ALWAYS_SENSITIVE));
    ck_assert(!attribute_bool(private, CKA_EXTRACTABLE) && attribute_bool(private, CKA_NEVER_EXTRACTABLE));
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        CK_ULONG size = sizeof value;

        filetoken_assert_rv(filetoken_attribute(session, private, secrets[i], value, &size),
                            CKR_ATTRIBUTE_SENSITIVE);
        ck_assert_uint_eq(size, CK_UNAVAILABLE_INFORMATION);
    }
}
END_TEST

/* Both halves share one key block: the secret must not be read through the public one. */
START_TEST(the_public_half_has_no_secret)
{
    static const char *const kinds[] = {"RSA-2048", "P-256", "ED25519", "X25519"};
    CK_ATTRIBUTE open[] = {
        {CKA_SENSITIVE,   &no,  sizeof no },
        {CKA_EXTRACTABLE, &yes, sizeof yes},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        CK_OBJECT_HANDLE public;
        CK_OBJECT_HANDLE private;
        uint8_t value[512];
        CK_ULONG size = sizeof value;

        filetoken_assert_rv(filetoken_generate(session, kinds[i], false, open, 2, &public, &private), CKR_OK);
        filetoken_assert_rv(
            filetoken_attribute(session, public, i == 0 ? CKA_PRIVATE_EXPONENT : CKA_VALUE, value, &size),
            CKR_ATTRIBUTE_TYPE_INVALID);
        size = sizeof value;
        filetoken_assert_rv(
            filetoken_attribute(session, private, i == 0 ? CKA_VALUE : CKA_PRIME_1, value, &size),
            CKR_ATTRIBUTE_TYPE_INVALID);
    }
}
END_TEST

static const struct {
    CK_BBOOL sensitive;
    CK_BBOOL extractable;
    CK_RV rv;
} openness[] = {
    {CK_TRUE,  CK_FALSE, CKR_ATTRIBUTE_SENSITIVE},
    {CK_TRUE,  CK_TRUE,  CKR_ATTRIBUTE_SENSITIVE},
    {CK_FALSE, CK_FALSE, CKR_ATTRIBUTE_SENSITIVE},
    {CK_FALSE, CK_TRUE,  CKR_OK                 },
};

START_TEST(only_open_keys_reveal_their_secret)
{
    CK_BBOOL sensitive = openness[_i].sensitive;
    CK_BBOOL extractable = openness[_i].extractable;
    CK_ATTRIBUTE extra[] = {
        {CKA_SENSITIVE,   &sensitive,   sizeof sensitive  },
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
    };
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    uint8_t value[32];
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_generate(session, "P-256", true, extra, 2, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, private, CKA_VALUE, value, &size), openness[_i].rv);
    ck_assert(attribute_bool(private, CKA_ALWAYS_SENSITIVE) == (sensitive == CK_TRUE));
    ck_assert(attribute_bool(private, CKA_NEVER_EXTRACTABLE) == (extractable == CK_FALSE));
    /* the same after the file is read again */
    C_Finalize(NULL);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    private = filetoken_find(session, CKO_PRIVATE_KEY, "P-256");
    size = sizeof value;
    filetoken_assert_rv(filetoken_attribute(session, private, CKA_VALUE, value, &size), openness[_i].rv);
}
END_TEST

/* Each curve in the three spellings that CKA_EC_PARAMS has for it. */
START_TEST(an_x25519_key_agrees_and_does_not_sign)
{
    static CK_BYTE spellings[][12] = {
        {0x06,  0x03, 0x2b, 0x65, 0x6e},
        { 0x13, 0x0a, 'c',  'u',  'r',  'v',  'e', '2', '5', '5', '1', '9'},
        {      0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01},
    };
    CK_MECHANISM mechanism = {CKM_EC_MONTGOMERY_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM eddsa = {CKM_EDDSA, NULL, 0};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    for (size_t i = 0; i < 3; i++) {
        CK_ATTRIBUTE item = {CKA_EC_PARAMS, spellings[i], 2U + spellings[i][1]};
        CK_BYTE params[16];
        CK_BYTE point[64];
        CK_ULONG size = sizeof params;

        filetoken_assert_rv(C_GenerateKeyPair(session, &mechanism, &item, 1, NULL, 0, &public, &private),
                            CKR_OK);
        filetoken_assert_rv(filetoken_attribute(session, public, CKA_EC_PARAMS, params, &size), CKR_OK);
        ck_assert_mem_eq(params, spellings[0], 5);
        size = sizeof point;
        filetoken_assert_rv(filetoken_attribute(session, public, CKA_EC_POINT, point, &size), CKR_OK);
        ck_assert_uint_eq(size, 34);
        ck_assert_mem_eq(point, "\x04\x20", 2);
    }
    ck_assert(attribute_bool(private, CKA_DERIVE) && attribute_bool(public, CKA_DERIVE));
    ck_assert(!attribute_bool(private, CKA_SIGN) && !attribute_bool(public, CKA_VERIFY));
    filetoken_assert_rv(C_SignInit(session, &eddsa, private), CKR_KEY_TYPE_INCONSISTENT);
}
END_TEST

START_TEST(an_edwards_curve_is_not_for_ecdsa)
{
    static CK_BYTE ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM edwards = {CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0};
    CK_MECHANISM montgomery = {CKM_EC_MONTGOMERY_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE item = {CKA_EC_PARAMS, ed25519, sizeof ed25519};
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    filetoken_assert_rv(C_GenerateKeyPair(session, &ec, &item, 1, NULL, 0, &public, &private),
                        CKR_CURVE_NOT_SUPPORTED);
    filetoken_assert_rv(C_GenerateKeyPair(session, &edwards, &item, 1, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(C_GenerateKeyPair(session, &montgomery, &item, 1, NULL, 0, &public, &private),
                        CKR_CURVE_NOT_SUPPORTED);
    item = (CK_ATTRIBUTE){CKA_EC_PARAMS, p256, sizeof p256};
    filetoken_assert_rv(C_GenerateKeyPair(session, &edwards, &item, 1, NULL, 0, &public, &private),
                        CKR_CURVE_NOT_SUPPORTED);
    filetoken_assert_rv(filetoken_generate(session, "RSA-1024", false, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_generate(session, "RSA-1016", false, NULL, 0, &public, &private),
                        CKR_KEY_SIZE_RANGE);
    filetoken_assert_rv(filetoken_generate(session, "RSA-8192", false, NULL, 0, &public, &private),
                        CKR_KEY_SIZE_RANGE);
}
END_TEST

/* --- files from elsewhere
 * ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *command;
    CK_MECHANISM_TYPE mechanism; /* 0: the file is left out */
} dropped[] = {
    {"pkcs8-rsa",     "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",                        CKM_SHA256_RSA_PKCS},
    {"old-rsa",       "openssl genrsa -traditional 2048",                                                    CKM_SHA256_RSA_PKCS},
    {"small-rsa",     "openssl genrsa 1024",                                                                 CKM_SHA256_RSA_PKCS},
    {"pkcs8-ec",      "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",                      CKM_ECDSA_SHA256   },
    {"old-ec",        "openssl ecparam -name prime256v1 -genkey",                                            CKM_ECDSA_SHA256   },
    {"lean-ec",       "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -no_public 2>/dev/null",
     CKM_ECDSA_SHA256                                                                                                           },
    {"ed25519",       "openssl genpkey -algorithm ED25519",                                                  CKM_EDDSA          },
    {"encrypted",     "openssl genpkey -algorithm ED25519 -aes128 -pass pass:x",                             0                  },
    {"old-encrypted", "openssl genrsa -traditional -aes128 -passout pass:x 2048",                            0                  },
    {"ed448",         "openssl genpkey -algorithm ED448",                                                    0                  },
    {"other-curve",   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",                  0                  },
    {"explicit",      "openssl ecparam -name prime256v1 -genkey -param_enc explicit -noout",                 0                  },
    {"tiny-rsa",      "openssl genrsa 512",                                                                  0                  },
    {"dsa-like",      "echo -----BEGIN PRIVATE KEY-----; echo MAMCAQA=; echo -----END PRIVATE KEY-----",     0                  },
};

static bool verifies(EVP_PKEY *pkey, const uint8_t *data, size_t data_size, const uint8_t *signature,
                     size_t size, CK_MECHANISM_TYPE mechanism)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t digest[32];
    bool good;

    EVP_Digest(data, data_size, digest, NULL, EVP_sha256(), NULL);
    if (mechanism == CKM_ECDSA_SHA256)
        good = filetoken_verify_ecdsa(pkey, digest, sizeof digest, signature, size);
    else
        good = EVP_DigestVerifyInit(context, NULL, mechanism == CKM_EDDSA ? NULL : EVP_sha256(), NULL,
                                    pkey) == 1 &&
               EVP_DigestVerify(context, signature, size, data, data_size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

START_TEST(a_key_file_of_openssl_is_an_object)
{
    CK_MECHANISM mechanism = {dropped[_i].mechanism, NULL, 0};
    uint8_t data[] = {1, 2, 3};
    uint8_t signature[256];
    CK_ULONG size = sizeof signature;
    CK_OBJECT_HANDLE key;
    EVP_PKEY *pkey;

    ck_assert_int_eq(support_shell(NULL, "(umask 077; (%s) >'%s/%s.pem' 2>/dev/null)", dropped[_i].command,
                                   support_path("tokens/disk"), dropped[_i].name),
                     0);
    key = filetoken_find(session, CKO_PRIVATE_KEY, dropped[_i].name);
    ck_assert_int_eq(key != CK_INVALID_HANDLE, dropped[_i].mechanism != 0);
    if (key == CK_INVALID_HANDLE)
        return;
    ck_assert_uint_ne(filetoken_find(session, CKO_PUBLIC_KEY, dropped[_i].name), CK_INVALID_HANDLE);
    filetoken_assert_rv(filetoken_sign(session, &mechanism, key, data, sizeof data, signature, &size),
                        CKR_OK);
    pkey = filetoken_public(session, key);
    ck_assert(verifies(pkey, data, sizeof data, signature, size, dropped[_i].mechanism));
    EVP_PKEY_free(pkey);
    ck_assert(attribute_bool(key, CKA_SENSITIVE) && !attribute_bool(key, CKA_LOCAL));
}
END_TEST

START_TEST(an_x25519_file_of_openssl_is_an_object)
{
    CK_OBJECT_HANDLE key;
    EVP_PKEY *pkey;

    ck_assert_int_eq(support_shell(NULL, "umask 077; openssl genpkey -algorithm X25519 -out '%s/theirs.pem'",
                                   support_path("tokens/disk")),
                     0);
    key = filetoken_find(session, CKO_PRIVATE_KEY, "theirs");
    ck_assert_uint_ne(key, CK_INVALID_HANDLE);
    pkey = filetoken_public(session, key);
    ck_assert_int_eq(EVP_PKEY_is_a(pkey, "X25519"), 1);
    EVP_PKEY_free(pkey);
    ck_assert(attribute_bool(key, CKA_DERIVE) && !attribute_bool(key, CKA_SIGN));
}
END_TEST

START_TEST(an_encrypted_key_is_refused_with_the_remedy)
{
    char setting[4200];
    char *log;

    C_Finalize(NULL);
    snprintf(setting, sizeof setting, "error:%s", support_path("log"));
    setenv("DEVID_LOG", setting, 1);
    filetoken_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    ck_assert_int_eq(
        support_shell(NULL, "openssl genpkey -algorithm ED25519 -aes128 -pass pass:x -out '%s/locked.pem'",
                      support_path("tokens/disk")),
        0);
    ck_assert_uint_eq(filetoken_find(session, CKO_PRIVATE_KEY, "locked"), CK_INVALID_HANDLE);
    log = support_read(support_path("log"), NULL);
    ck_assert_ptr_nonnull(strstr(log, "locked.pem"));
    ck_assert_ptr_nonnull(strstr(log, "the private key is encrypted"));
    free(log);
}
END_TEST

/* The public half of a file does not belong to its private half: libcrypto refuses, nothing false is signed.
 */
START_TEST(a_broken_prime_signs_nothing_false)
{
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    uint8_t data[] = {1};
    uint8_t signature[256];
    CK_ULONG size = sizeof signature;
    CK_OBJECT_HANDLE key;
    EVP_PKEY *pkey;

    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genrsa -traditional 2048 2>/dev/null | openssl rsa -outform DER -traditional "
                      "2>/dev/null >'%s'; printf '\\252\\252\\252' | dd of='%s' bs=1 seek=700 conv=notrunc "
                      "2>/dev/null; (echo -----BEGIN RSA PRIVATE KEY-----; base64 '%s'; echo -----END RSA "
                      "PRIVATE KEY-----) >'%s/bent.pem'",
                      support_path("der"), support_path("der"), support_path("der"),
                      support_path("tokens/disk")),
        0);
    key = filetoken_find(session, CKO_PRIVATE_KEY, "bent");
    ck_assert_uint_ne(key, CK_INVALID_HANDLE);
    pkey = filetoken_public(session, key);
    ck_assert(filetoken_sign(session, &mechanism, key, data, sizeof data, signature, &size) != CKR_OK ||
              verifies(pkey, data, sizeof data, signature, size, CKM_SHA256_RSA_PKCS));
    EVP_PKEY_free(pkey);
}
END_TEST

START_TEST(the_backend_of_a_key_is_told)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    char value[8];
    CK_ULONG size = sizeof value;

    filetoken_assert_rv(filetoken_generate(session, "P-256", true, NULL, 0, &public, &private), CKR_OK);
    filetoken_assert_rv(filetoken_attribute(session, private, CKA_DEVID_BACKEND, value, &size), CKR_OK);
    ck_assert_uint_eq(size, 4);
    ck_assert_mem_eq(value, "file", 4);
    size = sizeof value;
    filetoken_assert_rv(filetoken_attribute(session, private, CKA_DEVID_TSS2_KEY, value, &size),
                        CKR_ATTRIBUTE_TYPE_INVALID);
}
END_TEST

START_TEST(session_keys_leave_no_file)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    filetoken_assert_rv(filetoken_generate(session, "P-256", false, NULL, 0, &public, &private), CKR_OK);
    ck_assert_int_ne(support_shell(NULL, "ls '%s'/*.pem", support_path("tokens/disk")), 0);
    filetoken_assert_rv(C_CloseSession(session), CKR_OK);
    session = filetoken_session("disk");
    ck_assert_uint_eq(filetoken_find(session, CKO_PRIVATE_KEY, "P-256"), CK_INVALID_HANDLE);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/file/backend");
    TCase *tcase = tcase_create("backend");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_test(tcase, the_slot_and_the_token_are_no_hardware);
    tcase_add_test(tcase, generated_keys_are_files_that_openssl_reads);
    tcase_add_test(tcase, keys_are_sensitive_by_default);
    tcase_add_test(tcase, the_public_half_has_no_secret);
    tcase_add_loop_test(tcase, only_open_keys_reveal_their_secret, 0,
                        (int)(sizeof openness / sizeof openness[0]));
    tcase_add_test(tcase, an_x25519_key_agrees_and_does_not_sign);
    tcase_add_test(tcase, an_edwards_curve_is_not_for_ecdsa);
    tcase_add_loop_test(tcase, a_key_file_of_openssl_is_an_object, 0,
                        (int)(sizeof dropped / sizeof dropped[0]));
    tcase_add_test(tcase, an_x25519_file_of_openssl_is_an_object);
    tcase_add_test(tcase, an_encrypted_key_is_refused_with_the_remedy);
    tcase_add_test(tcase, a_broken_prime_signs_nothing_false);
    tcase_add_test(tcase, the_backend_of_a_key_is_told);
    tcase_add_test(tcase, session_keys_leave_no_file);
    suite_add_tcase(suite, tcase);
    return suite;
}
