/* SPDX-License-Identifier: Apache-2.0 */
/* C_DeriveKey with a key of a TPM token, from the C_ functions down to the TPM's commands. */
#include "devid/pkcs11.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#define POINT_SIZE 65

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE base;
static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_BYTE point[POINT_SIZE];
static CK_BYTE secret[32];

/* The other party, and the secret that libcrypto comes to. */
static void make_peer(CK_OBJECT_HANDLE public)
{
    EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    size_t size, info_size;
    unsigned char *info = test_attribute(session, public, CKA_PUBLIC_KEY_INFO, &info_size);
    const unsigned char *end = info;
    EVP_PKEY *peer = d2i_PUBKEY(NULL, &end, (long)info_size);

    ck_assert_int_eq(
        EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &size),
        1);
    size = sizeof secret;
    ck_assert(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
              EVP_PKEY_derive(context, secret, &size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    free(info);
}

static void make(void)
{
    test_module_make(0);
}

static void up(void)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_items[] = {
        {CKA_EC_PARAMS, p256, sizeof p256}
    };
    CK_ATTRIBUTE private_items[] = {
        {CKA_DERIVE, &test_yes, sizeof test_yes}
    };
    CK_OBJECT_HANDLE public;

    test_module_up();
    session = test_session();
    ck_assert_rv(C_GenerateKeyPair(session, &mechanism, public_items, 1, private_items, 1, &public, &base),
                 CKR_OK);
    make_peer(public);
    test_tpm_count_reset();
}

static CK_RV derive(CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL, .pPublicData = point, .ulPublicDataLen = sizeof point};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};

    return C_DeriveKey(session, &mechanism, base, items, count, key);
}

START_TEST(the_secret_is_what_the_other_party_has)
{
    CK_ATTRIBUTE open[] = {
        {CKA_SENSITIVE,   &test_no,  sizeof test_no },
        {CKA_EXTRACTABLE, &test_yes, sizeof test_yes},
    };
    CK_OBJECT_HANDLE key;

    ck_assert_rv(derive(open, 2, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_VALUE, secret, sizeof secret));
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_ECDH_ZGen), 1);
}
END_TEST

/* A key of the session stays where its value is known: no TPM2_Import, nothing on the disk. */
START_TEST(a_session_key_stays_in_software)
{
    size_t files = test_token_files();
    CK_OBJECT_HANDLE key;
    CK_BYTE value[32];
    CK_ATTRIBUTE item = {CKA_VALUE, value, sizeof value};

    ck_assert_rv(derive(NULL, 0, &key), CKR_OK);
    ck_assert(test_attribute_is(session, key, CKA_DEVID_BACKEND, "file", 4));
    ck_assert(test_attribute_is(session, key, CKA_ALWAYS_SENSITIVE, &test_yes, sizeof test_yes));
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_ATTRIBUTE_SENSITIVE);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Import), 0);
    ck_assert_uint_eq(test_token_files(), files);
}
END_TEST

START_TEST(a_point_beside_the_curve_is_refused)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    point[POINT_SIZE - 1] ^= 1;
    ck_assert_rv(derive(NULL, 0, &key), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(key, CK_INVALID_HANDLE);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("derivekey");
    TCase *t = tcase_create("derivekey");

    tcase_set_timeout(t, 300);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, the_secret_is_what_the_other_party_has);
    tcase_add_test(t, a_session_key_stays_in_software);
    tcase_add_test(t, a_point_beside_the_curve_is_refused);
    suite_add_tcase(s, t);
    return s;
}
