/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FAILURE_H
#define DEVID_PKCS11_FAILURE_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

/*
 * Answers `rv`, and keeps one sentence about it for the calling thread (see devid_functions.error_text in
 * devid/pkcs11.h) and for the log. The sentence names the thing concerned and what to do; never a PIN.
 * The first sentence of a C_ call stays: what happened deepest is what helps.
 */
CK_RV p11_fail(CK_RV rv, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps a sentence about something that the call does without, such as a broken file: it goes on, and the
 * caller can still learn why something is missing. */
void p11_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Turns the failure that was just kept into such a note about `thing`, and what to do. */
void p11_failure_to_note(const char *thing, CK_RV rv, const char *advice);
/* Whether a failure, not a note, is kept. */
bool p11_failure_kept(void);

/* Forgets the sentence; every C_ call begins with this. */
void p11_failure_clear(void);
/* The sentence, "" when there is none. Owned by this file, valid until the next call of p11_fail or
 * p11_failure_clear in this thread. */
const char *p11_failure_text(void);

#endif
