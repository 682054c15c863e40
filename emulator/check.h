/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_CHECK_H
#define DEVID_EMULATOR_CHECK_H

#include "emulator/error.h"

/* Checks that several APIs make of a request. All answer false with the reason in *refusal. */

/* A DPS api-version that this emulator speaks. */
__attribute__((warn_unused_result)) bool emu_check_version(const struct emu_request *request,
                                                           struct emu_refusal *refusal);

/* An IoT Hub api-version: a date is enough, clients of all ages speak to a hub in the same way. */
__attribute__((warn_unused_result)) bool emu_check_hub_version(const struct emu_request *request,
                                                               struct emu_refusal *refusal);

/* At most 128 letters, digits, '-', '.', '_', ':', the last a letter, a digit or '-'. `what` names it in the
 * message. */
__attribute__((warn_unused_result)) bool emu_check_id(const char *what, const char *id,
                                                      struct emu_refusal *refusal);

/* The body is a JSON object, and says so; *out is the caller's. */
__attribute__((warn_unused_result)) bool emu_check_object(const struct emu_request *request, json_t **out,
                                                          struct emu_refusal *refusal);

/*
 * What a client says with If-Match (NULL: nothing) fits what is there (NULL: nothing is). Quotes around
 * either entity tag do not count; "*" is any.
 */
__attribute__((warn_unused_result)) bool emu_check_match(const char *wanted, const json_t *present,
                                                         struct emu_refusal *refusal);

#endif
