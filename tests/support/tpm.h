/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_SUPPORT_TPM_H
#define DEVID_TESTS_SUPPORT_TPM_H

#include "tests/support/tcti_count.h"

/*
 * Starts a swtpm of this program's own on a free port pair, state below support_directory(), and sets
 * $DEVID_TCTI so that its commands are counted (see tcti_count.h). It ends with the program. Calling it again
 * does nothing. Use it as an unchecked fixture: setup runs before Check forks.
 */
void test_tpm_start(void);

/* Stops it, keeping its state; test_tpm_start starts it again on the same port (a power cycle). */
void test_tpm_stop(void);

/* "swtpm:host=127.0.0.1,port=P", for tools that the counter should not see. */
const char *test_tpm_tcti(void);

/* The counters of $DEVID_TCTI, shared by all processes that use it. */
struct tcti_count *test_tpm_count(void);
/* Sets all counters and the injection to zero. */
void test_tpm_count_reset(void);
/* How often the command was sent since the reset, e.g. TPM2_CC_Sign. */
unsigned test_tpm_count_of(unsigned command_code);

#endif
