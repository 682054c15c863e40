/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/abrmd.h"

#include "tests/support/support.h"
#include "tests/support/tpm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t starter;
static pid_t bus;
static pid_t manager;

static void end_process(pid_t *process)
{
    if (*process == 0)
        return;
    kill(*process, SIGTERM);
    waitpid(*process, NULL, 0);
    *process = 0;
}

static void end_all(void)
{
    if (getpid() != starter)
        return;
    end_process(&manager);
    end_process(&bus);
}

/* What it prints goes to a file of the test's directory. */
static pid_t start(const char *const *arguments, const char *log)
{
    pid_t process = fork();
    int fd;

    if (process != 0)
        return process;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    perror(arguments[0]);
    _exit(127);
}

#define OWNER                                                                                                \
    "dbus-send --session --print-reply --dest=org.freedesktop.DBus / "                                       \
    "org.freedesktop.DBus.GetNameOwner string:com.intel.tss2.Tabrmd"

/* Up to ten seconds, for a shell command to succeed. */
static bool wait_for(const char *command)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

    for (int i = 0; i < 500; i++) {
        if (support_shell(NULL, "%s >/dev/null", command) == 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static void start_bus(void)
{
    char address[4200];
    const char *const arguments[] = {"dbus-daemon", "--session", "--nofork", "--nopidfile",
                                     "--address",   address,     NULL};

    snprintf(address, sizeof address, "unix:path=%s", support_path("bus"));
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
    bus = start(arguments, support_path("bus.log"));
    if (!wait_for("dbus-send --session --print-reply --dest=org.freedesktop.DBus / "
                  "org.freedesktop.DBus.GetId"))
        ck_abort_msg("dbus-daemon does not start");
}

static void start_manager(void)
{
    const char *const arguments[] = {"tpm2-abrmd", "--allow-root", "--session",     "--flush-all", "--logger",
                                     "stdout",     "--tcti",       test_tpm_tcti(), NULL};

    manager = start(arguments, support_path("abrmd.log"));
    if (!wait_for(OWNER))
        ck_abort_msg("tpm2-abrmd does not start");
}

void test_abrmd_start(void)
{
    char tcti[4300];

    if (starter == 0) {
        starter = getpid();
        atexit(end_all);
    }
    if (bus == 0)
        start_bus();
    if (manager == 0)
        start_manager();
    snprintf(tcti, sizeof tcti, "%s:tabrmd:bus_type=session",
             support_build_path("tests/support/.libs/tcti_count.so"));
    setenv("DEVID_TCTI", tcti, 1);
}

/* In a test that Check forked it is the child of the parent, and only the bus tells that it has ended. */
void test_abrmd_stop(void)
{
    end_process(&manager);
    if (!wait_for("! " OWNER))
        ck_abort_msg("tpm2-abrmd does not end");
}
