/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "pkcs11/store.h"
#include "tests/support/module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

static struct store store;
static char *folder;

static void make_directory(void)
{
    support_directory();
}

static void open_store(void)
{
    static unsigned number;

    folder = strdup(support_path("store-%d-%u", (int)getpid(), number++));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_rv(store_open(folder, &store), CKR_OK);
}

static void close_store(void)
{
    store_close(&store);
    free(folder);
}

static void settle(void)
{
    const struct timespec pause = {.tv_nsec = 60 * 1000 * 1000};

    nanosleep(&pause, NULL);
    store_changed(&store);
}

/* All entries of the directory, sorted, one a line. */
static void assert_listing(const char *wanted)
{
    char *listing;

    ck_assert_int_eq(support_shell(&listing, "ls -A %s", folder), 0);
    ck_assert_str_eq(listing, wanted);
    free(listing);
}

static void assert_content(const char *name, const char *wanted)
{
    struct bytes content;

    ck_assert_rv(store_read(&store, name, &content), CKR_OK);
    ck_assert_uint_eq(content.size, strlen(wanted));
    ck_assert_mem_eq(content.data, wanted, content.size);
    bytes_free(&content);
}

static void assert_added(const char *label, const char *suffix, const char *wanted)
{
    char *name;

    ck_assert_rv(store_add(&store, label, suffix, "x", 1, &name), CKR_OK);
    ck_assert_str_eq(name, wanted);
    free(name);
}

START_TEST(a_directory_that_is_not_there_is_named)
{
    struct store absent;

    p11_failure_clear();
    ck_assert_rv(store_open(support_path("absent"), &absent), CKR_TOKEN_NOT_PRESENT);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "absent"));
    support_write(support_path("plain"), "");
    ck_assert_rv(store_open(support_path("plain"), &absent), CKR_TOKEN_NOT_PRESENT);
}
END_TEST

START_TEST(names_are_made_of_labels)
{
    static const struct {
        const char *label;
        const char *name;
    } rows[] = {
        {"device-id",        "device-id"       },
        {"Device ID",        "device-id"       },
        {"",                 "key"             },
        {"../../etc/passwd", "-.-..-etc-passwd"},
        {".hidden",          "-hidden"         },
        {"a.b_c",            "a.b_c"           },
        {"\xc3\xa4",         "--"              },
        {"-rf *",            "-rf--"           },
        {"a\nb\\c\"d",       "a-b-c-d"         },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *name = store_name_of(rows[i].label, strlen(rows[i].label));

        ck_assert_ptr_null(strchr(name, '/'));
        ck_assert_int_ne(name[0], '.');
        ck_assert_str_eq(name, rows[i].name);
        free(name);
    }
}
END_TEST

START_TEST(a_long_label_is_cut)
{
    char label[5000];
    char *name;

    memset(label, 'a', sizeof label);
    name = store_name_of(label, sizeof label);
    ck_assert_uint_eq(strlen(name), 100);
    free(name);
}
END_TEST

START_TEST(add_takes_the_first_free_name)
{
    assert_added("Key", ".pem", "key.pem");
    assert_added("Key", ".pem", "key-2.pem");
    assert_added("Key", ".crt.pem", "key.crt.pem");
    ck_assert_int_eq(symlink("/nowhere", support_path("%s/key-3.pem", strrchr(folder, '/') + 1)), 0);
    assert_added("Key", ".pem", "key-4.pem");
    assert_listing(".generation\n.lock\nkey-2.pem\nkey-3.pem\nkey-4.pem\nkey.crt.pem\nkey.pem\n");
}
END_TEST

START_TEST(no_label_makes_the_file_of_the_pin)
{
    assert_added("pin", ".pem", "pin-2.pem");
}
END_TEST

START_TEST(files_are_for_the_owner)
{
    struct stat status;

    assert_added("key", ".pem", "key.pem");
    ck_assert_int_eq(fstatat(store.directory, "key.pem", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(fstatat(store.directory, ".lock", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(replace_and_remove_leave_no_trace)
{
    assert_added("key", ".pem", "key.pem");
    ck_assert_rv(store_replace(&store, "key.pem", "second", 6), CKR_OK);
    assert_content("key.pem", "second");
    ck_assert_rv(store_remove(&store, "key.pem"), CKR_OK);
    assert_listing(".generation\n.lock\n");
    ck_assert_rv(store_remove(&store, "key.pem"), CKR_OK);
}
END_TEST

START_TEST(add_that_fails_leaves_no_file)
{
    char *name;

    ck_assert_int_eq(mkdirat(store.directory, ".generation", 0700), 0);
    ck_assert_rv(store_add(&store, "key", ".pem", "x", 1, &name), CKR_DEVICE_ERROR);
    ck_assert_ptr_null(name);
    assert_listing(".generation\n.lock\n");
}
END_TEST

START_TEST(replace_that_fails_leaves_the_old_content)
{
    assert_added("key", ".pem", "key.pem");
    ck_assert_int_eq(unlinkat(store.directory, ".generation", 0), 0);
    ck_assert_int_eq(mkdirat(store.directory, ".generation", 0700), 0);
    ck_assert_rv(store_replace(&store, "key.pem", "second", 6), CKR_DEVICE_ERROR);
    assert_content("key.pem", "x");
    ck_assert_rv(store_remove(&store, "key.pem"), CKR_DEVICE_ERROR);
    assert_content("key.pem", "x");
}
END_TEST

static CK_RV collect_names(void *data, const char *name, const struct stat *status)
{
    char *names = data;

    (void)status;
    strcat(strcat(names, name), " ");
    return CKR_OK;
}

START_TEST(each_sees_object_files_only)
{
    static const char *const others[] = {"pin.pem",     ".hidden.pem", "token.conf",
                                         "key.pem.bak", ".pem",        "PEM"};
    char names[256] = "";

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        support_write(support_path("%s/%s", strrchr(folder, '/') + 1, others[i]), "");
    ck_assert_int_eq(mkdirat(store.directory, "folder.pem", 0700), 0);
    ck_assert_int_eq(mkfifoat(store.directory, "fifo.pem", 0600), 0);
    ck_assert_int_eq(symlinkat("/nowhere", store.directory, "dangling.pem"), 0);
    assert_added("a", ".pem", "a.pem");
    ck_assert_rv(store_each(&store, collect_names, names), CKR_OK);
    ck_assert_str_eq(names, "a.pem ");
}
END_TEST

static CK_RV refuse(void *data, const char *name, const struct stat *status)
{
    (void)name;
    (void)status;
    ++*(unsigned *)data;
    return CKR_HOST_MEMORY;
}

START_TEST(each_stops_at_the_first_failure)
{
    unsigned calls = 0;

    assert_added("a", ".pem", "a.pem");
    assert_added("b", ".pem", "b.pem");
    ck_assert_rv(store_each(&store, refuse, &calls), CKR_HOST_MEMORY);
    ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(read_refuses_what_is_no_file_of_reasonable_size)
{
    struct bytes content;
    int fd = openat(store.directory, "large.pem", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_eq(ftruncate(fd, 1024 * 1024 + 1), 0);
    close(fd);
    ck_assert_rv(store_read(&store, "large.pem", &content), CKR_DEVICE_ERROR);
    ck_assert_rv(store_read(&store, "absent.pem", &content), CKR_DEVICE_ERROR);
    ck_assert_int_eq(mkfifoat(store.directory, "fifo.pem", 0600), 0);
    ck_assert_rv(store_read(&store, "fifo.pem", &content), CKR_DEVICE_ERROR);
}
END_TEST

/* --- refresh */

START_TEST(the_first_look_finds_a_change_and_a_quiet_directory_none)
{
    ck_assert(store_changed(&store));
    settle();
    ck_assert(!store_changed(&store));
    ck_assert(!store_changed(&store));
}
END_TEST

START_TEST(a_change_shows_once_the_clock_has_moved)
{
    settle();
    support_write(support_path("%s/new.pem", strrchr(folder, '/') + 1), "");
    ck_assert(store_changed(&store));
    settle();
    ck_assert(!store_changed(&store));
}
END_TEST

/* The kernel's clock stands still within a tick: a second change may leave the same time behind. */
START_TEST(a_change_within_the_same_tick_shows)
{
    struct timespec same[2];
    struct stat status;

    settle();
    assert_added("one", ".pem", "one.pem");
    ck_assert(store_changed(&store));
    ck_assert_int_eq(fstat(store.directory, &status), 0);
    same[0] = status.st_atim;
    same[1] = status.st_mtim;
    support_write(support_path("%s/two.pem", strrchr(folder, '/') + 1), "");
    ck_assert_int_eq(futimens(store.directory, same), 0);
    ck_assert(store_changed(&store));
}
END_TEST

START_TEST(a_writer_shows_even_when_the_clock_lies)
{
    struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    assert_added("one", ".pem", "one.pem");
    ck_assert_int_eq(futimens(store.directory, past), 0);
    ck_assert(store_changed(&store));
    ck_assert(!store_changed(&store));
    assert_added("two", ".pem", "two.pem");
    ck_assert_int_eq(futimens(store.directory, past), 0);
    ck_assert(store_changed(&store));
}
END_TEST

/* --- other processes */

START_TEST(a_writer_that_does_not_finish_is_not_waited_for_for_ever)
{
    char *name;
    int held;

    ck_assert_int_eq(file_lock(store.directory, ".lock", 0, &held), 0);
    store.lock_milliseconds = 30;
    p11_failure_clear();
    ck_assert_rv(store_add(&store, "key", ".pem", "x", 1, &name), CKR_DEVICE_ERROR);
    ck_assert_ptr_nonnull(strstr(p11_failure_text(), "held by another process"));
    ck_assert_ptr_null(name);
    ck_assert_rv(store_replace(&store, "key.pem", "x", 1), CKR_DEVICE_ERROR);
    ck_assert_rv(store_remove(&store, "key.pem"), CKR_DEVICE_ERROR);
    file_unlock(held);
    assert_added("key", ".pem", "key.pem");
}
END_TEST

START_TEST(writers_side_by_side_lose_nothing)
{
    enum { WRITERS = 4, FILES = 5 };
    size_t count = 0;
    char names[1024] = "";

    for (int i = 0; i < WRITERS; i++) {
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child != 0)
            continue;
        for (int n = 0; n < FILES; n++) {
            char *name;

            if (store_add(&store, "same", ".pem", "x", 1, &name) != CKR_OK)
                _exit(1);
            free(name);
        }
        _exit(0);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;

        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_rv(store_each(&store, collect_names, names), CKR_OK);
    for (const char *p = names; (p = strchr(p, ' ')) != NULL; p++)
        count++;
    ck_assert_uint_eq(count, WRITERS * FILES);
}
END_TEST

START_TEST(a_read_only_directory_is_write_protected_and_readable)
{
    char *name;
    bool root = geteuid() == 0;

    assert_added("key", ".pem", "key.pem");
    ck_assert_int_eq(fchmod(store.directory, 0555), 0);
    ck_assert_int_eq(chmod(support_directory(), 0755), 0);
    ck_assert_int_eq(fchmodat(store.directory, "key.pem", 0444, 0), 0);
    if (root)
        ck_assert_int_eq(seteuid(NOBODY), 0);
    ck_assert_rv(store_add(&store, "other", ".pem", "x", 1, &name), CKR_TOKEN_WRITE_PROTECTED);
    ck_assert_rv(store_replace(&store, "key.pem", "y", 1), CKR_TOKEN_WRITE_PROTECTED);
    ck_assert_rv(store_remove(&store, "key.pem"), CKR_TOKEN_WRITE_PROTECTED);
    assert_content("key.pem", "x");
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(fchmod(store.directory, 0700), 0);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("store");

    tcase_add_unchecked_fixture(t, make_directory, NULL);
    tcase_add_checked_fixture(t, open_store, close_store);
    tcase_add_test(t, a_directory_that_is_not_there_is_named);
    tcase_add_test(t, names_are_made_of_labels);
    tcase_add_test(t, a_long_label_is_cut);
    tcase_add_test(t, add_takes_the_first_free_name);
    tcase_add_test(t, no_label_makes_the_file_of_the_pin);
    tcase_add_test(t, files_are_for_the_owner);
    tcase_add_test(t, replace_and_remove_leave_no_trace);
    tcase_add_test(t, add_that_fails_leaves_no_file);
    tcase_add_test(t, replace_that_fails_leaves_the_old_content);
    tcase_add_test(t, each_sees_object_files_only);
    tcase_add_test(t, each_stops_at_the_first_failure);
    tcase_add_test(t, read_refuses_what_is_no_file_of_reasonable_size);
    tcase_add_test(t, the_first_look_finds_a_change_and_a_quiet_directory_none);
    tcase_add_test(t, a_change_shows_once_the_clock_has_moved);
    tcase_add_test(t, a_change_within_the_same_tick_shows);
    tcase_add_test(t, a_writer_shows_even_when_the_clock_lies);
    tcase_add_test(t, a_writer_that_does_not_finish_is_not_waited_for_for_ever);
    tcase_add_test(t, writers_side_by_side_lose_nothing);
    tcase_add_test(t, a_read_only_directory_is_write_protected_and_readable);
    suite_add_tcase(s, t);
    return s;
}
