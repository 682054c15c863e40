/* SPDX-License-Identifier: Apache-2.0 */
/* C_GenerateRandom and C_SeedRandom of a file token; test_random of tpm/ has those of a TPM token. */
#include "tests/support/filetoken.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_SESSION_HANDLE session;

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

START_TEST(token_says_that_it_has_random_numbers)
{
    CK_TOKEN_INFO info;

    filetoken_assert_rv(C_GetTokenInfo(filetoken_slot("disk"), &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_RNG, 0);
}
END_TEST

START_TEST(random_numbers_differ_and_fill_the_buffer)
{
    CK_BYTE one[4098];
    CK_BYTE other[4098];

    memset(one, 0xa5, sizeof one);
    memset(other, 0xa5, sizeof other);
    filetoken_assert_rv(C_GenerateRandom(session, one + 1, sizeof one - 2), CKR_OK);
    filetoken_assert_rv(C_GenerateRandom(session, other + 1, sizeof other - 2), CKR_OK);
    for (size_t at = 1; at + 32 < sizeof one; at += 32) {
        ck_assert_mem_ne(one + at, other + at, 32);
        ck_assert_mem_ne(one + at, one + at - 1, 32);
    }
    ck_assert_uint_eq(one[0] & one[sizeof one - 1], 0xa5);
    filetoken_assert_rv(C_GenerateRandom(session, one, 0), CKR_OK);
    filetoken_assert_rv(C_GenerateRandom(session, NULL, 0), CKR_OK);
    filetoken_assert_rv(C_GenerateRandom(session, NULL, 1), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(the_same_seed_gives_other_numbers)
{
    CK_BYTE seed[300];
    CK_BYTE one[32];
    CK_BYTE other[32];

    memset(seed, 7, sizeof seed);
    filetoken_assert_rv(C_SeedRandom(session, seed, sizeof seed), CKR_OK);
    filetoken_assert_rv(C_GenerateRandom(session, one, sizeof one), CKR_OK);
    filetoken_assert_rv(C_SeedRandom(session, seed, sizeof seed), CKR_OK);
    filetoken_assert_rv(C_GenerateRandom(session, other, sizeof other), CKR_OK);
    ck_assert_mem_ne(one, other, sizeof one);
    filetoken_assert_rv(C_SeedRandom(session, NULL, 0), CKR_OK);
    filetoken_assert_rv(C_SeedRandom(session, NULL, 1), CKR_ARGUMENTS_BAD);
}
END_TEST

/* A generator that was copied with the process would give both the same numbers. */
START_TEST(a_child_has_other_numbers)
{
    CK_BYTE own[32];
    CK_BYTE of_child[32];
    int ends[2];
    pid_t child;
    int status;

    filetoken_assert_rv(C_GenerateRandom(session, own, sizeof own), CKR_OK);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        bool good =
            C_Initialize(NULL) == CKR_OK &&
            C_OpenSession(filetoken_slot("disk"), CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK &&
            C_GenerateRandom(session, own, sizeof own) == CKR_OK &&
            write(ends[1], own, sizeof own) == (ssize_t)sizeof own;

        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(ends[0], of_child, sizeof of_child), sizeof of_child);
    filetoken_assert_rv(C_GenerateRandom(session, own, sizeof own), CKR_OK);
    ck_assert_mem_ne(own, of_child, sizeof own);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("random");
    TCase *t = tcase_create("random");

    tcase_add_checked_fixture(t, up, filetoken_down);
    tcase_add_test(t, token_says_that_it_has_random_numbers);
    tcase_add_test(t, random_numbers_differ_and_fill_the_buffer);
    tcase_add_test(t, the_same_seed_gives_other_numbers);
    tcase_add_test(t, a_child_has_other_numbers);
    suite_add_tcase(s, t);
    return s;
}
