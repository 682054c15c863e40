/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM command budgets of docs/architecture.md: exact numbers, one test a row; with the TPM alone, and
 * with tpm2-abrmd between. */
#include "tests/support/abrmd.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>
#include <string.h>

#include <string.h>

#define PIN "1234567890"

/* The token "pinned" has PINs, and the key "ec". */
static void make_pinned(void)
{
    CK_UTF8CHAR label[32] = "pinned                          ";
    CK_UTF8CHAR pin[] = PIN;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SLOT_ID slot = test_slot(NULL);

    ck_assert_rv(C_InitToken(slot, pin, strlen(PIN), label), CKR_OK);
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
}

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    make_pinned();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens/pinned"), support_path("made")),
                     0);
}

static void assert_commands(unsigned total)
{
    ck_assert_uint_eq(test_tpm_count()->total, total);
}

static CK_OBJECT_HANDLE ec_key(CK_SESSION_HANDLE session)
{
    return test_find(session, CKO_PRIVATE_KEY, "ec");
}

START_TEST(from_initialize_to_an_open_session_there_are_none)
{
    CK_SLOT_ID slot = test_slot("device");
    CK_MECHANISM_TYPE list[64];
    CK_MECHANISM_INFO mechanism;
    CK_TOKEN_INFO token;
    CK_ULONG count = 64;

    ck_assert_rv(C_GetTokenInfo(slot, &token), CKR_OK);
    ck_assert_rv(C_GetMechanismList(slot, list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        ck_assert_rv(C_GetMechanismInfo(slot, list[i], &mechanism), CKR_OK);
    test_session();
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_commands(0);
    ck_assert_uint_eq(test_tpm_count()->connections, 0);
}
END_TEST

START_TEST(login_without_a_pin_costs_none)
{
    CK_SESSION_HANDLE session = test_session();
    CK_UTF8CHAR pin[] = "1234";

    ck_assert_rv(C_Login(session, CKU_USER, pin, 4), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    assert_commands(0);
}
END_TEST

START_TEST(finding_and_reading_objects_costs_none)
{
    CK_SESSION_HANDLE session = test_session();
    CK_ATTRIBUTE item = {CKA_PUBLIC_KEY_INFO, NULL, 0};

    ck_assert_uint_eq(test_count(session, NULL, 0), 4);
    ck_assert_rv(C_GetAttributeValue(session, ec_key(session), &item, 1), CKR_OK);
    assert_commands(0);
    ck_assert_uint_eq(test_tpm_count()->connections, 0);
}
END_TEST

START_TEST(the_first_signature_is_load_and_sign_and_finalize_one_flush)
{
    CK_SESSION_HANDLE session = test_session();

    ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
    assert_commands(2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
    ck_assert_uint_eq(test_tpm_count()->connections, 1);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_commands(3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
}
END_TEST

START_TEST(each_further_signature_is_one_command)
{
    CK_SESSION_HANDLE session = test_session();

    ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
    test_tpm_count_reset();
    for (unsigned i = 1; i <= 10; i++) {
        ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
        assert_commands(i);
    }
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 10);
}
END_TEST

START_TEST(two_keys_in_turn_stay_loaded)
{
    CK_SESSION_HANDLE session = test_session();
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE rsa = test_find(session, CKO_PRIVATE_KEY, "rsa");

    for (int i = 0; i < 3; i++) {
        CK_BYTE signature[256] = {0};
        CK_ULONG size = sizeof signature;

        ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
        ck_assert_rv(C_SignInit(session, &mechanism, rsa), CKR_OK);
        ck_assert_rv(C_Sign(session, signature, 3, signature, &size), CKR_OK);
    }
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 6);
    assert_commands(8);
}
END_TEST

START_TEST(pss_costs_no_more)
{
    CK_SESSION_HANDLE session = test_session();
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss};
    CK_OBJECT_HANDLE rsa = test_find(session, CKO_PRIVATE_KEY, "rsa");

    for (unsigned i = 1; i <= 3; i++) {
        CK_BYTE signature[256] = {0};
        CK_ULONG size = sizeof signature;

        ck_assert_rv(C_SignInit(session, &mechanism, rsa), CKR_OK);
        ck_assert_rv(C_Sign(session, signature, 3, signature, &size), CKR_OK);
        assert_commands(1 + i);
    }
}
END_TEST

START_TEST(the_last_session_gives_the_key_up)
{
    CK_SESSION_HANDLE first = test_session();
    CK_SESSION_HANDLE second = test_session();

    ck_assert_rv(test_sign(first, ec_key(first)), CKR_OK);
    ck_assert_rv(C_CloseSession(first), CKR_OK);
    assert_commands(2);
    ck_assert_rv(C_CloseSession(second), CKR_OK);
    assert_commands(3);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_commands(3);
}
END_TEST

START_TEST(key_generation_is_one_create)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_OK);
    assert_commands(1);
    ck_assert_rv(test_generate_rsa(session, 2048, "new", true, false, &public, &private), CKR_OK);
    assert_commands(2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 2);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    assert_commands(2);
}
END_TEST

START_TEST(sign_init_costs_none_good_or_bad)
{
    CK_SESSION_HANDLE session = test_session();
    CK_MECHANISM good = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM bad = {CKM_ECDSA, &good, 1};
    CK_MECHANISM wrong = {CKM_RSA_PKCS, NULL, 0};

    ck_assert_rv(C_SignInit(session, &bad, ec_key(session)), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_rv(C_SignInit(session, &wrong, ec_key(session)), CKR_KEY_TYPE_INCONSISTENT);
    ck_assert_rv(C_SignInit(session, &good, 12345), CKR_KEY_HANDLE_INVALID);
    ck_assert_rv(C_SignInit(session, &good, ec_key(session)), CKR_OK);
    assert_commands(0);
}
END_TEST

START_TEST(certificates_cost_none)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_OBJECT_HANDLE object;
    size_t size;
    unsigned char *der = test_certificate("x", 1, &size);
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,            &object_class, sizeof object_class},
        {CKA_CERTIFICATE_TYPE, &type,         sizeof type        },
        {CKA_VALUE,            der,           size               },
        {CKA_TOKEN,            &test_yes,     1                  },
    };

    ck_assert_rv(C_CreateObject(session, items, 4, &object), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, object), CKR_OK);
    OPENSSL_free(der);
    assert_commands(0);
}
END_TEST

START_TEST(destroying_a_loaded_key_flushes_it)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_HANDLE key = ec_key(session);

    ck_assert_rv(test_sign(session, key), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, key), CKR_OK);
    assert_commands(3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
}
END_TEST

START_TEST(login_with_a_pin_costs_four_and_a_signature_after_it_a_load_and_two)
{
    CK_UTF8CHAR pin[] = PIN;
    CK_SESSION_HANDLE session;

    ck_assert_rv(C_OpenSession(test_slot("pinned"), CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    assert_commands(4);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Unseal), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
    assert_commands(7);
    ck_assert_rv(test_sign(session, ec_key(session)), CKR_OK);
    assert_commands(9);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 2);
}
END_TEST

START_TEST(verifying_and_digests_cost_none)
{
    CK_SESSION_HANDLE session = test_session();
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_BYTE data[32] = {1};
    CK_BYTE out[256] = {2};
    CK_ULONG size = sizeof out;

    ck_assert_rv(C_VerifyInit(session, &ecdsa, test_find(session, CKO_PUBLIC_KEY, "ec")), CKR_OK);
    ck_assert_rv(C_Verify(session, data, sizeof data, out, 64), CKR_SIGNATURE_INVALID);
    ck_assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    ck_assert_rv(C_Digest(session, data, sizeof data, out, &size), CKR_OK);
    assert_commands(0);
    ck_assert_uint_eq(test_tpm_count()->connections, 0);
}
END_TEST

/* --- keys that do more than sign
 * ------------------------------------------------------------------------------ */

static CK_OBJECT_HANDLE generate_ec_that_derives(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *public)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, p256, sizeof p256}
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_DERIVE, &test_yes, 1}
    };
    CK_OBJECT_HANDLE private;

    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 1, private_items, 1, public, &private),
                 CKR_OK);
    return private;
}

/* A secret of the session that may be read, as both sides come to it. */
static void derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE peer,
                   CK_BYTE secret[32])
{
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_ATTRIBUTE items[] = {
        {CKA_SENSITIVE,   &test_no,  1},
        {CKA_EXTRACTABLE, &test_yes, 1}
    };
    CK_OBJECT_HANDLE derived;
    size_t size;
    unsigned char *point = test_attribute(session, peer, CKA_EC_POINT, &size);
    unsigned char *value;

    params.pPublicData = point + 2; /* in an OCTET STRING */
    params.ulPublicDataLen = size - 2;
    ck_assert_rv(C_DeriveKey(session, &mechanism, private, items, 2, &derived), CKR_OK);
    value = test_attribute(session, derived, CKA_VALUE, &size);
    ck_assert_uint_eq(size, 32);
    memcpy(secret, value, 32);
    free(value);
    free(point);
}

START_TEST(deriving_a_secret_is_one_command_and_its_session)
{
    CK_SESSION_HANDLE session = test_session();
    CK_OBJECT_HANDLE public[2];
    CK_OBJECT_HANDLE private[2] = {generate_ec_that_derives(session, &public[0]),
                                   generate_ec_that_derives(session, &public[1])};
    CK_BYTE secrets[2][32];

    test_tpm_count_reset();
    derive(session, private[0], public[1], secrets[0]);
    assert_commands(3);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_ECDH_ZGen), 1);
    derive(session, private[0], public[1], secrets[0]);
    assert_commands(5);
    derive(session, private[1], public[0], secrets[1]);
    ck_assert_mem_eq(secrets[0], secrets[1], 32);
}
END_TEST

START_TEST(a_mac_is_one_command)
{
    CK_SESSION_HANDLE session = test_session();
    CK_MECHANISM generation = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
    CK_ULONG length = 32;
    CK_ATTRIBUTE items[] = {
        {CKA_VALUE_LEN, &length, sizeof length}
    };
    CK_OBJECT_HANDLE key;
    CK_BYTE mac[32];
    CK_ULONG size = sizeof mac;

    ck_assert_rv(C_GenerateKey(session, &generation, items, 1, &key), CKR_OK);
    assert_commands(1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
        ck_assert_rv(C_Sign(session, mac, 3, mac, &size), CKR_OK);
        assert_commands(2 + i);
    }
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_HMAC), 3);
    for (unsigned i = 1; i <= 3; i++) { /* in parts it is no more */
        ck_assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
        ck_assert_rv(C_SignUpdate(session, mac, 3), CKR_OK);
        ck_assert_rv(C_SignUpdate(session, mac, 8), CKR_OK);
        ck_assert_rv(C_SignFinal(session, mac, &size), CKR_OK);
        assert_commands(5 + i);
    }
}
END_TEST

/* An AES key comes encrypted for the RSA key, and is for the TPM alone thereafter. */
START_TEST(unwrapping_a_key_is_a_decryption_and_an_import)
{
    CK_SESSION_HANDLE session = test_session();
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &object_class, sizeof object_class},
        {CKA_KEY_TYPE, &type,         sizeof type        },
        {CKA_WRAP,     &test_yes,     1                  }
    };
    CK_MECHANISM rsa_gen = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ULONG bits = 2048;
    CK_ATTRIBUTE public_items[] = {
        {CKA_MODULUS_BITS, &bits,     sizeof bits},
        {CKA_ENCRYPT,      &test_yes, 1          }
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_UNWRAP, &test_yes, 1}
    };
    CK_BYTE value[16] = "the AES key";
    CK_BYTE iv[16] = {0};
    CK_MECHANISM cbc = {CKM_AES_CBC, iv, sizeof iv};
    CK_BYTE block[256];
    CK_BYTE made[16];
    CK_BYTE wanted[32];
    CK_ULONG size = sizeof block;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_OBJECT_HANDLE key;
    int written = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    ck_assert_rv(C_GenerateKeyPair(session, &rsa_gen, public_items, 2, private_items, 1, &public, &private),
                 CKR_OK);
    ck_assert_rv(C_EncryptInit(session, &mechanism, public), CKR_OK);
    ck_assert_rv(C_Encrypt(session, value, sizeof value, block, &size), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(C_UnwrapKey(session, &mechanism, private, block, size, items, 3, &key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_RSA_Decrypt), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 1);
    assert_commands(4);
    ck_assert_rv(C_EncryptInit(session, &cbc, key), CKR_OK);
    size = sizeof made;
    ck_assert_rv(C_Encrypt(session, iv, sizeof iv, made, &size), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EncryptDecrypt2), 1);
    ck_assert_int_eq(EVP_EncryptInit_ex(context, EVP_aes_128_cbc(), NULL, value, iv), 1);
    ck_assert_int_eq(EVP_EncryptUpdate(context, wanted, &written, iv, sizeof iv), 1);
    ck_assert_mem_eq(made, wanted, 16);
    EVP_CIPHER_CTX_free(context);
    ck_assert_rv(C_WrapKey(session, &cbc, key, key, made, &size), CKR_MECHANISM_INVALID);
}
END_TEST

static TCase *budgets(const char *name, SFun start)
{
    TCase *t = tcase_create(name);

    tcase_add_unchecked_fixture(t, start, NULL);
    tcase_add_checked_fixture(t, test_module_up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, from_initialize_to_an_open_session_there_are_none);
    tcase_add_test(t, login_without_a_pin_costs_none);
    tcase_add_test(t, finding_and_reading_objects_costs_none);
    tcase_add_test(t, the_first_signature_is_load_and_sign_and_finalize_one_flush);
    tcase_add_test(t, each_further_signature_is_one_command);
    tcase_add_test(t, two_keys_in_turn_stay_loaded);
    tcase_add_test(t, pss_costs_no_more);
    tcase_add_test(t, the_last_session_gives_the_key_up);
    tcase_add_test(t, key_generation_is_one_create);
    tcase_add_test(t, sign_init_costs_none_good_or_bad);
    tcase_add_test(t, certificates_cost_none);
    tcase_add_test(t, destroying_a_loaded_key_flushes_it);
    tcase_add_test(t, deriving_a_secret_is_one_command_and_its_session);
    tcase_add_test(t, a_mac_is_one_command);
    tcase_add_test(t, unwrapping_a_key_is_a_decryption_and_an_import);
    tcase_add_test(t, login_with_a_pin_costs_four_and_a_signature_after_it_a_load_and_two);
    tcase_add_test(t, verifying_and_digests_cost_none);
    return t;
}

Suite *suite(void)
{
    Suite *s = suite_create("budget");

    suite_add_tcase(s, budgets("TPM alone", make));
    suite_add_tcase(s, budgets("tpm2-abrmd", test_abrmd_start));
    return s;
}
