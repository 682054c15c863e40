/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tpm.h"
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t swtpm;
static pid_t starter;
static uint16_t port;
static struct tcti_count *count;

static void stop_at_exit(void)
{
    if (getpid() == starter)
        test_tpm_stop();
}

static void exec_swtpm(const char *state)
{
    char tpmstate[4200];
    char server[64];
    char control[64];
    char log[4200];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(tpmstate, sizeof tpmstate, "dir=%s", state);
    snprintf(server, sizeof server, "type=tcp,port=%u,bindaddr=127.0.0.1", port);
    snprintf(control, sizeof control, "type=tcp,port=%u,bindaddr=127.0.0.1", port + 1U);
    snprintf(log, sizeof log, "file=%s/log", state);
    execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", tpmstate, "--server", server, "--ctrl",
           control, "--flags", "not-need-init,startup-clear", "--log", log, (char *)NULL);
    perror("swtpm");
    _exit(127);
}

static bool start_on_port(void)
{
    const char *state = support_path("swtpm");

    mkdir(state, 0700);
    swtpm = fork();
    if (swtpm == 0)
        exec_swtpm(state);
    if (support_wait_for_port(port) && waitpid(swtpm, NULL, WNOHANG) == 0)
        return true;
    test_tpm_stop();
    return false;
}

static void map_counters(void)
{
    const char *path = support_path("tcti-count");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof *count) != 0)
        abort();
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (count == MAP_FAILED)
        abort();
    setenv("TCTI_COUNT_FILE", path, 1);
}

void test_tpm_start(void)
{
    char tcti[4300];

    if (swtpm != 0)
        return;
    for (int i = 0; swtpm == 0 && i < 20; i++) {
        if (i > 0 || port == 0)
            port = support_free_port();
        start_on_port();
    }
    if (swtpm == 0) {
        fprintf(stderr, "swtpm does not start\n");
        abort();
    }
    if (count == NULL) {
        starter = getpid();
        atexit(stop_at_exit);
        map_counters();
    }
    snprintf(tcti, sizeof tcti, "%s:%s", support_build_path("tests/support/.libs/tcti_count.so"),
             test_tpm_tcti());
    setenv("DEVID_TCTI", tcti, 1);
}

/* Whether nobody listens on the port any more. */
static bool is_closed(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return connected != 0;
}

/* In a test that Check forked, swtpm is the child of the parent, and only its port tells that it has ended.
 */
void test_tpm_stop(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    if (swtpm == 0)
        return;
    kill(swtpm, SIGTERM);
    waitpid(swtpm, NULL, 0);
    swtpm = 0;
    for (int i = 0; i < 500 && !is_closed(); i++)
        nanosleep(&pause, NULL);
}

const char *test_tpm_tcti(void)
{
    static char tcti[64];

    snprintf(tcti, sizeof tcti, "swtpm:host=127.0.0.1,port=%u", port);
    return tcti;
}

struct tcti_count *test_tpm_count(void)
{
    return count;
}

void test_tpm_count_reset(void)
{
    memset(count, 0, sizeof *count);
}

unsigned test_tpm_count_of(unsigned command_code)
{
    return count->command[command_code & 0x1ff];
}
