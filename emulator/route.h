/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_ROUTE_H
#define DEVID_EMULATOR_ROUTE_H

#include "emulator/request.h"

/*
 * Gives the request to the handler of its method and path and fills the response, whatever happens: an
 * unknown path is a 404, a known one with another method a 405 that says which are allowed. Paths are
 * compared without regard to case, and a trailing slash does not count.
 */
void emu_route(struct emulator *emulator, const struct emu_request *request, struct emu_response *response);

/* True when faults can name a route so. */
bool emu_route_known(const char *name);

#endif
