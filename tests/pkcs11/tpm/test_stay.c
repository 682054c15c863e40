/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "owner-password-to-look-for"
#define HANDLE 0x81000205UL
#define OTHER 0x81000206UL

/* A tool of another project, on the same TPM; it must succeed. */
#define tool(...) ck_assert_int_eq(support_shell(NULL, "export TPM2TOOLS_TCTI=%s; " __VA_ARGS__), 0)

static CK_SESSION_HANDLE session;

static void make(void)
{
    test_module_make(TEST_EC | TEST_RSA);
    setenv("TCTI_RECORD_FILE", support_path("traffic"), 1);
}

/* The tokens as they were made, and nothing at the handles. */
static void up(void)
{
    unsetenv("DEVID_OWNER_AUTH");
    tool("for i in 0x81000205 0x81000206; do tpm2_evictcontrol -Q -C o -c $i 2>/dev/null; done; "
         "tpm2_flushcontext -t; rm -f %s",
         test_tpm_tcti(), support_path("traffic"));
    test_module_up();
    session = test_session();
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
    test_tpm_count_reset();
}

static CK_OBJECT_HANDLE key(const char *label)
{
    return test_find(session, CKO_PRIVATE_KEY, label);
}

static CK_RV persist(const char *label, CK_ULONG handle)
{
    CK_ATTRIBUTE item = {CKA_DEVID_PERSISTENT, &handle, sizeof handle};

    return C_SetAttributeValue(session, key(label), &item, 1);
}

static bool stays(const char *label, CK_ULONG handle)
{
    return test_attribute_is(session, key(label), CKA_DEVID_PERSISTENT, &handle, sizeof handle);
}

static bool is_there(unsigned long handle)
{
    return support_shell(NULL, "tpm2_getcap -T %s handles-persistent | grep -qi %lx", test_tpm_tcti(),
                         handle) == 0;
}

/* Signs, and has the public key of the token verify it. */
static void sign_and_verify(const char *label, CK_MECHANISM_TYPE type)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {type, type == CKM_RSA_PKCS_PSS ? &pss : NULL,
                              type == CKM_RSA_PKCS_PSS ? sizeof pss : 0};
    unsigned char digest[32] = "a digest to sign, of 32 bytes...";
    unsigned char signature[256];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_SignInit(session, &mechanism, key(label)), CKR_OK);
    ck_assert_rv(C_Sign(session, digest, sizeof digest, signature, &size), CKR_OK);
    ck_assert_rv(C_VerifyInit(session, &mechanism, test_find(session, CKO_PUBLIC_KEY, label)), CKR_OK);
    ck_assert_rv(C_Verify(session, digest, sizeof digest, signature, size), CKR_OK);
}

/* --- use */

START_TEST(a_cold_process_signs_with_one_command)
{
    static const struct {
        const char *label;
        CK_MECHANISM_TYPE type;
        unsigned first;
    } rows[] = {
        {"ec",  CKM_ECDSA,           1},
        {"rsa", CKM_SHA256_RSA_PKCS, 1},
        {"rsa", CKM_RSA_PKCS_PSS,    2}, /* the salt may be of any length: the key is asked for once */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_rv(persist(rows[i].label, HANDLE), CKR_OK);
        let_go();
        come_back();
        sign_and_verify(rows[i].label, rows[i].type);
        ck_assert_uint_eq(test_tpm_count()->total, rows[i].first);
        sign_and_verify(rows[i].label, rows[i].type);
        ck_assert_uint_eq(test_tpm_count()->total, rows[i].first + 1);
        let_go();
        ck_assert_uint_eq(test_tpm_count()->total, rows[i].first + 1); /* nothing to flush */
        come_back();
        ck_assert_rv(persist(rows[i].label, 0), CKR_OK);
    }
}
END_TEST

START_TEST(the_line_in_the_file_is_all_that_says_so)
{
    char *text;

    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert(stays("ec", HANDLE));
    text = support_read(test_token_file("ec.pem"), NULL);
    ck_assert_ptr_nonnull(strstr(text, "\nPersistent: 0x81000205\n"));
    ck_assert_ptr_nonnull(strstr(text, "Label: ec\n"));
    free(text);
    let_go();
    ck_assert_int_eq(support_shell(NULL, "sed -i 's/^Persistent/persistent/' %s", test_token_file("ec.pem")),
                     0);
    come_back();
    ck_assert(stays("ec", HANDLE));
    ck_assert(stays("rsa", 0));
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_uint_eq(test_tpm_count()->total, 1);
}
END_TEST

START_TEST(an_empty_handle_brings_the_block_in)
{
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    let_go();
    tool("tpm2_evictcontrol -Q -C o -c 0x81000205", test_tpm_tcti());
    come_back();
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_uint_eq(test_tpm_count()->total, 3); /* Sign in vain, Load, Sign */
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_uint_eq(test_tpm_count()->total, 4);
}
END_TEST

START_TEST(another_key_at_the_handle_does_not_sign_for_this_one)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS};

    ck_assert_rv(persist("rsa", HANDLE), CKR_OK);
    ck_assert_rv(persist("ec", OTHER), CKR_OK);
    let_go();
    tool(
        "cd %s && tpm2_evictcontrol -Q -C o -c 0x81000205 && tpm2_evictcontrol -Q -C o -c 0x81000206 && "
        "tpm2_create -Q -C 0x81000001 -G rsa2048 -u k.pub -r k.priv && tpm2_load -Q -C 0x81000001 -u k.pub "
        "-r "
        "k.priv -c k.ctx && tpm2_evictcontrol -Q -C o -c k.ctx 0x81000205 && tpm2_flushcontext -t && "
        "tpm2_create -Q -C 0x81000001 -G ecc256 -u k.pub -r k.priv && tpm2_load -Q -C 0x81000001 -u k.pub -r "
        "k.priv -c k.ctx && tpm2_evictcontrol -Q -C o -c k.ctx 0x81000206 && tpm2_flushcontext -t",
        test_tpm_tcti(), support_directory());
    for (size_t i = 0; i < 2; i++) {
        come_back();
        sign_and_verify("rsa", types[i]);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
        sign_and_verify("ec", CKM_ECDSA);
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 2);
        let_go();
    }
    come_back();
    ck_assert_rv(persist("rsa", 0), CKR_OK); /* it is not this key's any more: it stays */
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 0);
    let_go();
    ck_assert(is_there(HANDLE));
    come_back();
}
END_TEST

/* --- changes */

START_TEST(zero_ends_it_and_a_move_leaves_nothing_behind)
{
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert_rv(persist("ec", OTHER), CKR_OK);
    let_go();
    ck_assert(!is_there(HANDLE) && is_there(OTHER));
    come_back();
    ck_assert(stays("ec", OTHER));
    ck_assert_rv(persist("ec", 0), CKR_OK);
    ck_assert(stays("ec", 0));
    sign_and_verify("ec", CKM_ECDSA);
    let_go();
    ck_assert(!is_there(OTHER));
    come_back();
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_uint_eq(test_tpm_count()->total, 2);
}
END_TEST

START_TEST(making_it_so_costs_few_commands)
{
    test_tpm_count_reset();
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 4); /* ReadPublic, Load, EvictControl, FlushContext */
    test_tpm_count_reset();
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 0);
    test_tpm_count_reset();
    ck_assert_rv(persist("ec", 0), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 2); /* ReadPublic, EvictControl */
}
END_TEST

START_TEST(destroying_the_key_frees_the_handle)
{
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert_rv(persist("rsa", OTHER), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, key("ec")), CKR_OK);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_PUBLIC_KEY, "rsa")), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 1);
    let_go();
    ck_assert(!is_there(HANDLE) && is_there(OTHER));
    come_back();
    ck_assert_rv(C_DestroyObject(session, key("rsa")), CKR_OK);
    ck_assert_uint_eq(test_token_files(), 0);
    let_go();
    ck_assert(!is_there(OTHER));
    come_back();
}
END_TEST

/* A process that ended between the TPM's step and the file's. */
START_TEST(a_key_that_is_there_already_is_found_again)
{
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    let_go();
    ck_assert_int_eq(support_shell(NULL, "sed -i /^Persistent/d %s", test_token_file("ec.pem")), 0);
    come_back();
    ck_assert(stays("ec", 0));
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_EvictControl), 0);
    ck_assert(stays("ec", HANDLE));
    let_go();
    tool("tpm2_evictcontrol -Q -C o -c 0x81000205", test_tpm_tcti());
    come_back();
    ck_assert_rv(persist("ec", 0), CKR_OK); /* nor does it matter that it is gone */
    ck_assert(stays("ec", 0));
}
END_TEST

START_TEST(a_file_that_cannot_be_written_leaves_nothing_in_the_tpm)
{
    ck_assert_int_eq(
        support_shell(NULL, "cd %s && rm -f .generation && mkdir .generation", test_token_file("")), 0);
    ck_assert_rv(persist("ec", HANDLE), CKR_DEVICE_ERROR);
    ck_assert(stays("ec", 0));
    sign_and_verify("ec", CKM_ECDSA);
    let_go();
    ck_assert(!is_there(HANDLE));
    come_back();
}
END_TEST

/* --- refusals */

START_TEST(handles_that_cannot_be_are_refused)
{
    static const CK_ULONG handles[] = {1,          0x80000001, 0x40000001,    0x81800000,
                                       0x82000000, 0x01c00002, 0x181000005UL, CK_UNAVAILABLE_INFORMATION};

    test_tpm_count_reset();
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        ck_assert_rv(persist("ec", handles[i]), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(a_handle_that_is_taken_is_refused_and_its_key_left_alone)
{
    ck_assert_rv(persist("ec", 0x81000001), CKR_ATTRIBUTE_VALUE_INVALID); /* the storage root key */
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "another"));
    ck_assert_rv(persist("rsa", HANDLE), CKR_OK);
    ck_assert_rv(persist("ec", HANDLE), CKR_ATTRIBUTE_VALUE_INVALID);
    sign_and_verify("rsa", CKM_SHA256_RSA_PKCS);
    sign_and_verify("ec", CKM_ECDSA);
}
END_TEST

START_TEST(keys_of_the_session_and_read_only_sessions_are_refused)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_ULONG handle = HANDLE;
    CK_ATTRIBUTE item = {CKA_DEVID_PERSISTENT, &handle, sizeof handle};

    ck_assert_rv(test_generate_ec(session, "P-256", "new", false, &public, &private), CKR_OK);
    ck_assert_rv(C_SetAttributeValue(session, private, &item, 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    session = test_session_with(CKF_SERIAL_SESSION);
    ck_assert_rv(persist("ec", HANDLE), CKR_SESSION_READ_ONLY);
    let_go();
    ck_assert(!is_there(HANDLE));
    come_back();
}
END_TEST

START_TEST(a_line_that_names_no_handle_leaves_the_key_out)
{
    let_go();
    ck_assert_int_eq(support_shell(NULL, "sed -i '1i Persistent: 0x80000000' %s", test_token_file("ec.pem")),
                     0);
    come_back();
    ck_assert_uint_eq(key("ec"), 0);
    ck_assert_uint_ne(key("rsa"), 0);
}
END_TEST

START_TEST(the_owners_password_is_needed_and_stays_secret)
{
    char *traffic;
    size_t size;

    let_go();
    tool("tpm2_changeauth -c owner " PASSWORD, test_tpm_tcti());
    come_back();
    ck_assert_rv(persist("ec", HANDLE), CKR_DEVICE_ERROR);
    ck_assert_msg(strstr(p11_failure_text(), "owner-auth") != NULL, "%s", p11_failure_text());
    ck_assert(stays("ec", 0));
    let_go();
    setenv("DEVID_OWNER_AUTH", PASSWORD, 1);
    come_back();
    ck_assert_rv(persist("ec", HANDLE), CKR_OK);
    sign_and_verify("ec", CKM_ECDSA);
    ck_assert_rv(persist("ec", 0), CKR_OK);
    traffic = support_read(support_path("traffic"), &size);
    ck_assert_uint_gt(size, 1000);
    ck_assert_ptr_null(memmem(traffic, size, PASSWORD, strlen(PASSWORD)));
    free(traffic);
    let_go();
    tool("tpm2_changeauth -c owner -p " PASSWORD, test_tpm_tcti());
    come_back();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("stay");
    TCase *t = tcase_create("stay");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_cold_process_signs_with_one_command);
    tcase_add_test(t, the_line_in_the_file_is_all_that_says_so);
    tcase_add_test(t, an_empty_handle_brings_the_block_in);
    tcase_add_test(t, another_key_at_the_handle_does_not_sign_for_this_one);
    tcase_add_test(t, zero_ends_it_and_a_move_leaves_nothing_behind);
    tcase_add_test(t, making_it_so_costs_few_commands);
    tcase_add_test(t, destroying_the_key_frees_the_handle);
    tcase_add_test(t, a_key_that_is_there_already_is_found_again);
    tcase_add_test(t, a_file_that_cannot_be_written_leaves_nothing_in_the_tpm);
    tcase_add_test(t, handles_that_cannot_be_are_refused);
    tcase_add_test(t, a_handle_that_is_taken_is_refused_and_its_key_left_alone);
    tcase_add_test(t, keys_of_the_session_and_read_only_sessions_are_refused);
    tcase_add_test(t, a_line_that_names_no_handle_leaves_the_key_out);
    tcase_add_test(t, the_owners_password_is_needed_and_stays_secret);
    suite_add_tcase(s, t);
    return s;
}
