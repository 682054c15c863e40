/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_MODULE_H
#define DEVID_CLI_MODULE_H

#include "cli/status.h"
#include "devid/pkcs11.h"

#include <stdbool.h>
#include <stddef.h>

/* A loaded PKCS#11 module, DevID's or another's. */
struct cli_module {
    void *library;
    CK_FUNCTION_LIST *functions;
    const struct devid_functions *devid; /* NULL: another vendor's module */
    bool initialized;
};

/* Loads and initialises the module; `path` NULL is the installed one of DevID. Closed with cli_module_close
 * also after a failure. */
enum cli_status cli_module_open(const char *path, struct cli_module *module);
void cli_module_close(struct cli_module *module);

/* Tells on standard error what the module had to leave out of the call that just succeeded, such as a broken
 * key file. */
void cli_module_warn(const struct cli_module *module);

/* Tells that `call` about `thing` failed, with the CKR_ name and the module's own sentence where it has one.
 * Answers CLI_TOKEN. No other call may come between. */
enum cli_status cli_call_failed(const struct cli_module *module, const char *call, const char *thing,
                                CK_RV rv);

#endif
