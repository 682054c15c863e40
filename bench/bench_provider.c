/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the provider costs besides handshakes: a cold `openssl dgst -sign` (time, and the TPM's commands), the
 * memory of a loaded key, and the memory after many signatures.
 *
 *     bench_provider [ROUNDS [SIGNATURES [SIGNATURES BY A TPM]]]
 *
 * $DEVID_BENCH_COUNTER is the counting TCTI of the tests; without it commands are not counted.
 */
#include "bench/crypto.h"

#include <openssl/err.h>

#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS 500

/* --- cold
 * ----------------------------------------------------------------------------------------------------------
 */

/* A process of its own; the time until it has ended. */
static double run_dgst(enum bench_place place, enum bench_kind kind)
{
    double start = bench_seconds();
    pid_t child = fork();
    int status;

    if (child == 0) {
        setenv("OPENSSL_CONF", bench_conf(place), 1);
        execlp("openssl", "openssl", "dgst", "-sha256", "-sign", bench_key_name(place, kind), "-out",
               bench_path("signature"), bench_path("data"), (char *)NULL);
        _exit(127);
    }
    bench_require(waitpid(child, &status, 0) == child && status == 0, "openssl dgst");
    return bench_seconds() - start;
}

/* How many commands the TCTI around the TPM's counts; the first number in its file. */
static void count_commands(enum bench_place place, enum bench_kind kind, const char *variable)
{
    const char *counter = getenv("DEVID_BENCH_COUNTER");
    uint32_t total = 0;
    char tcti[1024];
    int file;

    if (counter == NULL || access(counter, R_OK) != 0)
        return;
    snprintf(tcti, sizeof tcti, "%s:%s", counter, bench_tpm_of(place)->tcti);
    setenv(variable, tcti, 1);
    unlink(bench_path("counter"));
    setenv("TCTI_COUNT_FILE", bench_path("counter"), 1);
    run_dgst(place, kind);
    setenv(variable, bench_tpm_of(place)->tcti, 1);
    file = open(bench_path("counter"), O_RDONLY);
    bench_require(read(file, &total, sizeof total) == sizeof total, "counting commands");
    close(file);
    printf(", %u TPM commands", total);
    if (place == PLACE_TPM)
        printf(" (aim: 2, and 1 to flush the key at the end)");
}

static void measure_cold(enum bench_kind kind, unsigned rounds)
{
    double best[PLACES] = {0};

    for (unsigned round = 0; round < rounds; round++) {
        for (enum bench_place place = 0; place < PLACES; place++) {
            double time = bench_has(place) ? run_dgst(place, kind) : 0;

            if (best[place] == 0 || time < best[place])
                best[place] = time;
        }
    }
    for (enum bench_place place = 0; place < PLACES; place++) {
        if (!bench_has(place))
            continue;
        printf("%-16s cold openssl dgst -sign, %-18s %7.1f ms", bench_kind_names[kind],
               bench_place_names[place], best[place] * 1e3);
        if (place == PLACE_TPM)
            count_commands(place, kind, "DEVID_TCTI");
        if (place == PLACE_TPM2)
            count_commands(place, kind, "TPM2OPENSSL_TCTI");
        printf("\n");
    }
}

/* --- memory
 * -------------------------------------------------------------------------------------------------------- */

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long size = 0;
    unsigned long pages = 0;

    bench_require(file != NULL && fscanf(file, "%lu %lu", &size, &pages) == 2, "/proc/self/statm");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* After one that brings in what all share. */
static void measure_keys(enum bench_place place, enum bench_kind kind)
{
    static EVP_PKEY *keys[KEYS];
    EVP_PKEY *first = bench_load_key(place, kind);
    size_t before = heap();

    for (size_t i = 0; i < KEYS; i++)
        keys[i] = bench_load_key(place, kind);
    printf("%-16s %zu bytes a loaded key, %s\n", bench_kind_names[kind], (heap() - before) / KEYS,
           bench_place_names[place]);
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(keys[i]);
    EVP_PKEY_free(first);
}

static void sign(enum bench_place place, EVP_PKEY *key)
{
    static const unsigned char message[130];
    unsigned char signature[512];
    size_t size = sizeof signature;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    bench_require(EVP_DigestSignInit_ex(digest, NULL, "SHA256", bench_context(place), NULL, key, NULL) == 1 &&
                      EVP_DigestSign(digest, signature, &size, message, sizeof message) == 1,
                  "EVP_DigestSign");
    EVP_MD_CTX_free(digest);
}

static void measure_loop(enum bench_place place, unsigned count)
{
    EVP_PKEY *key = bench_load_key(place, BENCH_P256);
    size_t heap_before;
    size_t resident_before;

    for (unsigned i = 0; i < count / 100; i++)
        sign(place, key);
    heap_before = heap();
    resident_before = resident();
    for (unsigned i = 0; i < count; i++)
        sign(place, key);
    printf("%-16s %u signatures, %s: heap %+ld bytes, resident %+ld KiB (aim: 0)\n",
           bench_kind_names[BENCH_P256], count, bench_place_names[place], (long)heap() - (long)heap_before,
           ((long)resident() - (long)resident_before) / 1024);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    unsigned signatures = argc > 2 ? (unsigned)atoi(argv[2]) : 100000;
    unsigned by_tpm = argc > 3 ? (unsigned)atoi(argv[3]) : 2000;

    bench_make_keys();
    bench_write(bench_path("data"), "what is signed\n");
    for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
        measure_cold(kind, rounds);
    for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
        for (enum bench_place place = 0; place < PLACES; place++)
            if (bench_has(place) && place != PLACE_TPM2)
                measure_keys(place, kind);
    measure_loop(PLACE_FILE, signatures);
    if (bench_has(PLACE_TPM))
        measure_loop(PLACE_TPM, by_tpm);
    return EXIT_SUCCESS;
}
