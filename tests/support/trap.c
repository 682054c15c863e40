/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/trap.h"

#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    bool armed;
    unsigned at;    /* the step at which it springs, from 1 */
    int error;      /* every step from there on fails so; 0: the process is killed */
    unsigned steps; /* so far */
} trap;

/* True: the step fails, with errno set. */
static bool step(void)
{
    if (!trap.armed || ++trap.steps < trap.at)
        return false;
    if (trap.error == 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    errno = trap.error;
    return true;
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if ((flags & O_CREAT) != 0 && step())
        return -1;
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

/* Half of it is written before the end. */
ssize_t write(int fd, const void *data, size_t size)
{
    struct stat status;

    if (trap.armed && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        if (trap.steps + 1 == trap.at)
            syscall(SYS_write, fd, data, size / 2);
        if (step())
            return -1;
    }
    return syscall(SYS_write, fd, data, size);
}

int fsync(int fd)
{
    return step() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
    return trap.error == 0 && step() ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int renameat(int from, const char *old, int to, const char *new)
{
    return step() ? -1 : (int)syscall(SYS_renameat, from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return step() ? -1 : (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    return step() ? -1 : (int)syscall(SYS_mkdirat, directory, path, mode);
}

/* A full disk lets files go. */
int unlinkat(int directory, const char *path, int flags)
{
    return trap.error == 0 && step() ? -1 : (int)syscall(SYS_unlinkat, directory, path, flags);
}

void trap_arm(void)
{
    trap.armed = true;
}

void trap_disarm(void)
{
    trap.armed = false;
}

/* --- one attempt
 * ---------------------------------------------------------------------------------------------- */

static void copy_directory(const char *from, const char *to)
{
    ck_assert_int_eq(support_shell(NULL, "rm -rf '%s'; cp -a '%s' '%s'", support_path("%s", to),
                                   support_path("%s", from), support_path("%s", to)),
                     0);
}

void trap_keep(void)
{
    copy_directory("tokens", "made");
}

static void child(trap_victim *victim, const void *data, unsigned at, int error, int result)
{
    CK_RV rv;

    trap.at = at;
    trap.error = error;
    rv = victim(data);
    if (write(result, &rv, sizeof rv) != (ssize_t)sizeof rv)
        _exit(2);
    _exit(trap.steps < at ? 0 : 1);
}

bool trap_attempt(trap_victim *victim, const void *data, unsigned at, int error, CK_RV *rv)
{
    int ends[2];
    int status;
    pid_t process;

    copy_directory("made", "tokens");
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    process = fork();
    if (process == 0)
        child(victim, data, at, error, ends[1]);
    close(ends[1]);
    *rv = CKR_CANCEL;
    if (read(ends[0], rv, sizeof *rv) != (ssize_t)sizeof *rv)
        *rv = CKR_CANCEL;
    close(ends[0]);
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_msg(WIFEXITED(status) ? WEXITSTATUS(status) < 2 : WTERMSIG(status) == SIGKILL,
                  "step %u: the process ended with 0x%x", at, (unsigned)status);
    return !WIFEXITED(status) || WEXITSTATUS(status) == 1;
}
