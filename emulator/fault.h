/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_FAULT_H
#define DEVID_EMULATOR_FAULT_H

#include "emulator/request.h"

/*
 * Faults that are injected on request, to try what clients make of them. A fault is a JSON object:
 *
 *   route       the name of a route (the rows of route.c), or "*" for all requests but the administration's
 *   skip        let that many requests through first [0]
 *   count       then apply to that many [1]; 0: to all
 *   delay       milliseconds to wait before the answer
 *   cut         "request": end the connection without an answer, the request is not looked at;
 *               "answer": the same, but the request takes its effect; "body": end it in the middle of the
 *               answer's body
 *   status      answer with this status; the request is not looked at
 *   retryAfter  a number or a text: the Retry-After header of the answer; null: none
 *   body        the answer's body, as text
 *   merge       an object that is merged into the answer's JSON
 *   credential  {"flip": n}: the lowest bit of byte n of an authenticationKey in the answer; {"size": n}:
 * only its first n bytes assigning   true: an operation answers `assigning`, whatever has become of it
 *
 * The first fault that fits a request and is not used up applies; others wait. They live in memory.
 */
struct emu_faults;

/* The route of a connection before its TLS handshake. A fault for it, whatever else it says, ends it. */
#define EMU_ROUTE_CONNECTION "connection"

/* NULL: no memory. */
__attribute__((warn_unused_result)) struct emu_faults *emu_faults_new(void);
void emu_faults_free(struct emu_faults *faults);

/* Adds a fault behind those that are there. `known` tells the names of routes. False: what is wrong with it
 * in message[size]. */
__attribute__((warn_unused_result)) bool emu_faults_add(struct emu_faults *faults, const json_t *fault,
                                                        bool (*known)(const char *route), char *message,
                                                        size_t size);

/* All faults with what is left of them ("skip", "left": how many more, "used": how often), and how many
 * requests each route had: {"faults": [...], "requests": {...}}. NULL: no memory. */
__attribute__((warn_unused_result)) json_t *emu_faults_show(const struct emu_faults *faults);

/* Forgets faults and counts. */
void emu_faults_clear(struct emu_faults *faults);

/* Counts a request and takes the fault for it: owned by `faults`, good until the next call; NULL: none. */
const json_t *emu_faults_take(struct emu_faults *faults, const char *route);

/* Must the request be handled, although there is this fault? */
bool emu_fault_handles(const json_t *fault);

/* Makes of the answer (empty when the request was not handled) what the fault wants. */
void emu_fault_apply(const json_t *fault, const char *operation, struct emu_response *response);

#endif
