/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_TERMINAL_H
#define DEVID_PROVIDER_TERMINAL_H

#include "common/bytes.h"

/*
 * Asks the person at the terminal that controls this process for a PIN, "Enter PIN for WHAT:", without echo.
 * False: there is no such terminal (as in a service), another job has it, or nobody answered.
 */
bool prov_terminal_ask(const char *what, struct bytes *pin);

#endif
