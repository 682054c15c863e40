/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAXIMUM 65536
#define CHANGES 2000 /* of each seed */

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64: the same numbers in every run. */
static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit != 0 ? (size_t)(state % limit) : 0;
}

/* The changes that a run is made of; each takes the input in place and answers its new size. */
static size_t flip_bit(uint8_t *data, size_t size)
{
    if (size != 0)
        data[below(size)] ^= (uint8_t)(1U << below(8));
    return size;
}

static size_t set_byte(uint8_t *data, size_t size)
{
    static const uint8_t values[] = {0x00, 0x0a, 0x20, 0x25, 0x2d, 0x3a, 0x3d, 0x7f, 0x80, 0xff};

    if (size != 0)
        data[below(size)] = values[below(sizeof values)];
    return size;
}

static size_t cut_end(uint8_t *data, size_t size)
{
    (void)data;
    return below(size + 1);
}

static size_t cut_out(uint8_t *data, size_t size)
{
    size_t from = below(size + 1);
    size_t length = below(size - from + 1);

    memmove(data + from, data + from + length, size - from - length);
    return size - length;
}

static size_t double_part(uint8_t *data, size_t size)
{
    size_t from = below(size + 1);
    size_t length = below(size - from + 1);

    if (size + length > SIZE_MAXIMUM)
        return size;
    memmove(data + from + length, data + from, size - from);
    return size + length;
}

static size_t (*const changes[])(uint8_t *data, size_t size) = {flip_bit, set_byte, cut_end, cut_out,
                                                                double_part};

/* Runs on a copy of the exact size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_changed(const struct bytes *seed)
{
    static uint8_t data[SIZE_MAXIMUM];

    for (int i = 0; i < CHANGES; i++) {
        size_t size = seed->size;

        memcpy(data, seed->data, size);
        for (size_t n = 1 + below(4); n > 0; n--)
            size = changes[below(sizeof changes / sizeof changes[0])](data, size);
        run(data, size);
    }
}

static bool run_file(const char *path, bool changed)
{
    struct bytes content;
    int error = file_read(AT_FDCWD, path, SIZE_MAXIMUM, &content);

    if (error != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(error));
        return false;
    }
    run(content.data, content.size);
    if (changed)
        run_changed(&content);
    bytes_free(&content);
    return true;
}

static bool run_standard_input(void)
{
    static uint8_t data[SIZE_MAXIMUM];

    run(data, fread(data, 1, sizeof data, stdin));
    return true;
}

/* TAP: one line a seed, in the order of their names. */
static int run_seeds(void)
{
    const char *source = getenv("DEVID_TEST_SOURCE");
    char folder[PATH_MAX];
    struct dirent **entries;
    int number = 0;
    int count;

    snprintf(folder, sizeof folder, "%s/tests/data/fuzz/%s", source != NULL ? source : ".", fuzz_seeds);
    count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + 256];

        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            printf("%sok %d - %s and %d changes of it\n", run_file(path, true) ? "" : "not ", ++number,
                   entries[i]->d_name, CHANGES);
        fflush(stdout);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    printf("1..%d\n", number);
    return number != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#ifndef DEVID_LIBFUZZER /* which has a main of its own */
int main(int argc, char **argv)
{
    bool good = true;

    if (argc < 2)
        return run_seeds();
    for (int i = 1; i < argc; i++)
        good = (strcmp(argv[i], "-") == 0 ? run_standard_input() : run_file(argv[i], false)) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
