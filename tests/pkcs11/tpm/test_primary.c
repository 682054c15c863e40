/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key;

static void make(void)
{
    test_module_environment();
    test_tpm_start();
}

/* A tool of another project, on the same TPM; it must succeed. */
#define tool(...) ck_assert_int_eq(support_shell(NULL, "export TPM2TOOLS_TCTI=%s; " __VA_ARGS__), 0)

/* Every test begins with an empty TPM and no token. */
static void up(void)
{
    tool("tpm2_flushcontext -t; tpm2_clear -c p", test_tpm_tcti());
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s/*", support_path("tokens")), 0);
    unsetenv("DEVID_PARENT");
    test_tpm_count_reset();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
}

static void down(void)
{
    test_module_down();
    unsetenv("DEVID_PARENT");
}

static CK_RV init(void)
{
    CK_UTF8CHAR field[32] = "device                          ";

    return C_InitToken(test_slot(NULL), NULL, 0, field);
}

static void assert_parent(const char *wanted)
{
    char *conf = support_read(test_token_file("token.conf"), NULL);
    char line[64];

    snprintf(line, sizeof line, "\nparent = %s\n", wanted);
    ck_assert_msg(strstr(conf, line) != NULL, "%s", conf);
    free(conf);
}

static CK_OBJECT_HANDLE make_key(void)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    session = test_session();
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    return private;
}

/* Between the two, other programs can reach the TPM, which serves one connection at a time. */
static void let_go(void)
{
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

static CK_OBJECT_HANDLE come_back(void)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_tpm_count_reset();
    session = test_session();
    return test_find(session, CKO_PRIVATE_KEY, "ec");
}

START_TEST(without_a_storage_key_the_standard_one_is_made)
{
    char *public;

    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
    let_go();
    ck_assert_int_eq(support_shell(&public, "tpm2_readpublic -T %s -c 0x81000001", test_tpm_tcti()), 0);
    ck_assert_ptr_nonnull(strstr(public, "value: rsa"));
    ck_assert_ptr_nonnull(strstr(public, "value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|"
                                         "restricted|decrypt"));
    free(public);
}
END_TEST

START_TEST(a_storage_key_that_is_there_is_used)
{
    static const char *const makers[] = {
        "tpm2_createprimary -C o -G ecc",
        "tpm2_createprimary -C o -G rsa2048",
        "tpm2_createprimary -C o -G ecc256:aes256cfb",
    };

    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        char command[256];

        down();
        up();
        let_go();
        snprintf(command, sizeof command, "%s -c %s/p.ctx", makers[i], support_directory());
        tool("%s && tpm2_evictcontrol -C o -c %s/p.ctx 0x81000001 && tpm2_flushcontext -t", test_tpm_tcti(),
             command, support_directory());
        ck_assert_rv(C_Initialize(NULL), CKR_OK);
        ck_assert_rv_of(makers[i], init(), CKR_OK);
        assert_parent("0x81000001");
        ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_CreatePrimary), 0);
        private_key = make_key();
        ck_assert_rv(test_sign(session, private_key), CKR_OK);
    }
}
END_TEST

START_TEST(another_key_at_the_handle_is_left_alone)
{
    char *before;
    char *after;

    let_go();
    tool("cd %s && tpm2_createprimary -C o -G rsa2048 -a "
         "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|"
         "sign' -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000001 && tpm2_flushcontext -t",
         test_tpm_tcti(), support_directory());
    ck_assert_int_eq(support_shell(&before, "tpm2_readpublic -T %s -c 0x81000001", test_tpm_tcti()), 0);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x40000001");
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
    let_go();
    ck_assert_int_eq(support_shell(&after, "tpm2_readpublic -T %s -c 0x81000001", test_tpm_tcti()), 0);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    private_key = come_back();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 3);
}
END_TEST

START_TEST(a_tpm_without_room_for_a_persistent_key_has_a_transient_one)
{
    struct tcti_count *count = test_tpm_count();

    count->inject_command = TPM2_CC_EvictControl;
    count->inject_times = 1;
    count->inject_code = TPM2_RC_NV_SPACE;
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x40000001");
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext),
                      test_tpm_count_of(TPM2_CC_CreatePrimary) + test_tpm_count_of(TPM2_CC_Load));
}
END_TEST

START_TEST(the_parent_can_be_chosen)
{
    setenv("DEVID_PARENT", "owner", 1);
    let_go();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x40000001");
    let_go();
    ck_assert_int_eq(support_shell(NULL, "tpm2_readpublic -T %s -c 0x81000001", test_tpm_tcti()), 1);
    tool("cd %s && tpm2_createprimary -C o -G ecc -c p.ctx && tpm2_evictcontrol -C o -c p.ctx 0x81000077 && "
         "tpm2_flushcontext -t",
         test_tpm_tcti(), support_directory());
    ck_assert_int_eq(support_shell(NULL, "rm -rf %s/*", support_path("tokens")), 0);
    setenv("DEVID_PARENT", "0x81000077", 1);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000077");
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
}
END_TEST

START_TEST(a_parent_that_cannot_be_is_refused)
{
    static const char *const parents[] = {"nonsense", "0x80000000",  "0x40000001", "0x81000099",
                                          "0x01",     "0x1ffffffff", "81000001"};

    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++) {
        setenv("DEVID_PARENT", parents[i], 1);
        let_go();
        ck_assert_rv(C_Initialize(NULL), CKR_OK);
        ck_assert_rv_of(parents[i], init(), CKR_ARGUMENTS_BAD);
        ck_assert_str_ne(p11_failure_text(), "");
        ck_assert_int_ne(support_shell(NULL, "test -e %s", test_token_file("")), 0);
    }
}
END_TEST

/* --- an owner with a password */

START_TEST(an_owner_with_a_password_needs_a_storage_key_that_is_there)
{
    let_go();
    tool("tpm2_changeauth -c owner secret", test_tpm_tcti());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_DEVICE_ERROR); /* not CKR_PIN_INCORRECT: nobody was asked for one */
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "owner"));
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "password"));
    let_go();
    tool("cd %s && tpm2_createprimary -C o -P secret -G ecc -c p.ctx && tpm2_evictcontrol -C o -P secret -c "
         "p.ctx "
         "0x81000001 && tpm2_flushcontext -t",
         test_tpm_tcti(), support_directory());
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    assert_parent("0x81000001");
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
}
END_TEST

START_TEST(a_password_that_came_later_stops_a_transient_parent_with_words)
{
    setenv("DEVID_PARENT", "owner", 1);
    let_go();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    make_key();
    let_go();
    tool("tpm2_changeauth -c owner secret", test_tpm_tcti());
    private_key = come_back();
    ck_assert_rv(test_sign(session, private_key), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "password"));
}
END_TEST

/* --- a parent that is another one */

START_TEST(a_cleared_tpm_is_named_as_the_cause)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(init(), CKR_OK);
    make_key();
    let_go();
    tool("tpm2_clear -c p", test_tpm_tcti());
    private_key = come_back();
    ck_assert_rv(test_sign(session, private_key), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "0x81000001"));
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "cleared"));
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "tokens/device"));
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "cleared"));
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
}
END_TEST

START_TEST(another_storage_key_is_named_as_the_cause)
{
    ck_assert_rv(init(), CKR_OK);
    make_key();
    let_go();
    tool("cd %s && tpm2_clear -c p && tpm2_createprimary -C o -G rsa2048 -c p.ctx && tpm2_evictcontrol -C o "
         "-c "
         "p.ctx 0x81000001 && tpm2_flushcontext -t",
         test_tpm_tcti(), support_directory());
    private_key = come_back();
    ck_assert_rv(test_sign(session, private_key), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "not the one"));
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
}
END_TEST

START_TEST(a_cleared_owner_hierarchy_is_named_as_the_cause)
{
    setenv("DEVID_PARENT", "owner", 1);
    let_go();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init(), CKR_OK);
    make_key();
    let_go();
    tool("tpm2_clear -c p", test_tpm_tcti());
    private_key = come_back();
    ck_assert_rv(test_sign(session, private_key), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "cleared"));
}
END_TEST

/* What stays loaded is still known: forgetting it would leave it in the TPM for good. */
START_TEST(a_parent_that_went_away_does_not_make_loaded_keys_forgotten)
{
    struct tcti_count *count = test_tpm_count();
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(init(), CKR_OK);
    private_key = make_key();
    ck_assert_rv(test_sign(session, private_key), CKR_OK);
    test_tpm_count_reset();
    count->inject_command = TPM2_CC_Create;
    count->inject_times = 1000;
    count->inject_code = TPM2_RC_HANDLE | TPM2_RC_1;
    ck_assert_rv(test_generate_ec(session, "P-256", "new", true, &public, &private), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("primary");
    TCase *t = tcase_create("primary");

    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, without_a_storage_key_the_standard_one_is_made);
    tcase_add_test(t, a_storage_key_that_is_there_is_used);
    tcase_add_test(t, another_key_at_the_handle_is_left_alone);
    tcase_add_test(t, a_tpm_without_room_for_a_persistent_key_has_a_transient_one);
    tcase_add_test(t, the_parent_can_be_chosen);
    tcase_add_test(t, a_parent_that_cannot_be_is_refused);
    tcase_add_test(t, an_owner_with_a_password_needs_a_storage_key_that_is_there);
    tcase_add_test(t, a_password_that_came_later_stops_a_transient_parent_with_words);
    tcase_add_test(t, a_cleared_tpm_is_named_as_the_cause);
    tcase_add_test(t, another_storage_key_is_named_as_the_cause);
    tcase_add_test(t, a_cleared_owner_hierarchy_is_named_as_the_cause);
    tcase_add_test(t, a_parent_that_went_away_does_not_make_loaded_keys_forgotten);
    suite_add_tcase(s, t);
    return s;
}
