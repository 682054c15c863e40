/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_EMULATOR_PROPERTY_H
#define DEVID_EMULATOR_PROPERTY_H

#include "emulator/request.h"

/* Properties of messages: in HTTP they are headers, in the store members of two objects, the application's
 * and the system's. */

/* Takes a header (or the member of a batch element's properties) for what it is; one that is no property is
 * no offence. False: the value is no UTF-8, or no memory. */
__attribute__((warn_unused_result)) bool emu_property_add(json_t *application, json_t *system,
                                                          const char *name, const char *value);

/* All headers of a request. False: one is no UTF-8, named in message[size]. */
__attribute__((warn_unused_result)) bool emu_property_read(const struct emu_request *request,
                                                           json_t *application, json_t *system, char *message,
                                                           size_t size);

/* The other way: headers of a response. */
void emu_property_write(const json_t *application, const json_t *system, struct emu_response *response);

#endif
