/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 512
#define PATHS 8
#define SLOTS 32

static char directory[] = "/tmp/devid-bench-XXXXXX";
static pid_t owner;

void bench_require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s failed\n", program_invocation_short_name, what);
    exit(EXIT_FAILURE);
}

/* --- files
 * -------------------------------------------------------------------------------------------------------- */

static void remove_directory(void)
{
    if (getpid() == owner && !bench_shell("rm -rf '%s'", directory))
        fprintf(stderr, "%s stays behind\n", directory);
}

const char *bench_directory(void)
{
    if (owner == 0) {
        bench_require(mkdtemp(directory) != NULL, "making a directory");
        owner = getpid();
        atexit(remove_directory);
    }
    return directory;
}

const char *bench_path(const char *format, ...)
{
    static char paths[PATHS][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % PATHS];
    int size = snprintf(path, PATH_SIZE, "%s/", bench_directory());
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(path + size, PATH_SIZE - (size_t)size, format, arguments);
    va_end(arguments);
    return path;
}

void bench_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    bench_require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

bool bench_shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command) == 0;
}

/* --- TPMs
 * ---------------------------------------------------------------------------------------------------------
 */

static void exec_swtpm(const char *state, unsigned port)
{
    char words[4][PATH_SIZE];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(words[0], PATH_SIZE, "dir=%s", state);
    snprintf(words[1], PATH_SIZE, "type=tcp,port=%u,bindaddr=127.0.0.1", port);
    snprintf(words[2], PATH_SIZE, "type=tcp,port=%u,bindaddr=127.0.0.1", port + 1);
    snprintf(words[3], PATH_SIZE, "file=%s/log", state);
    execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", words[0], "--server", words[1], "--ctrl",
           words[2], "--flags", "not-need-init,startup-clear", "--log", words[3], (char *)NULL);
    _exit(127);
}

static bool listens(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

/* Whether it runs and listens; a port that somebody else has ends it at once. */
static bool is_up(pid_t swtpm, unsigned port)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    for (int i = 0; i < 500; i++) {
        if (waitpid(swtpm, NULL, WNOHANG) != 0)
            return false;
        if (listens(port))
            return waitpid(swtpm, NULL, WNOHANG) == 0;
        nanosleep(&pause, NULL);
    }
    return false;
}

bool bench_swtpm(const char *name, struct bench_tpm *tpm)
{
    const char *state = bench_path("swtpm-%s", name);
    char *tcti = malloc(PATH_SIZE);

    mkdir(state, 0700);
    for (int i = 0; i < 5; i++) {
        uint16_t random = 0;
        unsigned port;
        pid_t swtpm;

        bench_require(getrandom(&random, sizeof random, 0) == sizeof random, "getrandom");
        port = 20000 + random % 6000 * 2;
        swtpm = fork();
        if (swtpm == 0)
            exec_swtpm(state, port);
        if (is_up(swtpm, port)) {
            snprintf(tcti, PATH_SIZE, "swtpm:host=127.0.0.1,port=%u", port);
            tpm->tcti = tcti;
            return clock_getcpuclockid(swtpm, &tpm->clock) == 0;
        }
    }
    free(tcti);
    return false;
}

/* --- modules
 * ------------------------------------------------------------------------------------------------------ */

CK_FUNCTION_LIST *bench_module(const char *path)
{
    CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get;
    CK_FUNCTION_LIST *module = NULL;

    if (library == NULL)
        return NULL;
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    bench_require(get != NULL && get(&module) == CKR_OK, "C_GetFunctionList");
    bench_require(module->C_Initialize(&threads) == CKR_OK, "C_Initialize");
    return module;
}

static bool begins(const CK_UTF8CHAR *text, const char *name)
{
    return memcmp(text, name, strlen(name)) == 0;
}

CK_SLOT_ID bench_slot(CK_FUNCTION_LIST *module, const char *name)
{
    CK_SLOT_ID slots[SLOTS];
    CK_ULONG count = SLOTS;

    module->C_GetSlotList(CK_FALSE, NULL, &count);
    count = SLOTS;
    bench_require(module->C_GetSlotList(CK_FALSE, slots, &count) == CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_SLOT_INFO slot;
        CK_TOKEN_INFO token;

        if (module->C_GetTokenInfo(slots[i], &token) == CKR_OK &&
            (token.flags & CKF_TOKEN_INITIALIZED) != 0 && begins(token.label, name))
            return slots[i];
        if (module->C_GetSlotInfo(slots[i], &slot) == CKR_OK && begins(slot.slotDescription, name))
            return slots[i];
    }
    bench_require(false, name);
    return 0;
}

CK_SESSION_HANDLE bench_session(CK_FUNCTION_LIST *module, const char *token, const char *pin)
{
    CK_SESSION_HANDLE session;

    bench_require(module->C_OpenSession(bench_slot(module, token), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                        NULL, &session) == CKR_OK,
                  "C_OpenSession");
    if (pin != NULL)
        bench_require(module->C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)) ==
                          CKR_OK,
                      "C_Login");
    return session;
}

CK_SESSION_HANDLE bench_token(CK_FUNCTION_LIST *module, const char *slot, const char *label, const char *pin)
{
    CK_UTF8CHAR *secret = (CK_UTF8CHAR *)(uintptr_t)pin;
    CK_ULONG size = pin != NULL ? strlen(pin) : 0;
    CK_UTF8CHAR padded[32];
    CK_SESSION_HANDLE session;

    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, strlen(label));
    bench_require(module->C_InitToken(bench_slot(module, slot), secret, size, padded) == CKR_OK,
                  "C_InitToken");
    session = bench_session(module, label, NULL);
    if (pin == NULL)
        return session;
    bench_require(module->C_Login(session, CKU_SO, secret, size) == CKR_OK &&
                      module->C_InitPIN(session, secret, size) == CKR_OK &&
                      module->C_Logout(session) == CKR_OK &&
                      module->C_Login(session, CKU_USER, secret, size) == CKR_OK,
                  "C_InitPIN");
    return session;
}

/* --- turns
 * -------------------------------------------------------------------------------------------------------- */

static double seconds_of(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double bench_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

/* What the one before left in the caches is not this one's: its first work is not measured. */
static void take_turn(struct contender *contender, double seconds)
{
    unsigned long count = 0;
    double start;
    double end;
    double own;
    double tpm;

    contender->work(contender->data);
    own = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    tpm = contender->tpm != NULL ? seconds_of(contender->tpm->clock) : 0;
    start = end = bench_seconds();
    for (; end < start + seconds; end = bench_seconds())
        for (int i = 0; i < 4; i++, count++)
            contender->work(contender->data);
    own = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own) / (double)count;
    tpm = contender->tpm != NULL ? (seconds_of(contender->tpm->clock) - tpm) / (double)count : 0;
    if ((double)count / (end - start) > contender->rate)
        contender->rate = (double)count / (end - start);
    if (contender->cost == 0 || own + tpm < contender->cost)
        contender->cost = own + tpm;
    if (contender->own_cost == 0 || own < contender->own_cost)
        contender->own_cost = own;
}

void bench_compare(struct contender *contenders, size_t count, double seconds, unsigned turns)
{
    for (unsigned turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < count; i++) {
            struct contender *next = &contenders[(i + turn) % count];

            if (next->work != NULL)
                take_turn(next, seconds);
        }
    }
}

void bench_print(const char *what, const struct contender *contenders, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (contenders[i].work != NULL)
            printf("%-16s %-24s %9.0f/s %9.2f us of processor each%s%.2f us its own\n", what,
                   contenders[i].name, contenders[i].rate, contenders[i].cost * 1e6,
                   contenders[i].tpm != NULL ? " with the TPM's, " : ", ", contenders[i].own_cost * 1e6);
}

void bench_ratio(const char *what, const struct contender *one, const struct contender *other, double aim)
{
    if (one->work == NULL || other->work == NULL)
        return;
    printf("%-16s %s : %s %.3f by rate, %.3f by processor time", what, one->name, other->name,
           one->rate / other->rate, other->cost / one->cost);
    if (aim != 0)
        printf(" (aim: %.2f)", aim);
    printf("\n");
}
