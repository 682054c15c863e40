/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_FUZZ_H
#define DEVID_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * A fuzzer is one file with these two. `make fuzz` links it with libFuzzer (tests/fuzz.sh).
 * As a program of `make check` it is linked with main.c, which runs it over its seeds and over changes of
 * them that are the same every time; given arguments, it runs over those files ("-": standard input).
 */

/* One input. Must not crash, leak, or depend on the inputs before. Answers 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The folder of its seeds below tests/data/fuzz. */
extern const char fuzz_seeds[];

#endif
