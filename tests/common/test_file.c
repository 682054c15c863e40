/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(replace_writes_whole_with_the_mode_asked)
{
    const char *path = support_path("replaced");
    struct stat status;
    struct bytes read = BYTES_EMPTY;

    ck_assert_int_eq(file_replace(AT_FDCWD, path, "one", 3, 0600), 0);
    ck_assert_int_eq(file_replace(AT_FDCWD, path, "second", 6, 0640), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    ck_assert_int_eq(file_read(AT_FDCWD, path, 100, &read), 0);
    ck_assert_uint_eq(read.size, 6);
    ck_assert_mem_eq(read.data, "second", 6);
    bytes_free(&read);
}
END_TEST

START_TEST(replace_that_fails_leaves_nothing_behind)
{
    char *listing;
    const char *folder = support_path("folder");

    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(mkdir(support_path("folder/target"), 0700), 0);
    ck_assert_int_eq(file_replace(AT_FDCWD, support_path("folder/target"), "x", 1, 0600), EISDIR);
    ck_assert_int_eq(support_shell(&listing, "ls -A %s", folder), 0);
    ck_assert_str_eq(listing, "target\n");
    free(listing);
    ck_assert_int_eq(file_replace(AT_FDCWD, support_path("absent/target"), "x", 1, 0600), ENOENT);
}
END_TEST

/* A service's token that root looks after stays readable for the service. */
START_TEST(what_root_makes_in_anothers_directory_is_theirs)
{
    const uid_t nobody = 65534;
    bool root = geteuid() == 0;
    struct stat status;
    int directory;
    int lock;

    ck_assert_int_eq(mkdir(support_path("token"), 0700), 0);
    support_write(support_path("other"), "another's");
    ck_assert_int_eq(link(support_path("other"), support_path("token/.linked")), 0);
    if (root)
        ck_assert_int_eq(chown(support_path("token"), nobody, nobody), 0);
    directory = open(support_path("token"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(file_replace(directory, "key.pem", "one", 3, 0600), 0);
    ck_assert_int_eq(file_replace(directory, "key.pem", "two", 3, 0600), 0);
    ck_assert_int_eq(fstatat(directory, "key.pem", &status, 0), 0);
    ck_assert_uint_eq(status.st_uid, root ? nobody : geteuid());
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(file_lock(directory, ".lock", 0, &lock), 0);
    ck_assert_int_eq(fstat(lock, &status), 0);
    ck_assert_uint_eq(status.st_uid, root ? nobody : geteuid());
    file_unlock(lock);
    ck_assert_int_eq(file_lock(directory, ".linked", 0, &lock), 0);
    ck_assert_int_eq(fstat(lock, &status), 0);
    ck_assert_uint_eq(status.st_uid, geteuid());
    file_unlock(lock);
    close(directory);
    ck_assert_int_eq(file_replace(AT_FDCWD, support_path("token/named"), "x", 1, 0600), 0);
    ck_assert_int_eq(stat(support_path("token/named"), &status), 0);
    ck_assert_uint_eq(status.st_uid, geteuid());
}
END_TEST

START_TEST(read_refuses_what_is_too_large_or_no_file)
{
    struct bytes read;

    support_write(support_path("large"), "0123456789");
    ck_assert_int_eq(file_read(AT_FDCWD, support_path("large"), 9, &read), EFBIG);
    ck_assert_int_eq(file_read(AT_FDCWD, support_path("large"), 10, &read), 0);
    bytes_free(&read);
    ck_assert_int_eq(file_read(AT_FDCWD, support_directory(), 10, &read), EISDIR);
    ck_assert_int_eq(file_read(AT_FDCWD, support_path("absent"), 10, &read), ENOENT);
    ck_assert_ptr_null(read.data);
}
END_TEST

START_TEST(lock_is_exclusive_and_has_a_time_limit)
{
    int first;
    int second;

    ck_assert_int_eq(file_lock(AT_FDCWD, support_path(".lock"), 0, &first), 0);
    ck_assert_int_eq(file_lock(AT_FDCWD, support_path(".lock"), 20, &second), ETIMEDOUT);
    ck_assert_int_eq(second, -1);
    file_unlock(first);
    ck_assert_int_eq(file_lock(AT_FDCWD, support_path(".lock"), 0, &second), 0);
    file_unlock(second);
}
END_TEST

/* flock belongs to the open file, which a child shares with its parent. */
START_TEST(a_lock_ends_though_a_child_was_forked_under_it)
{
    int ends[2];
    int first;
    int second;
    pid_t child;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(file_lock(AT_FDCWD, support_path(".lock"), 0, &first), 0);
    child = fork();
    if (child == 0) {
        close(ends[1]);
        _exit(read(ends[0], &first, 1) == 0 ? 0 : 1);
    }
    ck_assert_int_gt(child, 0);
    file_unlock(first);
    ck_assert_int_eq(file_lock(AT_FDCWD, support_path(".lock"), 0, &second), 0);
    file_unlock(second);
    close(ends[1]);
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

START_TEST(make_directories_makes_all_of_them)
{
    struct stat status;

    ck_assert_int_eq(file_make_directories(support_path("a/b/c"), 0700), 0);
    ck_assert_int_eq(file_make_directories(support_path("a/b/c"), 0700), 0);
    ck_assert_int_eq(stat(support_path("a/b/c"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    support_write(support_path("plain"), "");
    ck_assert_int_eq(file_make_directories(support_path("plain/d"), 0700), ENOTDIR);
}
END_TEST

static void make_directory(void)
{
    support_directory();
}

Suite *suite(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");

    tcase_add_unchecked_fixture(t, make_directory, NULL);
    tcase_add_test(t, replace_writes_whole_with_the_mode_asked);
    tcase_add_test(t, what_root_makes_in_anothers_directory_is_theirs);
    tcase_add_test(t, replace_that_fails_leaves_nothing_behind);
    tcase_add_test(t, read_refuses_what_is_too_large_or_no_file);
    tcase_add_test(t, lock_is_exclusive_and_has_a_time_limit);
    tcase_add_test(t, a_lock_ends_though_a_child_was_forked_under_it);
    tcase_add_test(t, make_directories_makes_all_of_them);
    suite_add_tcase(s, t);
    return s;
}
