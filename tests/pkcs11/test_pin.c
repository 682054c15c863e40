/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <tss2/tss2_tpm2_types.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static CK_UTF8CHAR so_pin[] = "the SO's PIN";
static CK_UTF8CHAR pin[] = "1234";
static CK_UTF8CHAR new_pin[] = "another one";
static CK_UTF8CHAR wrong[] = "0000";

#define PIN(text) text, sizeof text - 1

static CK_SESSION_HANDLE session;

static CK_RV init_token(const char *label, CK_UTF8CHAR *value, CK_ULONG size)
{
    CK_UTF8CHAR field[32];

    memset(field, ' ', sizeof field);
    memcpy(field, label, strlen(label));
    return C_InitToken(test_slot(NULL), value, size, field);
}

/* A token with both PINs and a key "ec", kept aside. */
static void make(void)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    test_module_environment();
    test_tpm_start();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(init_token("device", PIN(so_pin)), CKR_OK);
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "cp -a %s %s", support_path("tokens"), support_path("made")), 0);
}

static void up(void)
{
    ck_assert_int_eq(support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti()), 0);
    test_module_up();
    session = test_session();
}

static CK_STATE state_of(CK_SESSION_HANDLE handle)
{
    CK_SESSION_INFO info;

    ck_assert_rv(C_GetSessionInfo(handle, &info), CKR_OK);
    return info.state;
}

static CK_FLAGS flags(void)
{
    static const CK_FLAGS interesting = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED |
                                        CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(test_slot("device"), &info), CKR_OK);
    return info.flags & interesting;
}

static CK_OBJECT_HANDLE private_key(void)
{
    return test_find(session, CKO_PRIVATE_KEY, "ec");
}

/* --- logging in
 * ----------------------------------------------------------------------------------------------- */

START_TEST(token_info_shows_the_pins)
{
    CK_TOKEN_INFO info;

    ck_assert_uint_eq(flags(), CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
    ck_assert_rv(C_GetTokenInfo(test_slot("device"), &info), CKR_OK);
    ck_assert_uint_eq(info.ulMinPinLen, 4);
    ck_assert_uint_eq(info.ulMaxPinLen, 255);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(login_costs_four_commands)
{
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK); /* a TPM may say RETRY once after its start */
    ck_assert_rv(C_Logout(session), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Unseal), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_FlushContext), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 4);
    test_tpm_count_reset();
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(signature_costs_load_and_then_a_session_each)
{
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Load), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Sign), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 3);
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_uint_eq(test_tpm_count()->total, 5);
}
END_TEST

START_TEST(generation_costs_a_session_and_create)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(test_generate_ec(session, "P-256", "two", true, &public, &private), CKR_OK);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_StartAuthSession), 1);
    ck_assert_uint_eq(test_tpm_count_of(TPM2_CC_Create), 1);
    ck_assert_uint_eq(test_tpm_count()->total, 2);
    ck_assert_rv(test_sign(session, private), CKR_OK);
}
END_TEST

START_TEST(states_and_answers_of_login)
{
    CK_SESSION_HANDLE reader;

    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    ck_assert_rv(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, PIN(pin)), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_Login(session, 77, PIN(pin)), CKR_USER_TYPE_INVALID);
    ck_assert_rv(C_Login(session, CKU_USER, NULL, 4), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_USER_FUNCTIONS);
    ck_assert_rv(C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &reader), CKR_OK);
    ck_assert_uint_eq(state_of(reader), CKS_RO_USER_FUNCTIONS);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_Logout(reader), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_SESSION_READ_ONLY_EXISTS);
    ck_assert_rv(C_CloseSession(reader), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_uint_eq(state_of(session), CKS_RW_SO_FUNCTIONS);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    ck_assert_rv(C_OpenSession(test_slot("device"), CKF_SERIAL_SESSION, NULL, NULL, &reader),
                 CKR_SESSION_READ_WRITE_SO_EXISTS);
}
END_TEST

START_TEST(login_ends_with_the_last_session)
{
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(C_CloseSession(session), CKR_OK);
    session = test_session();
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    ck_assert_uint_eq(private_key(), 0);
}
END_TEST

/* --- wrong PINs
 * ----------------------------------------------------------------------------------------------- */

START_TEST(flags_follow_the_tpm)
{
    static const CK_FLAGS wanted[] = {CKF_USER_PIN_COUNT_LOW,
                                      CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY};

    for (size_t i = 0; i < 2; i++) {
        ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
        ck_assert_uint_eq(flags() & ~(CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED), wanted[i]);
    }
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_uint_ne(flags() & CKF_USER_PIN_LOCKED, 0);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_PIN_LOCKED);
    ck_assert_uint_eq(state_of(session), CKS_RW_PUBLIC_SESSION);
    ck_assert_int_eq(support_shell(NULL, "tpm2_dictionarylockout -T %s -c", test_tpm_tcti()), 0);
    ck_assert_uint_eq(flags(), CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

/* The TPM counts on, and says so when one try is left. */
START_TEST(a_login_ends_the_low_count)
{
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_uint_eq(flags(), CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(wrong)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(flags() & ~(CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED),
                      CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_uint_eq(flags() & ~(CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED), CKF_USER_PIN_FINAL_TRY);
}
END_TEST

START_TEST(pins_of_impossible_length_do_not_count)
{
    CK_UTF8CHAR longest[300];

    memset(longest, 'x', sizeof longest);
    ck_assert_rv(C_Login(session, CKU_USER, longest, sizeof longest), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(broken_tpm_is_no_wrong_pin)
{
    static const TPM2_CC commands[] = {TPM2_CC_StartAuthSession, TPM2_CC_Load, TPM2_CC_Unseal};

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        test_tpm_count_reset();
        test_tpm_count()->inject_command = commands[i];
        test_tpm_count()->inject_times = 1;
        test_tpm_count()->inject_code = TPM2_RC_FAILURE;
        ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_DEVICE_ERROR);
    }
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

START_TEST(broken_pin_file_is_no_wrong_pin)
{
    support_write(test_token_file("pin.pem"), "nothing of use\n");
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

/* --- private objects
 * ------------------------------------------------------------------------------------------ */

START_TEST(private_objects_show_after_login_only)
{
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE item = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE key;

    ck_assert_uint_eq(private_key(), 0);
    ck_assert_uint_ne(test_find(session, CKO_PUBLIC_KEY, "ec"), 0);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    key = private_key();
    ck_assert_uint_ne(key, 0);
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(private_key(), 0);
    ck_assert_rv(C_GetAttributeValue(session, key, &item, 1), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_rv(test_sign(session, key), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_DestroyObject(session, key), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(so_does_not_see_private_objects)
{
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_uint_eq(private_key(), 0);
    ck_assert_rv(C_Logout(session), CKR_OK);
}
END_TEST

START_TEST(private_objects_are_made_after_login_only)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    size_t files = test_token_files();

    ck_assert_rv(test_generate_ec(session, "P-256", "x", true, &public, &private), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(test_generate_ec(session, "P-256", "x", false, &public, &private), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(test_token_files(), files);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

/* Data, and the public half of a key that is copied, with CKA_PRIVATE true. */
START_TEST(private_objects_are_created_after_login_only)
{
    CK_OBJECT_CLASS data_class = CKO_DATA;
    CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_OBJECT_HANDLE key = test_find(session, CKO_PUBLIC_KEY, "ec");
    size_t params_size;
    size_t point_size;
    unsigned char *params = test_attribute(session, key, CKA_EC_PARAMS, &params_size);
    unsigned char *point = test_attribute(session, key, CKA_EC_POINT, &point_size);
    CK_ATTRIBUTE data[] = {
        {CKA_CLASS,   &data_class, sizeof data_class},
        {CKA_PRIVATE, &test_yes,   sizeof test_yes  },
    };
    CK_ATTRIBUTE public[] = {
        {CKA_CLASS,     &public_class, sizeof public_class},
        {CKA_PRIVATE,   &test_yes,     sizeof test_yes    },
        {CKA_KEY_TYPE,  &type,         sizeof type        },
        {CKA_EC_PARAMS, params,        params_size        },
        {CKA_EC_POINT,  point,         point_size         },
    };
    CK_OBJECT_HANDLE object;

    ck_assert_rv(C_CreateObject(session, data, 2, &object), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_CreateObject(session, public, 5, &object), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(C_CreateObject(session, data, 2, &object), CKR_OK);
    ck_assert_rv(C_CreateObject(session, public, 5, &object), CKR_OK);
    free(params);
    free(point);
}
END_TEST

START_TEST(a_public_half_goes_without_a_login_and_the_key_stays)
{
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_PUBLIC_KEY, "ec")), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_PUBLIC_KEY, "ec"), 0);
}
END_TEST

START_TEST(signature_that_was_begun_ends_with_the_login)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(C_SignInit(session, &mechanism, private_key()), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    test_tpm_count_reset();
    ck_assert_rv(C_Sign(session, digest, sizeof digest, signature, &size), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(private_session_objects_go_with_the_login)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "s", false, &public, &private), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(test_sign(session, private), CKR_KEY_HANDLE_INVALID);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "s"), 0);
    ck_assert_uint_ne(test_find(session, CKO_PUBLIC_KEY, "s"), 0);
}
END_TEST

/* --- changing PINs
 * -------------------------------------------------------------------------------------------- */

START_TEST(user_changes_the_pin_and_keeps_the_keys)
{
    ck_assert_rv(C_SetPIN(session, PIN(wrong), PIN(new_pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_SetPIN(session, PIN(pin), PIN(new_pin)), CKR_OK); /* also when nobody is logged in */
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(new_pin)), CKR_OK);
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_rv(C_SetPIN(session, PIN(new_pin), PIN(pin)), CKR_OK);
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

START_TEST(so_resets_the_user_pin_and_changes_the_own)
{
    ck_assert_rv(C_InitPIN(session, PIN(new_pin)), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(new_pin)), CKR_OK);
    ck_assert_rv(C_SetPIN(session, PIN(so_pin), PIN(wrong)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(new_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, PIN(pin)), CKR_USER_NOT_LOGGED_IN);
    ck_assert_rv(test_sign(session, private_key()), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(so_pin)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_SO, PIN(wrong)), CKR_OK);
}
END_TEST

START_TEST(bad_new_pins_change_nothing)
{
    CK_UTF8CHAR longest[256];
    CK_SESSION_HANDLE reader = test_session_with(CKF_SERIAL_SESSION);

    memset(longest, 'x', sizeof longest);
    ck_assert_rv(C_SetPIN(session, PIN(pin), longest, 3), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_SetPIN(session, PIN(pin), longest, 256), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_SetPIN(session, PIN(pin), NULL, 0), CKR_PIN_LEN_RANGE);
    ck_assert_rv(C_SetPIN(session, PIN(pin), NULL, 4), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SetPIN(session, NULL, 4, PIN(pin)), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SetPIN(reader, PIN(pin), PIN(new_pin)), CKR_SESSION_READ_ONLY);
    ck_assert_rv(C_InitPIN(session, NULL, 4), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
    ck_assert_rv(C_SetPIN(session, PIN(pin), longest, 255), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, longest, 255), CKR_OK);
}
END_TEST

START_TEST(pin_file_is_private_and_replaced_whole)
{
    struct stat before;
    struct stat after;

    ck_assert_int_eq(stat(test_token_file("pin.pem"), &before), 0);
    ck_assert_uint_eq(before.st_mode & 07777, 0600);
    ck_assert_rv(C_SetPIN(session, PIN(pin), PIN(new_pin)), CKR_OK);
    ck_assert_int_eq(stat(test_token_file("pin.pem"), &after), 0);
    ck_assert_uint_ne(before.st_ino, after.st_ino);
    ck_assert_uint_eq(after.st_mode & 07777, 0600);
}
END_TEST

START_TEST(failed_change_leaves_the_old_pin)
{
    test_tpm_count()->inject_command = TPM2_CC_Create;
    test_tpm_count()->inject_times = 2;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    ck_assert_rv(C_SetPIN(session, PIN(pin), PIN(new_pin)), CKR_DEVICE_ERROR);
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

/* --- making tokens
 * -------------------------------------------------------------------------------------------- */

/* A file token's key, encrypted under that token's secret, and one that openssl encrypted. */
static void drop_encrypted_keys(void)
{
    CK_UTF8CHAR label[32] = "disk                            ";
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SESSION_HANDLE other;

    ck_assert_rv(C_InitToken(filetoken_empty_slot(), PIN(so_pin), label), CKR_OK);
    other = filetoken_session("disk");
    ck_assert_rv(C_Login(other, CKU_SO, PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_InitPIN(other, PIN(pin)), CKR_OK);
    ck_assert_rv(C_Logout(other), CKR_OK);
    ck_assert_rv(C_Login(other, CKU_USER, PIN(pin)), CKR_OK);
    ck_assert_rv(test_generate_ec(other, "P-256", "moved", true, &public, &private), CKR_OK);
    ck_assert_rv(C_CloseSession(other), CKR_OK);
    ck_assert_int_eq(
        support_shell(NULL, "grep -q 'BEGIN ENCRYPTED PRIVATE KEY' %s/moved.pem && cp %s/moved.pem %s",
                      support_path("tokens/disk"), support_path("tokens/disk"), test_token_file("moved.pem")),
        0);
    ck_assert_int_eq(
        support_shell(NULL,
                      "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass "
                      "pass:1234 -out %s && chmod 600 %s",
                      test_token_file("other.pem"), test_token_file("other.pem")),
        0);
}

/* By the call that reads the file. */
static void assert_told_of(const char *file)
{
    const char *text;

    ck_assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    text = p11_failure_text();
    ck_assert_msg(strstr(text, file) != NULL && strstr(text, "opens no such key") != NULL, "'%s'", text);
    ck_assert_rv(C_FindObjectsFinal(session), CKR_OK);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "moved"), 0);
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "other"), 0);
}

START_TEST(keys_that_another_pin_opens_are_left_out_with_a_word)
{
    static const char *const names[] = {"moved.pem", "other.pem"};

    drop_encrypted_keys();
    unlink(test_token_file(names[1 - _i]));
    assert_told_of(names[_i]);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    ck_assert_rv(C_Login(session, CKU_USER, PIN(pin)), CKR_OK);
    assert_told_of(names[_i]);
    ck_assert_uint_ne(test_find(session, CKO_PRIVATE_KEY, "ec"), 0);
}
END_TEST

START_TEST(new_token_has_an_so_and_no_user)
{
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE other;

    ck_assert_rv(init_token("second", PIN(so_pin)), CKR_OK);
    ck_assert_rv(C_GetTokenInfo(test_slot("second"), &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_LOGIN_REQUIRED, 0);
    ck_assert_uint_eq(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    ck_assert_rv(C_OpenSession(test_slot("second"), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &other),
                 CKR_OK);
    ck_assert_rv(C_Login(other, CKU_USER, PIN(pin)), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_SetPIN(other, PIN(pin), PIN(new_pin)), CKR_USER_PIN_NOT_INITIALIZED);
    ck_assert_rv(C_Login(other, CKU_SO, PIN(so_pin)), CKR_OK);
}
END_TEST

START_TEST(short_so_pin_makes_no_token)
{
    ck_assert_rv(init_token("second", so_pin, 3), CKR_PIN_LEN_RANGE);
    ck_assert_int_ne(support_shell(NULL, "test -e %s", support_path("tokens/second")), 0);
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(token_that_fails_at_its_pin_leaves_nothing)
{
    test_tpm_count()->inject_command = TPM2_CC_Create;
    test_tpm_count()->inject_times = 2;
    test_tpm_count()->inject_code = TPM2_RC_FAILURE;
    ck_assert_rv(init_token("second", PIN(so_pin)), CKR_DEVICE_ERROR);
    ck_assert_int_eq(support_shell(NULL, "test \"$(ls -A %s)\" = device", support_path("tokens")), 0);
}
END_TEST

START_TEST(token_without_a_pin_has_none_to_set)
{
    CK_SESSION_HANDLE other;

    ck_assert_rv(init_token("open", NULL, 0), CKR_OK);
    ck_assert_rv(C_OpenSession(test_slot("open"), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &other),
                 CKR_OK);
    ck_assert_rv(C_SetPIN(other, PIN(pin), PIN(new_pin)), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(C_InitPIN(other, PIN(pin)), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(C_Login(other, CKU_USER, PIN(pin)), CKR_OK);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("pin");
    TCase *t = tcase_create("pin");

    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_checked_fixture(t, up, test_module_down);
    tcase_add_test(t, token_info_shows_the_pins);
    tcase_add_test(t, login_costs_four_commands);
    tcase_add_test(t, signature_costs_load_and_then_a_session_each);
    tcase_add_test(t, generation_costs_a_session_and_create);
    tcase_add_test(t, states_and_answers_of_login);
    tcase_add_test(t, login_ends_with_the_last_session);
    tcase_add_test(t, flags_follow_the_tpm);
    tcase_add_test(t, a_login_ends_the_low_count);
    tcase_add_test(t, pins_of_impossible_length_do_not_count);
    tcase_add_test(t, broken_tpm_is_no_wrong_pin);
    tcase_add_test(t, broken_pin_file_is_no_wrong_pin);
    tcase_add_test(t, private_objects_show_after_login_only);
    tcase_add_test(t, so_does_not_see_private_objects);
    tcase_add_test(t, private_objects_are_made_after_login_only);
    tcase_add_test(t, private_objects_are_created_after_login_only);
    tcase_add_test(t, a_public_half_goes_without_a_login_and_the_key_stays);
    tcase_add_test(t, signature_that_was_begun_ends_with_the_login);
    tcase_add_test(t, private_session_objects_go_with_the_login);
    tcase_add_test(t, user_changes_the_pin_and_keeps_the_keys);
    tcase_add_test(t, so_resets_the_user_pin_and_changes_the_own);
    tcase_add_test(t, bad_new_pins_change_nothing);
    tcase_add_test(t, pin_file_is_private_and_replaced_whole);
    tcase_add_test(t, failed_change_leaves_the_old_pin);
    tcase_add_loop_test(t, keys_that_another_pin_opens_are_left_out_with_a_word, 0, 2);
    tcase_add_test(t, new_token_has_an_so_and_no_user);
    tcase_add_test(t, short_so_pin_makes_no_token);
    tcase_add_test(t, token_that_fails_at_its_pin_leaves_nothing);
    tcase_add_test(t, token_without_a_pin_has_none_to_set);
    suite_add_tcase(s, t);
    return s;
}
