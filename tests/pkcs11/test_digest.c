/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bytes.h"
#include "pkcs11/mechanism.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;

static void make(void)
{
    test_module_make(TEST_EC);
}

static void up(void)
{
    test_module_up();
    session = test_session_with(CKF_SERIAL_SESSION);
}

/* "abc", FIPS 180-4 and FIPS 202 (NIST's example values). */
static const struct vector {
    CK_MECHANISM_TYPE type;
    const char *digest;
} vectors[] = {
    {CKM_SHA_1,    "a9993e364706816aba3e25717850c26c9cd0d89d"                                          },
    {CKM_SHA224,   "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"                          },
    {CKM_SHA256,   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"                  },
    {CKM_SHA384,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {CKM_SHA512,   "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3f"
                 "eebbd454d4423643ce80e2a9ac94fa54ca49f"                               },
    {CKM_SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"                          },
    {CKM_SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"                  },
    {CKM_SHA3_384,
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"},
    {CKM_SHA3_512, "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec5764"
                   "7e3934057340b4cf408d5a56592f8274eec53f0"                         },
};

#define VECTORS (sizeof vectors / sizeof vectors[0])

static void begin(CK_MECHANISM_TYPE type)
{
    CK_MECHANISM mechanism = {type, NULL, 0};

    ck_assert_rv(C_DigestInit(session, &mechanism), CKR_OK);
}

static void ends_with(const char *digest)
{
    CK_BYTE out[64];
    char text[129];
    CK_ULONG size = sizeof out;

    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OK);
    bytes_to_hex(out, size, text);
    ck_assert_str_eq(text, digest);
}

static void update(const char *text)
{
    ck_assert_rv(C_DigestUpdate(session, (CK_BYTE *)(uintptr_t)text, strlen(text)), CKR_OK);
}

START_TEST(known_answers_in_one_and_in_parts)
{
    CK_BYTE abc[] = "abc";

    for (size_t i = 0; i < VECTORS; i++) {
        CK_BYTE out[64];
        char text[129];
        CK_ULONG size = sizeof out;

        begin(vectors[i].type);
        ck_assert_rv(C_Digest(session, abc, 3, out, &size), CKR_OK);
        bytes_to_hex(out, size, text);
        ck_assert_str_eq(text, vectors[i].digest);
        begin(vectors[i].type);
        update("a");
        update("");
        update("bc");
        ends_with(vectors[i].digest);
    }
    ck_assert_uint_eq(test_tpm_count()->total, 0);
}
END_TEST

START_TEST(digests_are_listed_as_software)
{
    CK_MECHANISM_INFO info;

    for (size_t i = 0; i < VECTORS; i++) {
        ck_assert_rv(C_GetMechanismInfo(test_slot("device"), vectors[i].type, &info), CKR_OK);
        ck_assert_uint_eq(info.flags, CKF_DIGEST);
        ck_assert_uint_eq(info.ulMinKeySize, 0);
        ck_assert_uint_eq(info.ulMaxKeySize, 0);
    }
}
END_TEST

START_TEST(asking_for_the_length_ends_nothing)
{
    CK_BYTE abc[] = "abc";
    CK_BYTE out[32];
    CK_ULONG size = 0;

    begin(CKM_SHA256);
    ck_assert_rv(C_Digest(session, abc, 3, NULL, &size), CKR_OK);
    ck_assert_uint_eq(size, 32);
    size = 31;
    ck_assert_rv(C_Digest(session, abc, 3, out, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 32);
    ck_assert_rv(C_Digest(session, abc, 3, out, &size), CKR_OK);
    ck_assert_rv(C_Digest(session, abc, 3, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    begin(CKM_SHA256);
    update("abc");
    size = 1;
    ck_assert_rv(C_DigestFinal(session, NULL, &size), CKR_OK);
    size = 1;
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_BUFFER_TOO_SMALL);
    ends_with(vectors[2].digest);
}
END_TEST

START_TEST(calls_out_of_order_and_bad_arguments)
{
    CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
    CK_MECHANISM with_parameter = {CKM_SHA256, &sha, 1};
    CK_MECHANISM sign = {CKM_ECDSA, NULL, 0};
    CK_BYTE out[32];
    CK_ULONG size = sizeof out;

    ck_assert_rv(C_DigestUpdate(session, out, 1), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_DigestKey(session, 1), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_DigestInit(session, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_DigestInit(session, &sign), CKR_MECHANISM_INVALID);
    ck_assert_rv(C_DigestInit(session, &with_parameter), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_rv(C_DigestInit(session + 1, &sha), CKR_SESSION_HANDLE_INVALID);
    begin(CKM_SHA256);
    ck_assert_rv(C_DigestInit(session, &sha), CKR_OPERATION_ACTIVE);
    update("a");
    ck_assert_rv(C_Digest(session, out, 1, out, &size), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    begin(CKM_SHA256);
    ck_assert_rv(C_Digest(session, out, 1, NULL, &size), CKR_OK);
    ck_assert_rv(C_DigestUpdate(session, out, 1), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_Digest(session, out, 1, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    begin(CKM_SHA256);
    ck_assert_rv(C_Digest(session, out, 1, NULL, &size), CKR_OK);
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OPERATION_ACTIVE);
    ck_assert_rv(C_Digest(session, out, 1, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    begin(CKM_SHA256);
    ck_assert_rv(C_DigestUpdate(session, NULL, 1), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    begin(CKM_SHA256);
    ck_assert_rv(C_Digest(session, out, 1, out, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_DigestFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(a_key_without_a_value_is_indigestible)
{
    begin(CKM_SHA_1);
    ck_assert_rv(C_DigestKey(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_KEY_INDIGESTIBLE);
    ck_assert_rv(C_DigestKey(session, test_find(session, CKO_PUBLIC_KEY, "ec")), CKR_KEY_INDIGESTIBLE);
    ck_assert_rv(C_DigestKey(session, 9999), CKR_KEY_HANDLE_INVALID);
    update("abc");
    ends_with(vectors[0].digest);
}
END_TEST

/* A key is its bytes, whatever its attributes say; and a state with a key in it is not given out. */
START_TEST(a_software_key_is_digested)
{
    CK_OBJECT_HANDLE key;
    CK_ULONG size = 0;

    for (int sensitive = 0; sensitive < 2; sensitive++) {
        CK_ATTRIBUTE items[] = {
            {CKA_SENSITIVE,   sensitive ? &test_yes : &test_no, 1},
            {CKA_EXTRACTABLE, &test_yes,                        1},
        };

        ck_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, "b", 1, items, 2, &key), CKR_OK);
        begin(CKM_SHA256);
        update("a");
        ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_OK);
        ck_assert_rv(C_DigestKey(session, key), CKR_OK);
        ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_STATE_UNSAVEABLE);
        update("c");
        ends_with(vectors[2].digest);
    }
    ck_assert_rv(C_DigestKey(session, key), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

/* --- saved states
 * --------------------------------------------------------------------------------------------- */

static CK_ULONG save(CK_BYTE state[512])
{
    CK_ULONG size = 0;

    ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_OK);
    ck_assert_uint_le(size, 512);
    size--;
    ck_assert_rv(C_GetOperationState(session, state, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_rv(C_GetOperationState(session, state, &size), CKR_OK);
    return size;
}

/* 300 bytes cross the blocks of both families; every length leaves another rest. */
START_TEST(a_state_goes_on_in_another_session)
{
    CK_BYTE data[300];
    CK_BYTE state[512];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)i;
    for (size_t v = 0; v < 5; v++) {
        for (CK_ULONG cut = 0; cut <= sizeof data; cut += 13) {
            CK_SESSION_HANDLE other = test_session();
            CK_BYTE whole[64], parts[64];
            CK_ULONG whole_size = 64, parts_size = 64, size;

            begin(vectors[v].type);
            ck_assert_rv(C_DigestUpdate(session, data, cut), CKR_OK);
            size = save(state);
            ck_assert_rv(C_DigestUpdate(session, data + cut, sizeof data - cut), CKR_OK);
            ck_assert_rv(C_DigestFinal(session, whole, &whole_size), CKR_OK);
            ck_assert_rv(C_SetOperationState(other, state, size, 0, 0), CKR_OK);
            ck_assert_rv(C_DigestUpdate(other, data + cut, sizeof data - cut), CKR_OK);
            ck_assert_rv(C_DigestFinal(other, parts, &parts_size), CKR_OK);
            ck_assert_uint_eq(whole_size, parts_size);
            ck_assert_mem_eq(whole, parts, whole_size);
            ck_assert_rv(C_CloseSession(other), CKR_OK);
        }
    }
}
END_TEST

START_TEST(a_changed_state_is_refused)
{
    CK_BYTE state[512];
    CK_ULONG size;

    begin(CKM_SHA384);
    update("abc");
    size = save(state);
    for (CK_ULONG i = 0; i < size; i++) {
        state[i] ^= 0x01;
        ck_assert_rv(C_SetOperationState(session, state, size, 0, 0), CKR_SAVED_STATE_INVALID);
        state[i] ^= 0x01;
        ck_assert_rv(C_SetOperationState(session, state, i, 0, 0), CKR_SAVED_STATE_INVALID);
    }
    ck_assert_rv(C_SetOperationState(session, NULL, size, 0, 0), CKR_ARGUMENTS_BAD);
    ck_assert_rv(C_SetOperationState(session, state, size, 1, 0), CKR_KEY_NOT_NEEDED);
    ck_assert_rv(C_SetOperationState(session, state, size, 0, 1), CKR_KEY_NOT_NEEDED);
    ck_assert_rv(C_SetOperationState(session, state, (CK_ULONG)-1, 0, 0), CKR_SAVED_STATE_INVALID);
    ends_with(vectors[3].digest);
}
END_TEST

START_TEST(what_cannot_be_saved)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ULONG size = 0;

    ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_rv(C_GetOperationState(session, NULL, NULL), CKR_ARGUMENTS_BAD);
    begin(CKM_SHA3_256);
    ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_STATE_UNSAVEABLE);
    update("abc");
    ends_with(vectors[6].digest);
    ck_assert_rv(C_SignInit(session, &ecdsa, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_OK);
    ck_assert_rv(C_GetOperationState(session, NULL, &size), CKR_STATE_UNSAVEABLE);
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("digest");
    TCase *tests = tcase_create("digest");

    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, make, NULL);
    tcase_add_checked_fixture(tests, up, test_module_down);
    tcase_add_test(tests, known_answers_in_one_and_in_parts);
    tcase_add_test(tests, digests_are_listed_as_software);
    tcase_add_test(tests, asking_for_the_length_ends_nothing);
    tcase_add_test(tests, calls_out_of_order_and_bad_arguments);
    tcase_add_test(tests, a_key_without_a_value_is_indigestible);
    tcase_add_test(tests, a_software_key_is_digested);
    tcase_add_test(tests, a_state_goes_on_in_another_session);
    tcase_add_test(tests, a_changed_state_is_refused);
    tcase_add_test(tests, what_cannot_be_saved);
    suite_add_tcase(suite, tests);
    return suite;
}
