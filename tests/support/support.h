/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_H
#define DEVID_TESTS_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every test file supplies this; tests/support/main.c runs it and prints TAP. */
Suite *suite(void);

/* Paths below the build tree and the source tree, from static storage that the next 8 calls do not touch. */
const char *support_build_path(const char *relative);
const char *support_source_path(const char *relative);

/* A directory of this test program's own, removed with all its content when the program ends. */
const char *support_directory(void);
/* A path in it, from the same static storage. */
const char *support_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write and read whole files; any failure ends the test. */
void support_write(const char *path, const char *text);
void support_write_bytes(const char *path, const void *data, size_t size);
char *support_read(const char *path, size_t *size); /* malloc'ed, NUL-terminated; size may be NULL */

/* A port P on 127.0.0.1 such that P and P + 1 could be bound just now. */
uint16_t support_free_port(void);
/* Waits up to ten seconds until somebody listens on 127.0.0.1:port. */
bool support_wait_for_port(uint16_t port);

/* Runs a shell command; answers its exit status, and its standard output with standard error mixed in when
 * `output` is not NULL (malloc'ed). */
int support_shell(char **output, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
