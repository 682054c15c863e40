/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_TRAP_H
#define DEVID_TESTS_SUPPORT_TRAP_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/*
 * A process that is killed at one of the steps of a write, or whose disk is full from there on. A program
 * that is linked with trap.c has its functions in the place of those of the C library that change files.
 */

#define TRAP_STEPS_MAXIMUM 200

/* Keeps the directory "tokens" below support_directory() as it is now, for every attempt. */
void trap_keep(void);

/* What is attempted, in a process of its own: steps count between trap_arm and trap_disarm. */
typedef CK_RV trap_victim(const void *data);

void trap_arm(void);
void trap_disarm(void);

/*
 * Does it in the directory that was kept, up to step `at` (from 1). error: what that step and each one after
 * it fails with; 0: the process is killed there, half of a write being done. False: it has fewer steps than
 * that. *rv: its result; CKR_CANCEL when it was killed.
 */
bool trap_attempt(trap_victim *victim, const void *data, unsigned at, int error, CK_RV *rv);

#endif
