/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment does to a token: rights, disks, locks, versions, a TPM in lockout. */
#include "tests/support/filetoken.h"
#include "tests/support/module.h"
#include "tests/support/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

/* --- a clock that goes as fast as the module waits
 * ------------------------------------------------------------- */

static bool time_flies;
static int64_t flown; /* nanoseconds */

int nanosleep(const struct timespec *request, struct timespec *left)
{
    if (!time_flies)
        return clock_nanosleep(CLOCK_MONOTONIC, 0, request, left);
    flown += request->tv_sec * 1000000000LL + request->tv_nsec;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);

    if (clock == CLOCK_MONOTONIC)
        now->tv_sec += flown / 1000000000LL;
    return result;
}

/* --- a token in files with a pair and a data object
 * ------------------------------------------------------------- */

static CK_SESSION_HANDLE session;

static CK_RV create(const char *label, size_t size)
{
    static CK_BYTE value[65536];
    CK_OBJECT_CLASS object_class = CKO_DATA;
    CK_ATTRIBUTE items[] = {
        {CKA_CLASS, &object_class,            sizeof object_class},
        {CKA_TOKEN, &test_yes,                sizeof test_yes    },
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)      },
        {CKA_VALUE, value,                    size               },
    };
    CK_OBJECT_HANDLE object;

    return C_CreateObject(session, items, 4, &object);
}

static CK_RV generate(void)
{
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;

    return test_generate_ec(session, "P-256", "ec", true, &public, &private);
}

static void up(void)
{
    test_module_environment();
    filetoken_up();
    ck_assert_int_eq(chmod(support_directory(), 0755), 0);
    ck_assert_int_eq(chmod(support_path("tokens"), 0755), 0);
    session = filetoken_session("disk");
    ck_assert_rv(generate(), CKR_OK);
    ck_assert_rv(create("note", 10), CKR_OK);
}

/* What works without writing does. */
static void assert_readable(void)
{
    ck_assert_uint_ne(test_find(session, CKO_DATA, "note"), 0);
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_OK);
}

/* Nothing that writes does, and all say the same. */
static void assert_unwritable(CK_RV wanted)
{
    CK_OBJECT_HANDLE note = test_find(session, CKO_DATA, "note");
    CK_ATTRIBUTE item = {CKA_LABEL, (void *)(uintptr_t) "other", 5};

    ck_assert_rv(create("new", 10), wanted);
    ck_assert_rv(generate(), wanted);
    ck_assert_rv(C_SetAttributeValue(session, note, &item, 1), wanted);
    ck_assert_rv(C_CopyObject(session, note, &item, 1, &note), wanted);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_PRIVATE_KEY, "ec")), wanted);
    ck_assert_uint_eq(test_count(session, NULL, 0), 3);
    assert_readable();
}

/* Runs the rest of a test as another user, in a process of its own when this one is root. */
static void as_nobody(void (*body)(void))
{
    int status;
    pid_t child;

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    if (geteuid() != 0) {
        body();
        return;
    }
    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0)
            _exit(99);
        body();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "as nobody: 0x%x", (unsigned)status);
}

/* Check's asserts cannot be told by a child of a test: they end it, and its status tells. */
static CK_FLAGS token_flags(void)
{
    CK_TOKEN_INFO info;

    ck_assert_rv(C_GetTokenInfo(filetoken_slot("disk"), &info), CKR_OK);
    return info.flags;
}

static void use_a_read_only_directory(void)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_uint_ne(token_flags() & CKF_WRITE_PROTECTED, 0);
    session = filetoken_session("disk");
    assert_unwritable(CKR_TOKEN_WRITE_PROTECTED);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

START_TEST(a_read_only_directory_is_write_protected_and_works)
{
    ck_assert_uint_eq(token_flags() & CKF_WRITE_PROTECTED, 0);
    ck_assert_int_eq(
        support_shell(NULL, "cd '%s' && chmod 644 * && chmod 555 .", support_path("tokens/disk")), 0);
    as_nobody(use_a_read_only_directory);
}
END_TEST

static void use_what_is_readable(void)
{
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    p11_failure_clear();
    ck_assert_uint_eq(test_find(session, CKO_PRIVATE_KEY, "ec"), 0);
    ck_assert_uint_ne(test_find(session, CKO_DATA, "note"), 0);
    ck_assert_uint_eq(test_count(session, NULL, 0), 1);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

START_TEST(a_file_that_cannot_be_read_is_one_object_missing)
{
    ck_assert_int_eq(support_shell(NULL,
                                   "cd '%s' && chmod 755 . && chmod 644 token.conf note.data.pem && "
                                   "chmod %s ec.pem",
                                   support_path("tokens/disk"), geteuid() == 0 ? "600" : "000"),
                     0);
    as_nobody(use_what_is_readable);
}
END_TEST

static void find_no_token(void)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        ck_assert_rv(C_GetTokenInfo(slots[i], &info), CKR_OK);
        ck_assert_uint_eq(info.flags & CKF_TOKEN_INITIALIZED, 0);
    }
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

START_TEST(a_directory_that_cannot_be_read_is_a_token_missing)
{
    ck_assert_int_eq(chmod(support_path("tokens/disk"), geteuid() == 0 ? 0700 : 0), 0);
    as_nobody(find_no_token);
    ck_assert_int_eq(chmod(support_path("tokens/disk"), 0700), 0);
}
END_TEST

/* --- disks
 * -------------------------------------------------------------------------------------------------------- */

static void use_a_small_disk(void)
{
    char number[32];
    unsigned made = 0;
    CK_RV rv = CKR_OK;

    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = filetoken_session("disk");
    for (; rv == CKR_OK && made < 1000; made++) {
        snprintf(number, sizeof number, "n%u", made);
        rv = create(number, 8192);
    }
    ck_assert_rv(rv, CKR_DEVICE_MEMORY);
    ck_assert_uint_eq(test_find(session, CKO_DATA, number), 0);
    assert_readable();
    ck_assert_int_eq(support_shell(NULL, "! ls -A '%s' | grep 'tmp$'", support_path("tokens/disk")), 0);
    ck_assert_rv(C_DestroyObject(session, test_find(session, CKO_DATA, "n0")), CKR_OK);
    ck_assert_rv(create("small", 10), CKR_OK);
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
}

/* A disk of 128 KiB in a name space of its own. Where that is not allowed the full disk of test_crash stays,
 * and this test says so. */
START_TEST(a_full_disk_is_device_memory_and_nothing_is_torn)
{
    const char *tokens = support_path("tokens");

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        rename(tokens, support_path("aside")) != 0 || mkdir(tokens, 0700) != 0 ||
        mount("tmpfs", tokens, "tmpfs", 0, "size=128k") != 0) {
        printf("# no file system can be mounted here (%s): the full disk of test_crash only\n",
               strerror(errno));
        return;
    }
    ck_assert_int_eq(support_shell(NULL, "cp -a '%s/.' '%s'", support_path("aside"), tokens), 0);
    use_a_small_disk();
    ck_assert_int_eq(umount(tokens), 0);
}
END_TEST

/* --- locks, versions
 * ---------------------------------------------------------------------------------------------- */

START_TEST(a_lock_that_is_held_is_waited_for_ten_seconds_and_then_a_device_error)
{
    int held = open(support_path("tokens/disk/.lock"), O_RDWR | O_CLOEXEC);

    ck_assert_int_ge(held, 0);
    ck_assert_int_eq(flock(held, LOCK_EX), 0);
    time_flies = true;
    ck_assert_rv(create("new", 10), CKR_DEVICE_ERROR);
    time_flies = false;
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "held by another process"));
    ck_assert_int_ge(flown, 9000000000LL);
    ck_assert_int_le(flown, 11000000000LL);
    assert_readable();
    close(held);
    ck_assert_rv(create("new", 10), CKR_OK);
}
END_TEST

START_TEST(a_lock_of_a_killed_process_is_free)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        int held = open(support_path("tokens/disk/.lock"), O_RDWR);

        flock(held, LOCK_EX);
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_rv(create("new", 10), CKR_OK);
    ck_assert_int_eq(flown, 0);
}
END_TEST

START_TEST(a_token_of_a_newer_format_is_not_touched)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_int_eq(support_shell(NULL, "sed -i 's/^format = .*/format = 2/' '%s'",
                                   support_path("tokens/disk/token.conf")),
                     0);
    p11_failure_clear();
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "format '2'"));
    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        ck_assert_rv(C_GetTokenInfo(slots[i], &info), CKR_OK);
        ck_assert_uint_eq(info.flags & CKF_TOKEN_INITIALIZED, 0);
    }
}
END_TEST

/* --- a TPM in lockout
 * --------------------------------------------------------------------------------------------- */

#define PIN "right-pin"

static void tool(const char *command)
{
    ck_assert_int_eq(support_shell(NULL, "TPM2TOOLS_TCTI=%s %s", test_tpm_tcti(), command), 0);
}

static CK_SLOT_ID empty_tpm_slot(void)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    ck_assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    ck_assert_rv(C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SLOT_INFO info;

        ck_assert_rv(C_GetSlotInfo(slots[i], &info), CKR_OK);
        if (memcmp(info.slotDescription, "DevID TPM slot", 14) == 0)
            return slots[i];
    }
    ck_abort_msg("there is no empty slot for a TPM token");
    return 0;
}

static void up_with_a_tpm(void)
{
    CK_UTF8CHAR label[32] = "pinned                          ";
    CK_UTF8CHAR pin[] = PIN;
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
    CK_SLOT_ID slot;

    test_module_environment();
    test_tpm_start();
    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'", support_path("tokens")), 0);
    tool("tpm2_dictionarylockout -c");
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    test_init_token("device");
    session = test_session();
    ck_assert_rv(generate(), CKR_OK);
    slot = empty_tpm_slot();
    ck_assert_rv(C_InitToken(slot, pin, strlen(PIN), label), CKR_OK);
    ck_assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_SO, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(test_generate_ec(session, "P-256", "pinned", true, &public, &private), CKR_OK);
    ck_assert_rv(C_Logout(session), CKR_OK);
}

START_TEST(a_tpm_in_lockout_locks_pins_and_nothing_else)
{
    CK_UTF8CHAR wrong[] = "wrong-pin";
    CK_UTF8CHAR pin[] = PIN;
    CK_SESSION_HANDLE plain = test_session();
    CK_TOKEN_INFO info;

    for (int i = 0; i < 3; i++)
        ck_assert_rv(C_Login(session, CKU_USER, wrong, sizeof wrong - 1), CKR_PIN_INCORRECT);
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_PIN_LOCKED);
    ck_assert_rv(C_GetTokenInfo(test_slot("pinned"), &info), CKR_OK);
    ck_assert_uint_ne(info.flags & CKF_USER_PIN_LOCKED, 0);
    ck_assert_rv(test_sign(plain, test_find(plain, CKO_PRIVATE_KEY, "ec")), CKR_OK);
    tool("tpm2_dictionarylockout -c");
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "pinned")), CKR_OK);
}
END_TEST

START_TEST(lockout_leaves_keys_alone_after_a_login)
{
    CK_UTF8CHAR wrong[] = "wrong-pin";
    CK_UTF8CHAR pin[] = PIN;

    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_rv(C_SetPIN(session, wrong, sizeof wrong - 1, pin, strlen(PIN)), CKR_PIN_INCORRECT);
    ck_assert_rv(C_SetPIN(session, pin, strlen(PIN), pin, strlen(PIN)), CKR_PIN_LOCKED);
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "pinned")), CKR_OK);
}
END_TEST

START_TEST(a_cleared_tpm_is_said_to_be_one)
{
    CK_UTF8CHAR pin[] = PIN;
    CK_SESSION_HANDLE plain = test_session();

    ck_assert_rv(test_sign(plain, test_find(plain, CKO_PRIVATE_KEY, "ec")), CKR_OK);
    tool("tpm2_clear -c p");
    ck_assert_rv(test_sign(plain, test_find(plain, CKO_PRIVATE_KEY, "ec")), CKR_DEVICE_ERROR);
    ck_assert_msg(strstr(p11_failure_text(), "cleared") != NULL, "%s", p11_failure_text());
    ck_assert_rv(C_Login(session, CKU_USER, pin, strlen(PIN)), CKR_DEVICE_ERROR);
    ck_assert_msg(strstr(p11_failure_text(), "cleared") != NULL, "%s", p11_failure_text());
    ck_assert_rv(C_Finalize(NULL), CKR_OK);
    ck_assert_rv(C_Initialize(NULL), CKR_OK);
    session = test_session();
    ck_assert_rv(test_sign(session, test_find(session, CKO_PRIVATE_KEY, "ec")), CKR_DEVICE_ERROR);
    ck_assert_msg(strstr(p11_failure_text(), "cleared") != NULL, "%s", p11_failure_text());
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("faults");
    TCase *files = tcase_create("files");
    TCase *tpm = tcase_create("TPM");

    support_directory();
    tcase_add_checked_fixture(files, up, test_module_down);
    tcase_add_test(files, a_read_only_directory_is_write_protected_and_works);
    tcase_add_test(files, a_file_that_cannot_be_read_is_one_object_missing);
    tcase_add_test(files, a_directory_that_cannot_be_read_is_a_token_missing);
    tcase_add_test(files, a_full_disk_is_device_memory_and_nothing_is_torn);
    tcase_add_test(files, a_lock_that_is_held_is_waited_for_ten_seconds_and_then_a_device_error);
    tcase_add_test(files, a_lock_of_a_killed_process_is_free);
    tcase_add_test(files, a_token_of_a_newer_format_is_not_touched);
    suite_add_tcase(s, files);
    tcase_add_checked_fixture(tpm, up_with_a_tpm, test_module_down);
    tcase_add_test(tpm, a_tpm_in_lockout_locks_pins_and_nothing_else);
    tcase_add_test(tpm, lockout_leaves_keys_alone_after_a_login);
    tcase_add_test(tpm, a_cleared_tpm_is_said_to_be_one);
    suite_add_tcase(s, tpm);
    return s;
}
