/* SPDX-License-Identifier: Apache-2.0 */
#include "devid/pkcs11.h"
#include "pkcs11/pkcs11-3.0.h"
#include "tests/support/module.h"

#include <dlfcn.h>
#include <string.h>

/* The shipped module itself: entry.c is in nothing else. Its state is apart from the one in this program. */
static CK_C_GetFunctionList get_function_list;
static CK_C_GetInterface get_interface;
static CK_C_GetInterfaceList get_interface_list;
static CK_FUNCTION_LIST *p11;
static CK_FUNCTION_LIST_3_0 *p11_3;
static CK_UTF8CHAR standard[] = "PKCS 11";

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);

    ck_assert_msg(found != NULL, "%s", name);
    return found;
}

static void load(void)
{
    void *library = dlopen(support_build_path("pkcs11/.libs/devid-pkcs11.so"), RTLD_NOW | RTLD_LOCAL);
    CK_VERSION version = {3, 0};
    CK_INTERFACE *interface = NULL;

    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)&get_function_list = symbol(library, "C_GetFunctionList");
    *(void **)&get_interface = symbol(library, "C_GetInterface");
    *(void **)&get_interface_list = symbol(library, "C_GetInterfaceList");
    ck_assert_rv(get_function_list(&p11), CKR_OK);
    ck_assert_rv(get_interface(standard, &version, &interface, 0), CKR_OK);
    p11_3 = interface->pFunctionList;
}

static void up(void)
{
    test_module_environment();
    test_write_token("device", "curves = P-256\nrsa = 2048\nhashes = sha256\n");
    load();
    ck_assert_rv(p11_3->C_Initialize(NULL), CKR_OK);
}

static void down(void)
{
    p11_3->C_Finalize(NULL);
}

static CK_SESSION_HANDLE open_session(void)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_SESSION_HANDLE session = 0;
    CK_TOKEN_INFO info;

    ck_assert_rv(p11_3->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; session == 0 && i < count; i++)
        if (p11_3->C_GetTokenInfo(slots[i], &info) == CKR_OK && (info.flags & CKF_TOKEN_INITIALIZED) != 0)
            ck_assert_rv(p11_3->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_uint_ne(session, 0);
    return session;
}

/* --- the lists
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(the_function_list_is_2_40)
{
    CK_INFO info;

    ck_assert_uint_eq(p11->version.major, 2);
    ck_assert_uint_eq(p11->version.minor, 40);
    ck_assert_rv(p11->C_GetInfo(&info), CKR_OK);
    ck_assert_uint_eq(info.cryptokiVersion.major, 2);
    ck_assert_uint_eq(info.cryptokiVersion.minor, 40);
    ck_assert_rv(get_function_list(NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(the_3_0_list_says_so)
{
    CK_INFO info;

    ck_assert_uint_eq(p11_3->version.major, 3);
    ck_assert_uint_eq(p11_3->version.minor, 0);
    ck_assert_rv(p11_3->C_GetInfo(&info), CKR_OK);
    ck_assert_uint_eq(info.cryptokiVersion.major, 3);
    ck_assert_rv(p11_3->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
}
END_TEST

/* Both lists are an array of pointers behind a version. */
static size_t null_members(const void *list, size_t size)
{
    size_t first = offsetof(CK_FUNCTION_LIST, C_Initialize);
    size_t nulls = 0;

    for (size_t at = first; at < size; at += sizeof(void (*)(void))) {
        void (*member)(void);

        memcpy(&member, (const char *)list + at, sizeof member);
        nulls += member == NULL;
    }
    return nulls;
}

START_TEST(no_member_of_a_list_is_null)
{
    ck_assert_uint_eq(null_members(p11, sizeof *p11), 0);
    ck_assert_uint_eq(null_members(p11_3, sizeof *p11_3), 0);
    ck_assert_uint_eq(sizeof *p11_3, sizeof *p11 + 24 * sizeof(void (*)(void)));
}
END_TEST

START_TEST(the_interfaces_are_listed_by_the_two_call_rule)
{
    CK_INTERFACE list[4] = {0};
    CK_ULONG count = 0;

    ck_assert_rv(get_interface_list(NULL, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(get_interface_list(NULL, &count), CKR_OK);
    ck_assert_uint_eq(count, 3);
    count = 2;
    ck_assert_rv(get_interface_list(list, &count), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_null(list[0].pFunctionList);
    count = 4;
    ck_assert_rv(get_interface_list(list, &count), CKR_OK);
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_eq(list[0].pFunctionList, p11_3);
    ck_assert_ptr_eq(list[1].pFunctionList, p11);
    ck_assert_str_eq((const char *)list[2].pInterfaceName, DEVID_INTERFACE_NAME);
}
END_TEST

START_TEST(an_interface_is_found_by_name_version_and_flags)
{
    static CK_UTF8CHAR vendor[] = DEVID_INTERFACE_NAME;
    static CK_UTF8CHAR unknown[] = "PKCS 12";
    CK_VERSION two = {2, 40}, three = {3, 0}, other = {3, 1}, one = {1, 0};
    const struct {
        CK_UTF8CHAR *name;
        CK_VERSION *version;
        CK_FLAGS flags;
        const void *list;
    } rows[] = {
        {NULL,     NULL,   0,                       p11_3},
        {standard, NULL,   0,                       p11_3},
        {standard, &three, 0,                       p11_3},
        {NULL,     &two,   0,                       p11  },
        {standard, &two,   0,                       p11  },
        {standard, &other, 0,                       NULL },
        {standard, &one,   0,                       NULL },
        {vendor,   &two,   0,                       NULL },
        {unknown,  NULL,   0,                       NULL },
        {standard, NULL,   CKF_INTERFACE_FORK_SAFE, NULL },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CK_INTERFACE *found = NULL;
        CK_RV rv = get_interface(rows[i].name, rows[i].version, &found, rows[i].flags);

        ck_assert_rv(rv, rows[i].list != NULL ? CKR_OK : CKR_FUNCTION_FAILED);
        ck_assert_ptr_eq(found != NULL ? found->pFunctionList : NULL, rows[i].list);
    }
    ck_assert_rv(get_interface(standard, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
}
END_TEST

/* --- what 3.0 adds
 * ------------------------------------------------------------------------------------------------ */

START_TEST(a_user_has_no_name)
{
    CK_SESSION_HANDLE session = open_session();
    CK_UTF8CHAR name[] = "somebody";

    ck_assert_rv(p11_3->C_LoginUser(session, CKU_USER, name, 4, name, 8), CKR_ARGUMENTS_BAD);
    ck_assert_rv(p11_3->C_LoginUser(session + 1, CKU_USER, name, 4, name, 8), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(p11_3->C_LoginUser(session, 77, NULL, 0, NULL, 0), p11->C_Login(session, 77, NULL, 0));
    ck_assert_rv(p11_3->C_LoginUser(session, CKU_USER, NULL, 4, NULL, 0), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(cancelled_operations_are_over_and_others_go_on)
{
    CK_SESSION_HANDLE session = open_session();
    CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
    CK_BYTE digest[32];
    CK_ULONG size = sizeof digest;
    CK_OBJECT_HANDLE object;
    CK_ULONG count;

    ck_assert_rv(p11_3->C_SessionCancel(session + 1, CKF_DIGEST), CKR_SESSION_HANDLE_INVALID);
    ck_assert_rv(p11_3->C_SessionCancel(session, CKF_DIGEST | CKF_SIGN | CKF_ENCRYPT | CKF_MESSAGE_SIGN),
                 CKR_OK);
    ck_assert_rv(p11_3->C_DigestInit(session, &sha), CKR_OK);
    ck_assert_rv(p11_3->C_FindObjectsInit(session, NULL, 0), CKR_OK);
    ck_assert_rv(p11_3->C_SessionCancel(session, CKF_FIND_OBJECTS), CKR_OK);
    ck_assert_rv(p11_3->C_FindObjects(session, &object, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(p11_3->C_DigestUpdate(session, digest, 1), CKR_OK);
    ck_assert_rv(p11_3->C_SessionCancel(session, CKF_DIGEST), CKR_OK);
    ck_assert_rv(p11_3->C_DigestFinal(session, digest, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(p11_3->C_DigestInit(session, &sha), CKR_OK);
}
END_TEST

START_TEST(message_functions_refuse)
{
    CK_SESSION_HANDLE session = open_session();
    CK_MECHANISM sha = {CKM_SHA256, NULL, 0};

    ck_assert_rv(p11_3->C_MessageEncryptInit(session, &sha, 1), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_EncryptMessage(session, NULL, 0, NULL, 0, NULL, 0, NULL, NULL),
                 CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_EncryptMessageBegin(session, NULL, 0, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_EncryptMessageNext(session, NULL, 0, NULL, 0, NULL, NULL, 0),
                 CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_MessageEncryptFinal(session), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_SignMessage(session, NULL, 0, NULL, 0, NULL, NULL), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_SignMessageBegin(session, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_VerifyMessage(session, NULL, 0, NULL, 0, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_VerifyMessageNext(session, NULL, 0, NULL, 0, NULL, 0), CKR_FUNCTION_NOT_SUPPORTED);
    ck_assert_rv(p11_3->C_MessageVerifyFinal(session + 1), CKR_SESSION_HANDLE_INVALID);
    p11_3->C_Finalize(NULL);
    ck_assert_rv(p11_3->C_MessageSignInit(session, &sha, 1), CKR_CRYPTOKI_NOT_INITIALIZED);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("entry");
    TCase *lists = tcase_create("lists");

    tcase_add_checked_fixture(lists, up, down);
    tcase_add_test(lists, the_function_list_is_2_40);
    tcase_add_test(lists, the_3_0_list_says_so);
    tcase_add_test(lists, no_member_of_a_list_is_null);
    tcase_add_test(lists, the_interfaces_are_listed_by_the_two_call_rule);
    tcase_add_test(lists, an_interface_is_found_by_name_version_and_flags);
    tcase_add_test(lists, a_user_has_no_name);
    tcase_add_test(lists, cancelled_operations_are_over_and_others_go_on);
    tcase_add_test(lists, message_functions_refuse);
    suite_add_tcase(suite, lists);
    return suite;
}
