/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_STATUS_H
#define DEVID_CLI_STATUS_H

#include <stddef.h>

/* The exit codes of devid(1). */
enum cli_status {
    CLI_OK = 0,
    CLI_INTERNAL = 1, /* out of memory, a library that misbehaves */
    CLI_USAGE = 2,    /* the command line is wrong */
    CLI_INPUT = 3,    /* a file, a URI or a certificate is wrong or does not fit */
    CLI_TOKEN = 4,    /* the module, the token or the TPM said no */
    CLI_NETWORK = 5,  /* a service cannot be reached, or its TLS cannot be trusted */
    CLI_REFUSED = 6,  /* a service answered, and refused */
    CLI_TIMEOUT = 7,  /* time ran out, or somebody pressed Ctrl-C */
};

/*
 * Says "devid: <thing>: <what is wrong>; <what to do>" on standard error and answers `status`, so that a
 * failure is told once, where it is found, and handed up: return cli_fail(CLI_INPUT, "%s: ...", ...).
 */
enum cli_status cli_fail(enum cli_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says "devid: warning: ..." there, of something that hinders nothing. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on messages go to text[size], joined by "; ", not to standard error; NULL ends that. */
void cli_capture(char *text, size_t size);

/* cli_fail for a failed allocation. */
enum cli_status cli_no_memory(void);

#endif
