/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_RV_H
#define DEVID_CLI_RV_H

#include "devid/pkcs11.h"

/* What the user can do about it, for modules that do not say so themselves; NULL: nothing known. */
const char *cli_rv_advice(CK_RV rv);

#endif
