/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_CLI_RV_H
#define DEVID_CLI_RV_H

#include "devid/pkcs11.h"

/* "CKR_PIN_INCORRECT", or "CKR_ 0x..." for a code without a name; static or from storage the next call
 * reuses. */
const char *cli_rv_name(CK_RV rv);

/* What the user can do about it, for modules that do not say so themselves; NULL: nothing known. */
const char *cli_rv_advice(CK_RV rv);

#endif
