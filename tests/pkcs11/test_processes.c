/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes create, sign, find, change and delete in one token directory at once: nothing is lost,
 * nothing is torn, and what one has done the others see at their next look, without C_Finalize.
 */
#include "tests/support/abrmd.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define VALUE_SIZE 5000 /* more than one page: a torn one would show */
#define TIME_LIMIT 200  /* seconds */

/* What each process has done so far, for the others to look at: all rounds below are done. An object of an
 * odd round is deleted in it, one of an even round stays. */
static struct shared {
    unsigned done[PROCESSES];
    unsigned ready;
} * shared;

static CK_SESSION_HANDLE session;

/* The one object of class and label; 0: there is none; more than one ends the process. */
static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS object_class, const char *label)
{
    char text[32];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_LABEL, text,          strlen(label)      },
    };
    CK_OBJECT_HANDLE found[2] = {0};
    CK_ULONG count = 0;

    snprintf(text, sizeof text, "%s", label);
    if (C_FindObjectsInit(session, items, 2) != CKR_OK ||
        C_FindObjects(session, found, 2, &count) != CKR_OK || C_FindObjectsFinal(session) != CKR_OK ||
        count > 1)
        _exit(10);
    return count == 1 ? found[0] : CK_INVALID_HANDLE;
}

static void fill(CK_BYTE value[VALUE_SIZE], unsigned process, unsigned round)
{
    memset(value, (int)('a' + (process * 7 + round) % 26), VALUE_SIZE);
}

static CK_RV create(unsigned process, unsigned round, CK_OBJECT_HANDLE *object)
{
    static CK_BYTE value[VALUE_SIZE];
    CK_OBJECT_CLASS object_class = CKO_DATA;
    char label[32];
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_TOKEN, &test_yes,     sizeof test_yes    },
        {CKA_VALUE, value,         sizeof value       },
        {CKA_LABEL, label,         0                  },
    };

    items[3].ulValueLen = (CK_ULONG)snprintf(label, sizeof label, "p%u-%u", process, round);
    fill(value, process, round);
    return C_CreateObject(session, items, 4, object);
}

static bool is_whole(unsigned process, unsigned round)
{
    static CK_BYTE wanted[VALUE_SIZE];
    static CK_BYTE value[VALUE_SIZE + 1];
    char label[32];
    CK_ATTRIBUTE item = {CKA_VALUE, value, sizeof value};
    CK_OBJECT_HANDLE object;

    snprintf(label, sizeof label, "p%u-%u", process, round);
    object = find(CKO_DATA, label);
    fill(wanted, process, round);
    return object != CK_INVALID_HANDLE && C_GetAttributeValue(session, object, &item, 1) == CKR_OK &&
           item.ulValueLen == VALUE_SIZE && memcmp(value, wanted, VALUE_SIZE) == 0;
}

static bool is_gone(unsigned process, unsigned round)
{
    char label[32];

    snprintf(label, sizeof label, "p%u-%u", process, round);
    return find(CKO_DATA, label) == CK_INVALID_HANDLE;
}

/* What the others said to have done is seen. */
static bool sees_the_others(unsigned self)
{
    for (unsigned other = 0; other < PROCESSES; other++) {
        unsigned done = __atomic_load_n(&shared->done[other], __ATOMIC_ACQUIRE);

        if (other == self || done < 2)
            continue;
        if (!is_whole(other, (done - 1) & ~1U) || !is_gone(other, (done - 2) | 1U))
            return false;
    }
    return true;
}

static bool signs(const char *label)
{
    CK_OBJECT_HANDLE public = find(CKO_PUBLIC_KEY, label);
    CK_OBJECT_HANDLE private = find(CKO_PRIVATE_KEY, label);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {9};
    CK_BYTE signature[64];
    CK_ULONG size = sizeof signature;

    return C_SignInit(session, &mechanism, private) == CKR_OK &&
           C_Sign(session, digest, sizeof digest, signature, &size) == CKR_OK &&
           C_VerifyInit(session, &mechanism, public) == CKR_OK &&
           C_Verify(session, digest, sizeof digest, signature, size) == CKR_OK;
}

/* A key pair of the process's own, made, used and, in odd rounds, destroyed. */
static bool makes_keys(unsigned self, unsigned round)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    char label[32];

    snprintf(label, sizeof label, "key %u-%u", self, round);
    if (test_generate_ec(session, "P-256", label, true, &public, &private) != CKR_OK || !signs(label))
        return false;
    if (round % 2 == 0)
        return true;
    return C_DestroyObject(session, private) == CKR_OK && find(CKO_PRIVATE_KEY, label) == CK_INVALID_HANDLE &&
           find(CKO_PUBLIC_KEY, label) == CK_INVALID_HANDLE;
}

/* All of them edit the same object: each change goes on top of another's, and none is torn. */
static bool edits(unsigned self, unsigned round)
{
    static CK_BYTE value[VALUE_SIZE];
    CK_ATTRIBUTE item = {CKA_VALUE, value, sizeof value};
    CK_OBJECT_HANDLE object = find(CKO_DATA, "common");

    fill(value, self, round);
    if (C_SetAttributeValue(session, object, &item, 1) != CKR_OK ||
        C_GetAttributeValue(session, find(CKO_DATA, "common"), &item, 1) != CKR_OK ||
        item.ulValueLen != VALUE_SIZE)
        return false;
    for (size_t i = 1; i < VALUE_SIZE; i++)
        if (value[i] != value[0])
            return false;
    return true;
}

/* 0, or the number of the step that failed. */
static int do_round(unsigned self, unsigned round)
{
    CK_OBJECT_HANDLE object;

    if (create(self, round, &object) != CKR_OK || !is_whole(self, round))
        return 20;
    if (round % 2 == 1 && C_DestroyObject(session, object) != CKR_OK)
        return 21;
    __atomic_store_n(&shared->done[self], round + 1, __ATOMIC_RELEASE);
    if (!sees_the_others(self))
        return 22;
    if (!signs("ec"))
        return 23;
    if (round % 4 < 2 && !makes_keys(self, round))
        return 24;
    return edits(self, round) ? 0 : 25;
}

static int run(unsigned self, unsigned rounds, const char *token)
{
    alarm(TIME_LIMIT);
    if (C_Initialize(NULL) != CKR_OK ||
        C_OpenSession(test_slot(token), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) != CKR_OK)
        return 2;
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) < PROCESSES)
        usleep(1000);
    for (unsigned round = 0; round < rounds; round++) {
        int step = do_round(self, round);

        if (step != 0) {
            fprintf(stderr, "process %u, round %u, step %d: %s\n", self, round, step, p11_failure_text());
            return step;
        }
    }
    return C_Finalize(NULL) == CKR_OK ? 0 : 3;
}

static void run_all(unsigned rounds, const char *token)
{
    pid_t processes[PROCESSES];

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    fflush(NULL);
    for (unsigned i = 0; i < PROCESSES; i++) {
        processes[i] = fork();
        if (processes[i] == 0)
            _exit(run(i, rounds, token));
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status;

        ck_assert_int_eq(waitpid(processes[i], &status, 0), processes[i]);
        ck_assert_msg(status == 0, "process %u ended with 0x%x", i, (unsigned)status);
    }
}

/* What is there in the end: of each process the objects and keys of even rounds. */
static void assert_all_there(unsigned rounds, const char *token)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_OpenSession(test_slot(token), CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    for (unsigned process = 0; process < PROCESSES; process++) {
        for (unsigned round = 0; round < rounds; round++) {
            char label[32];

            ck_assert(round % 2 == 0 ? is_whole(process, round) : is_gone(process, round));
            snprintf(label, sizeof label, "key %u-%u", process, round);
            if (round % 4 == 0)
                ck_assert_msg(signs(label), "%s", label);
        }
    }
    ck_assert_uint_eq(support_shell(NULL, "! ls -A '%s' | grep 'tmp$'", support_path("tokens/%s", token)), 0);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

/* The token with the key pair "ec" and the object "common". */
static void make(const char *slot, const char *token)
{
    CK_OBJECT_CLASS object_class = CKO_DATA;
    CK_BYTE value[VALUE_SIZE] = {0};
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class,                sizeof object_class},
        {CKA_TOKEN, &test_yes,                    sizeof test_yes    },
        {CKA_LABEL, (void *)(uintptr_t) "common", 6                  },
        {CKA_VALUE, value,                        sizeof value       },
    };
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    test_module_environment();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    filetoken_init(slot, token);
    ck_assert_rv(C_OpenSession(test_slot(token), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
                 CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "ec", true, &public, &private), CKR_OK);
    ck_assert_rv(C_CreateObject(session, items, 4, &public), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

static bool is_long(void)
{
    return getenv("DEVID_TEST_LONG") != NULL;
}

START_TEST(four_processes_share_a_token_in_files)
{
    unsigned rounds = is_long() ? 200 : 16;

    make("DevID file slot", "disk");
    run_all(rounds, "disk");
    assert_all_there(rounds, "disk");
}
END_TEST

START_TEST(four_processes_share_a_token_in_the_tpm)
{
    unsigned rounds = is_long() ? 40 : 6;

    test_tpm_start();
    make("DevID TPM slot", "device");
    test_abrmd_start();
    run_all(rounds, "device");
    assert_all_there(rounds, "device");
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("processes");
    TCase *t = tcase_create("processes");

    tcase_add_test(t, four_processes_share_a_token_in_files);
    tcase_add_test(t, four_processes_share_a_token_in_the_tpm);
    suite_add_tcase(s, t);
    return s;
}
