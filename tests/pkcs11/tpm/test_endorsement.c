/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/device.h"
#include "tests/support/credential.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EK_RSA "TPM endorsement key (RSA)"
#define EK_EC "TPM endorsement key (EC)"
#define SRK "TPM storage root key"
#define CHAIN "TPM endorsement key chain"
#define PASSWORD "endorsement-password-to-look-for"

/* A tool of another project, on the same TPM; it must succeed. */
#define tool(...) ck_assert_int_eq(support_shell(NULL, "export TPM2TOOLS_TCTI=%s; " __VA_ARGS__), 0)

static CK_SESSION_HANDLE session;

static void make(void)
{
    test_module_environment();
    test_tpm_start();
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
}

/* Every test begins with an empty TPM and no token. */
static void up(void)
{
    setenv("DEVID_DEVICE_OBJECTS", "yes", 1);
    unsetenv("DEVID_ENDORSEMENT_AUTH");
    unsetenv("DEVID_BUS_PROTECTION");
    tool("tpm2_flushcontext -t; tpm2_clear -c p; for i in 0x01c00002 0x01c0000a 0x01c00100 0x01c00101; do "
         "tpm2_nvundefine -C p $i 2>/dev/null; done; true",
         test_tpm_tcti());
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s/* %s", support_path("tokens"), support_path("traffic")),
                     0);
    test_tpm_count_reset();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}

static CK_RV init(void)
{
    CK_UTF8CHAR field[32] = "device                          ";

    return C_InitToken(test_slot(NULL), NULL, 0, field);
}

/* Between the two, other programs can reach the TPM, which serves one connection at a time. */
static void let_go(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

static void come_back(void)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
}

static CK_OBJECT_HANDLE key(const char *label)
{
    CK_OBJECT_HANDLE object = test_find(session, CKO_PUBLIC_KEY, label);

    ck_assert_msg(object != 0, "there is no '%s'", label);
    return object;
}

static void assert_file_is_area(const char *file, const char *label)
{
    size_t file_size;
    size_t size;
    char *content = support_read(support_path("%s", file), &file_size);
    unsigned char *area = test_attribute(session, key(label), CKA_DEVID_TPM2B_PUBLIC, &size);

    ck_assert_uint_eq(size, file_size);
    ck_assert_mem_eq(area, content, size);
    free(area);
    free(content);
}

/* --- keys */

START_TEST(a_new_token_shows_the_keys_that_azure_and_the_tcg_know)
{
    static const unsigned char ek[] = {0x01, 0x3a, 0x00, 0x01, 0x00, 0x0b, 0x00, 0x03, 0x00,
                                       0xb2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84};
    static const unsigned char srk[] = {0x01, 0x1a, 0x00, 0x01, 0x00, 0x0b,
                                        0x00, 0x03, 0x04, 0x72, 0x00, 0x00};
    unsigned char *area;
    size_t size;

    ck_assert_rv(init(), CKR_OK);
    ck_assert_str_eq(p11_failure_text(), "");
    session = test_session();
    area = test_attribute(session, key(EK_RSA), CKA_DEVID_TPM2B_PUBLIC, &size);
    ck_assert_uint_eq(size, 316);
    ck_assert_mem_eq(area, ek, sizeof ek);
    free(area);
    area = test_attribute(session, key(SRK), CKA_DEVID_TPM2B_PUBLIC, &size);
    ck_assert_uint_eq(size, 284);
    ck_assert_mem_eq(area, srk, sizeof srk);
    free(area);
    ck_assert(test_attribute_is(session, key(EK_RSA), CKA_DEVID_BACKEND, "tpm", 3));
    ck_assert_uint_eq(test_count(session, NULL, 0), 3);
}
END_TEST

START_TEST(the_keys_are_those_of_tpm2_tools)
{
    ck_assert_rv(init(), CKR_OK);
    let_go();
    tool("cd %s && tpm2_createek -Q -c e.ctx -G rsa -u ek-rsa && tpm2_flushcontext -t && tpm2_createek -Q -c "
         "e.ctx -G ecc -u ek-ecc && tpm2_flushcontext -t && tpm2_readpublic -Q -c 0x81000001 -o srk",
         test_tpm_tcti(), support_directory());
    come_back();
    assert_file_is_area("ek-rsa", EK_RSA);
    assert_file_is_area("ek-ecc", EK_EC);
    assert_file_is_area("srk", SRK);
}
END_TEST

START_TEST(making_them_costs_few_commands_and_leaves_nothing_in_the_tpm)
{
    setenv("DEVID_DEVICE_OBJECTS", "no", 1);
    let_go();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    ck_assert_uint_eq(test_count(session, NULL, 0), 0);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    test_tpm_count_reset();
    session = test_session();
    ck_assert_rv(device_setup(session, 0), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_ReadPublic), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_GetCapability), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 7);
    ck_assert_uint_eq(test_count(session, NULL, 0), 3);
    let_go();
    ck_assert_int_eq(
        support_shell(NULL, "test -z \"$(tpm2_getcap -T %s handles-transient)\"", test_tpm_tcti()), 0);
}
END_TEST

START_TEST(looking_at_them_costs_none)
{
    ck_assert_rv(init(), CKR_OK);
    let_go();
    test_tpm_count_reset();
    come_back();
    key(EK_RSA);
    key(EK_EC);
    ck_assert_uint_eq(test_count(session, NULL, 0), 3);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(an_endorsement_key_that_is_there_is_read_and_not_replaced)
{
    CK_ULONG handle = 0x81010001;

    let_go();
    tool("cd %s && tpm2_createek -Q -c 0x81010001 -G rsa -u ek-rsa", test_tpm_tcti(), support_directory());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(init(), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 2); /* the SRK and the other EK */
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 1);  /* the SRK */
    session = test_session();
    assert_file_is_area("ek-rsa", EK_RSA);
    ck_assert(test_attribute_is(session, key(EK_RSA), CKA_DEVID_PERSISTENT, &handle, sizeof handle));
}
END_TEST

START_TEST(another_key_at_the_handle_is_left_alone)
{
    CK_ATTRIBUTE none = {CKA_DEVID_PERSISTENT, NULL, 0};

    let_go();
    tool("cd %s && tpm2_createprimary -Q -C o -G ecc -c p.ctx && tpm2_evictcontrol -Q -C o -c p.ctx "
         "0x81010001 "
         "&& tpm2_flushcontext -t && tpm2_readpublic -Q -c 0x81010001 -o before",
         test_tpm_tcti(), support_directory());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    ck_assert_rv(device_setup(session, DEVID_SETUP_PERSIST), CKR_OK);
    ck_assert_rv(C_GetAttributeValue(session, key(EK_RSA), &none, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    let_go();
    tool("cd %s && tpm2_readpublic -Q -c 0x81010001 -o after && cmp before after", test_tpm_tcti(),
         support_directory());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}
END_TEST

START_TEST(they_can_neither_be_changed_nor_destroyed_nor_used_to_verify)
{
    static const char *const labels[] = {EK_RSA, EK_EC, SRK};
    CK_ATTRIBUTE label = {CKA_LABEL, (void *)(uintptr_t) "mine", 4};
    CK_MECHANISM mechanisms[] = {
        {CKM_RSA_PKCS, NULL, 0},
        {CKM_ECDSA,    NULL, 0},
        {CKM_RSA_PKCS, NULL, 0}
    };

    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    for (size_t i = 0; i < 3; i++) {
        ck_assert_rv_of(labels[i], C_DestroyObject(session, key(labels[i])), CKR_ACTION_PROHIBITED);
        ck_assert_rv_of(labels[i], C_SetAttributeValue(session, key(labels[i]), &label, 1),
                        CKR_ACTION_PROHIBITED);
        ck_assert_rv_of(labels[i], C_VerifyInit(session, &mechanisms[i], key(labels[i])),
                        CKR_KEY_FUNCTION_NOT_PERMITTED);
        ck_assert_rv_of(labels[i], C_SignInit(session, &mechanisms[i], key(labels[i])),
                        CKR_KEY_TYPE_INCONSISTENT);
    }
    ck_assert_uint_eq(test_token_files(), 3);
}
END_TEST

START_TEST(a_file_whose_area_is_another_keys_is_left_out)
{
    ck_assert_rv(init(), CKR_OK);
    let_go();
    ck_assert_int_eq(support_shell(NULL,
                                   "cd %s && area=$(grep ^TPM2B-Public tpm-srk.pub.pem) && sed -i "
                                   "\"s/^TPM2B-Public.*/$area/\" tpm-ek-rsa.pub.pem && sed -i "
                                   "'s/^TPM2B-Public.*/TPM2B-Public: 0102/' tpm-ek-ec.pub.pem",
                                   test_token_file("")),
                     0);
    come_back();
    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    ck_assert_msg(strstr(p11_failure_text(), "TPM2B-Public") != NULL, "%s", p11_failure_text());
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
}
END_TEST

/* --- certificates */

/* A certificate for the key, signed by nobody in particular, as a manufacturer would write it. */
static unsigned char *certificate_for(const char *label, size_t *size)
{
    unsigned char *info = test_attribute(session, key(label), CKA_PUBLIC_KEY_INFO, size);
    const unsigned char *end = info;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &end, (long)*size);
    EVP_PKEY *signer = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    unsigned char *der = NULL;
    int length;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"Maker of TPMs", -1, -1, 0);
    ck_assert(X509_set_pubkey(certificate, public) == 1 && X509_sign(certificate, signer, EVP_sha256()) > 0);
    length = i2d_X509(certificate, &der);
    ck_assert_int_gt(length, 0);
    *size = (size_t)length;
    X509_free(certificate);
    EVP_PKEY_free(public);
    EVP_PKEY_free(signer);
    free(info);
    return der;
}

/* Writes an index as long as `room`, with the content at its front and 0xff behind. */
static void write_index(const char *index, const char *attributes, const void *content, size_t size,
                        size_t room)
{
    unsigned char *whole = malloc(room);

    memset(whole, 0xff, room);
    memcpy(whole, content, size);
    support_write_bytes(support_path("content"), whole, room);
    free(whole);
    tool("cd %s && tpm2_nvdefine -Q -C p -s %zu -a '%s' %s && tpm2_nvwrite -Q -C p -i content %s",
         test_tpm_tcti(), support_directory(), room, attributes, index, index);
}

#define USUAL "ppwrite|ppread|ownerread|authread|no_da|platformcreate"

static void assert_certificate(const char *label, const unsigned char *der, size_t size)
{
    CK_OBJECT_HANDLE certificate = test_find(session, CKO_CERTIFICATE, label);
    size_t id_size;
    unsigned char *id;

    ck_assert_msg(certificate != 0, "there is no certificate '%s'", label);
    ck_assert(test_attribute_is(session, certificate, CKA_VALUE, der, size));
    id = test_attribute(session, key(label), CKA_ID, &id_size);
    ck_assert(test_attribute_is(session, certificate, CKA_ID, id, id_size));
    ck_assert_rv(C_DestroyObject(session, certificate), CKR_ACTION_PROHIBITED);
    free(id);
}

START_TEST(certificates_are_read_from_the_tpm_and_found_by_the_keys_id)
{
    unsigned char *rsa;
    unsigned char *ec;
    size_t rsa_size;
    size_t ec_size;

    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    rsa = certificate_for(EK_RSA, &rsa_size);
    ec = certificate_for(EK_EC, &ec_size);
    let_go();
    write_index("0x01c00002", USUAL, rsa, rsa_size, 1400);
    write_index("0x01c0000a", "ppwrite|ppread|ownerread|no_da|platformcreate", ec, ec_size, ec_size);
    ck_assert_int_eq(support_shell(NULL, "rm -r %s/*", support_path("tokens")), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(init(), CKR_OK);
    ck_assert_str_eq(p11_failure_text(), "");
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_NV_ReadPublic), 2);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_NV_Read), 3 + (unsigned)((ec_size + 511) / 512));
    session = test_session();
    assert_certificate(EK_RSA, rsa, rsa_size);
    assert_certificate(EK_EC, ec, ec_size);
    ck_assert_uint_eq(test_count(session, NULL, 0), 5);
    OPENSSL_free(rsa);
    OPENSSL_free(ec);
}
END_TEST

START_TEST(a_chain_may_be_spread_over_indexes)
{
    CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class,            sizeof object_class},
        {CKA_LABEL, (void *)(uintptr_t)CHAIN, sizeof CHAIN - 1   },
    };
    unsigned char all[4096];
    size_t size = 0;

    for (int i = 0; i < 3; i++) {
        size_t one;
        unsigned char *der = test_certificate("issuer", 1 + i, &one);

        memcpy(all + size, der, one);
        size += one;
        OPENSSL_free(der);
    }
    let_go();
    write_index("0x01c00100", USUAL, all, 500, 500);
    write_index("0x01c00101", USUAL, all + 500, size - 500, size - 500);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    setenv("DEVID_BUS_PROTECTION", "always", 1);
    let_go();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    ck_assert_uint_eq(test_count(session, items, 2), 3);
}
END_TEST

START_TEST(an_index_that_holds_no_certificate_is_left_out_with_words)
{
    let_go();
    write_index("0x01c00002", USUAL, "none", 4, 100);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    ck_assert_msg(strstr(p11_failure_text(), "no X.509 certificate") != NULL, "%s", p11_failure_text());
    session = test_session();
    ck_assert_uint_eq(test_count(session, NULL, 0), 3);
}
END_TEST

/* --- the endorsement hierarchy's password */

START_TEST(without_the_endorsement_password_a_token_lacks_the_keys_and_says_so)
{
    let_go();
    tool("tpm2_changeauth -c endorsement " PASSWORD, test_tpm_tcti());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    ck_assert_msg(strstr(p11_failure_text(), "endorsement-auth") != NULL, "%s", p11_failure_text());
    session = test_session();
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
    ck_assert(key(SRK) != 0);
}
END_TEST

START_TEST(the_endorsement_password_does_not_cross_the_bus)
{
    char *traffic;
    size_t size;

    let_go();
    tool("tpm2_changeauth -c endorsement " PASSWORD, test_tpm_tcti());
    setenv("DEVID_ENDORSEMENT_AUTH", PASSWORD, 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    ck_assert_str_eq(p11_failure_text(), "");
    session = test_session();
    key(EK_RSA);
    key(EK_EC);
    traffic = support_read(support_path("traffic"), &size);
    ck_assert_uint_gt(size, 1000);
    ck_assert_ptr_null(memmem(traffic, size, PASSWORD, strlen(PASSWORD)));
    free(traffic);
}
END_TEST

/* --- what they are for */

/* DPS's TPM attestation, from the areas that go to the service to a signature with the key that comes back.
 */
START_TEST(a_credential_for_them_becomes_a_key_that_signs)
{
    struct test_credential made = test_credential_known();
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS,    &object_class,                sizeof object_class},
        {CKA_KEY_TYPE, &type,                        sizeof type        },
        {CKA_TOKEN,    &test_yes,                    1                  },
        {CKA_SIGN,     &test_yes,                    1                  },
        {CKA_LABEL,    (void *)(uintptr_t) "device", 6                  },
    };
    CK_OBJECT_HANDLE srk;
    CK_MECHANISM mechanism = {CKM_DEVID_TPM2_CREDENTIAL, &srk, sizeof srk};
    CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_OBJECT_HANDLE secret;
    uint8_t blob[TEST_CREDENTIAL_MAXIMUM];
    unsigned char mac[32];
    unsigned char wanted[32];
    CK_ULONG size = sizeof mac;
    unsigned char *ek_area;
    unsigned char *srk_area;
    size_t ek_size;
    size_t srk_size;
    size_t blob_size;

    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    srk = key(SRK);
    ek_area = test_attribute(session, key(EK_RSA), CKA_DEVID_TPM2B_PUBLIC, &ek_size);
    srk_area = test_attribute(session, srk, CKA_DEVID_TPM2B_PUBLIC, &srk_size);
    blob_size = test_credential_make(&made, ek_area, ek_size, srk_area, srk_size, blob);
    ck_assert_rv(C_UnwrapKey(session, &mechanism, key(EK_RSA), blob, blob_size, items, 5, &secret), CKR_OK);
    let_go();
    test_tpm_count_reset();
    come_back();
    secret = test_find(session, CKO_SECRET_KEY, "device");
    ck_assert_rv(C_SignInit(session, &hmac, secret), CKR_OK);
    ck_assert_rv(C_Sign(session, (unsigned char *)(uintptr_t) "hello", 5, mac, &size), CKR_OK);
    HMAC(EVP_sha256(), made.key, sizeof made.key, (const unsigned char *)"hello", 5, wanted, NULL);
    ck_assert_mem_eq(mac, wanted, sizeof wanted);
    ck_assert_uint_eq(test_tpm_count()->total, 2); /* Load, HMAC */
    srk = key(SRK);
    blob[100] ^= 1;
    ck_assert_rv(C_UnwrapKey(session, &mechanism, key(EK_RSA), blob, blob_size, items, 5, &secret),
                 CKR_WRAPPED_KEY_INVALID);
    blob[100] ^= 1;
    srk = key(EK_RSA);
    ck_assert_rv(C_UnwrapKey(session, &mechanism, key(EK_RSA), blob, blob_size, items, 5, &secret),
                 CKR_MECHANISM_PARAM_INVALID);
    srk = key(SRK);
    ck_assert_rv(C_UnwrapKey(session, &mechanism, key(SRK), blob, blob_size, items, 5, &secret),
                 CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    ck_assert_uint_eq(test_token_files(), 4);
    free(ek_area);
    free(srk_area);
}
END_TEST

/* --- setup of a token that lacks them */

START_TEST(setup_makes_the_keys_persistent_once)
{
    CK_ULONG handles[] = {0x81010001, 0x81010002};

    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    for (int i = 0; i < 2; i++) {
        test_tpm_count_reset();
        ck_assert_rv(device_setup(session, DEVID_SETUP_PERSIST), CKR_OK);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), i == 0 ? 2 : 0);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), i == 0 ? 2 : 0);
        ck_assert(
            test_attribute_is(session, key(EK_RSA), CKA_DEVID_PERSISTENT, &handles[0], sizeof handles[0]));
        ck_assert(
            test_attribute_is(session, key(EK_EC), CKA_DEVID_PERSISTENT, &handles[1], sizeof handles[1]));
        ck_assert_uint_eq(test_token_files(), 3);
    }
}
END_TEST

START_TEST(setup_is_refused_where_it_makes_no_sense)
{
    ck_assert_rv(init(), CKR_OK);
    session = test_session_with(CKF_SERIAL_SESSION);
    ck_assert_rv(device_setup(session, 0), CKR_SESSION_READ_ONLY);
    ck_assert_rv(device_setup(session + 100, 0), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    session = test_session();
    ck_assert_rv(device_setup(session, 2), CKR_ARGUMENTS_BAD);
    let_go();
    ck_assert_rv(device_setup(session, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}
END_TEST

START_TEST(a_directory_that_cannot_be_written_is_a_failure)
{
    ck_assert_rv(init(), CKR_OK);
    session = test_session();
    ck_assert_int_eq(support_shell(NULL, "cd %s && rm .generation && mkdir .generation", test_token_file("")),
                     0);
    ck_assert_rv(device_setup(session, 0), CKR_DEVICE_ERROR);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("endorsement");
    TCase *t = tcase_create("endorsement");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_new_token_shows_the_keys_that_azure_and_the_tcg_know);
    tcase_add_test(t, the_keys_are_those_of_tpm2_tools);
    tcase_add_test(t, making_them_costs_few_commands_and_leaves_nothing_in_the_tpm);
    tcase_add_test(t, looking_at_them_costs_none);
    tcase_add_test(t, an_endorsement_key_that_is_there_is_read_and_not_replaced);
    tcase_add_test(t, another_key_at_the_handle_is_left_alone);
    tcase_add_test(t, they_can_neither_be_changed_nor_destroyed_nor_used_to_verify);
    tcase_add_test(t, a_file_whose_area_is_another_keys_is_left_out);
    tcase_add_test(t, certificates_are_read_from_the_tpm_and_found_by_the_keys_id);
    tcase_add_test(t, a_chain_may_be_spread_over_indexes);
    tcase_add_test(t, an_index_that_holds_no_certificate_is_left_out_with_words);
    tcase_add_test(t, without_the_endorsement_password_a_token_lacks_the_keys_and_says_so);
    tcase_add_test(t, the_endorsement_password_does_not_cross_the_bus);
    tcase_add_test(t, a_credential_for_them_becomes_a_key_that_signs);
    tcase_add_test(t, setup_makes_the_keys_persistent_once);
    tcase_add_test(t, setup_is_refused_where_it_makes_no_sense);
    tcase_add_test(t, a_directory_that_cannot_be_written_is_a_failure);
    suite_add_tcase(s, t);
    return s;
}
