/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process pays for the objects of a token: time from C_Initialize to the first find, time of
 * C_Initialize and C_GetSlotList alone, and the peak of memory above an empty token. 1000 objects of each
 * kind; a process of its own for each turn, the best one counts. The module is loaded before the clock
 * starts. On a machine that is busy with other things the processor time tells more than the clock.
 *
 *     bench_load [TURNS]
 *
 * $DEVID_PKCS11_MODULE is the module measured.
 */
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OBJECTS 1000

static char directory[] = "/tmp/devid-bench-XXXXXX";

/* What a file of the kind holds behind its label and id. */
static const struct kind {
    const char *name;
    const char *suffix;
    const char *block; /* NULL: no files */
} kinds[] = {
    {"nothing",      "",         NULL  },
    {"certificates", ".crt.pem",
     "-----BEGIN CERTIFICATE-----\n"
     "MIIBlTCCATugAwIBAgIUJyfsnMzC1Eup6JMGh3SgvFHeQVAwCgYIKoZIzj0EAwIw\n"
     "IDEOMAwGA1UECgwFRGV2SUQxDjAMBgNVBAMMBWJlbmNoMB4XDTI2MTEyMTIzNTcy\n"
     "N1oXDTM2MTExODIzNTcyN1owIDEOMAwGA1UECgwFRGV2SUQxDjAMBgNVBAMMBWJl\n"
     "bmNoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEU+BXhHeKutTIBDwS8oAUOsZK\n"
     "cX1AwCN3t/Vuq3rbptgAOZW/GY92npBdKx7kHrsVuS0G6LYj2OZUIVhygioCLaNT\n"
     "MFEwHQYDVR0OBBYEFKFsXV9He4+e1j5EPuQxV7V8JkKNMB8GA1UdIwQYMBaAFKFs\n"
     "XV9He4+e1j5EPuQxV7V8JkKNMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID\n"
     "SAAwRQIgSwDrYPiaxGnq4sjJO9UhbrsoJxh9zhXQVBrsZc8UyGoCIQCECeM85I4y\n"
     "9Gh+HTUDHUVM0z3Vmmypq5UGvcfog1vCdQ==\n"
     "-----END CERTIFICATE-----\n"     },
    {"TPM keys",     ".pem",
     "-----BEGIN TSS2 PRIVATE KEY-----\n"
     "MIHxBgZngQUKAQOgAwEB/wIFAIEAAAEEWABWACMACwAEBHIAAAAQABAAAwAQACCI\n"
     "11cgplzasG6RNdUHboRPtqT5LfB/+7IMe4rtn4rE8AAgCZdiAz6C6uJ13mth9YxQ\n"
     "OH1k1akkBSysNByLgTXn/CIEgYAAfgAg/DAT2TldHRs1bnXRYpI28k7+Z6MWfPtp\n"
     "uzvSZEpmYIgAEAc8K59ExoW0/8zP7ZtQYRsI3uz0lOfwUZR8J+KE68+ZRrHuxAw4\n"
     "jFwePR1YR5D2wH0BnewCAUNmmgZBPKCsTtdP/hqBs7Ybkh4HyRdi10vavgg6gtGN\n"
     "s18bPA==\n"
     "-----END TSS2 PRIVATE KEY-----\n"},
    {"file keys",    ".pem",
     "-----BEGIN PRIVATE KEY-----\n"
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCIN6vA7b/zgE3q18\n"
     "lnnxMWaGusvWe1XNMk0mVqvg9YuhRANCAART4FeEd4q61MgEPBLygBQ6xkpxfUDA\n"
     "I3e39W6retum2AA5lb8Zj3aekF0rHuQeuxW5LQbotiPY5lQhWHKCKgIt\n"
     "-----END PRIVATE KEY-----\n"     },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_load: %s failed\n", what);
    exit(EXIT_FAILURE);
}

static void write_file(const char *name, const char *text, const char *block)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/device/%s", directory, name);
    file = fopen(path, "w");
    require(file != NULL && fprintf(file, "%s%s", text, block) > 0 && fclose(file) == 0, path);
    chmod(path, 0600);
}

static void make_token(const struct kind *kind)
{
    char path[300];

    snprintf(path, sizeof path, "rm -rf '%s/device'; mkdir -m 700 '%s/device'", directory, directory);
    require(system(path) == 0, "mkdir");
    write_file("token.conf", "format = 1\nlabel = device\nserial = 0011223344556677\nslot = 0\n",
               "backend = tpm\ntcti = swtpm:port=1\n");
    for (int i = 0; kind->block != NULL && i < OBJECTS; i++) {
        char name[64];
        char text[64];

        snprintf(name, sizeof name, "object-%d%s", i, kind->suffix);
        snprintf(text, sizeof text, "Label: object %d\nID: %04x\n", i, (unsigned)i);
        write_file(name, text, kind->block);
    }
}

static CK_FUNCTION_LIST *load(void)
{
    const char *path = getenv("DEVID_PKCS11_MODULE");
    CK_C_GetFunctionList get_function_list = NULL;
    CK_FUNCTION_LIST *functions = NULL;
    void *library = dlopen(path != NULL ? path : DEVID_PKCS11_MODULE, RTLD_NOW);

    if (library != NULL)
        *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    require(get_function_list != NULL && get_function_list(&functions) == CKR_OK, "loading the module");
    return functions;
}

static double milliseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct result {
    double up;    /* C_Initialize, C_GetSlotList */
    double found; /* and to the first object, by its id */
    double busy;  /* the same, in processor time */
    double peak;  /* of memory, in KiB */
};

static void measure(CK_FUNCTION_LIST *p11, bool objects, struct result *result)
{
    CK_BYTE id[2] = {0x01, 0x23};
    CK_ATTRIBUTE item = {CKA_ID, id, sizeof id};
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found;
    struct rusage usage;
    double start = milliseconds(CLOCK_MONOTONIC);
    double busy = milliseconds(CLOCK_PROCESS_CPUTIME_ID);

    require(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
    require(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK, "C_GetSlotList");
    result->up = milliseconds(CLOCK_MONOTONIC) - start;
    require(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK, "C_OpenSession");
    require(p11->C_FindObjectsInit(session, &item, 1) == CKR_OK, "C_FindObjectsInit");
    require(p11->C_FindObjects(session, &found, 1, &count) == CKR_OK && count == objects, "C_FindObjects");
    result->found = milliseconds(CLOCK_MONOTONIC) - start;
    result->busy = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
    p11->C_FindObjectsFinal(session);
    p11->C_Finalize(NULL);
    getrusage(RUSAGE_SELF, &usage);
    result->peak = (double)usage.ru_maxrss;
}

/* One turn, in a process that nothing came before. The peak of memory begins with what was forked, which is
 * little and always the same. */
static void run_turn(bool objects, struct result *best)
{
    struct result result;
    int ends[2];
    int status;
    pid_t child;

    require(pipe(ends) == 0, "pipe");
    child = fork();
    if (child == 0) {
        measure(load(), objects, &result);
        _exit(write(ends[1], &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
    }
    close(ends[1]);
    require(read(ends[0], &result, sizeof result) == (ssize_t)sizeof result, "a turn");
    close(ends[0]);
    require(waitpid(child, &status, 0) == child && status == 0, "a turn");
    if (best->up == 0 || result.up < best->up)
        best->up = result.up;
    if (best->found == 0 || result.found < best->found)
        best->found = result.found;
    if (best->busy == 0 || result.busy < best->busy)
        best->busy = result.busy;
    if (best->peak == 0 || result.peak < best->peak)
        best->peak = result.peak;
}

int main(int argc, char **argv)
{
    unsigned turns = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    double empty = 0;
    char command[64];

    require(mkdtemp(directory) != NULL, "mkdtemp");
    setenv("DEVID_TOKENS", directory, 1);
    setenv("DEVID_CONF", "/dev/null", 1);
    for (size_t i = 0; i < KINDS; i++) {
        struct result best = {0};

        make_token(&kinds[i]);
        for (unsigned turn = 0; turn < turns; turn++)
            run_turn(kinds[i].block != NULL, &best);
        if (i == 0)
            empty = best.peak;
        printf("%-12s C_Initialize and C_GetSlotList %6.2f ms, to the first find %6.2f ms (%.2f of "
               "processor), memory %6.2f MiB, "
               "%5.2f above an empty token\n",
               kinds[i].name, best.up, best.found, best.busy, best.peak / 1024, (best.peak - empty) / 1024);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
