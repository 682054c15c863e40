/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks share: a place for their files, TPMs, PKCS#11 modules, and turns. */
#ifndef DEVID_BENCH_H
#define DEVID_BENCH_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Ends the program with a sentence when something it needs is not so. */
void bench_require(bool good, const char *what);

/* A directory of this program's own, removed when it ends; a path in it, from static storage that the next 8
 * calls do not touch. */
const char *bench_directory(void);
const char *bench_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bench_write(const char *path, const char *text);
/* Runs a shell command; whether it ended well. */
bool bench_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A swtpm that ends with this program. */
struct bench_tpm {
    const char *tcti;
    clockid_t clock; /* of its processor time */
};

/* False: there is no swtpm. */
bool bench_swtpm(const char *name, struct bench_tpm *tpm);

/* NULL: there is no such module. It is initialised. */
CK_FUNCTION_LIST *bench_module(const char *path);
/* The slot whose token (or, without one, whose description) begins so. Ends the program when there is none.
 */
CK_SLOT_ID bench_slot(CK_FUNCTION_LIST *module, const char *name);
/* A token with the label in the slot of that description, and a read-write session. `pin` may be NULL. */
CK_SESSION_HANDLE bench_token(CK_FUNCTION_LIST *module, const char *slot, const char *label, const char *pin);
/* A session with the token; `pin` may be NULL. */
CK_SESSION_HANDLE bench_session(CK_FUNCTION_LIST *module, const char *token, const char *pin);

double bench_seconds(void);

/* Who works, and its best turn. On a machine that is busy with other things the cost tells more than the
 * rate. */
struct contender {
    const char *name;
    void (*work)(void *data); /* NULL: it takes no part */
    void *data;
    const struct bench_tpm *tpm; /* that works for it; NULL: none */
    double rate;                 /* a second */
    double cost;                 /* processor seconds each, of this process and its TPM */
    double own_cost;             /* of this process alone */
};

/* Short turns of each, in an order that rotates, because other work on the machine comes and goes; the best
 * turn counts. Contenders without `work` take no part. */
void bench_compare(struct contender *contenders, size_t count, double seconds, unsigned turns);
/* A line each. */
void bench_print(const char *what, const struct contender *contenders, size_t count);
/* "what  a : b  0.98 by rate, 0.97 by processor time", and what is aimed at (0: nothing); no line when one of
 * them took no part. */
void bench_ratio(const char *what, const struct contender *one, const struct contender *other, double aim);

#endif
