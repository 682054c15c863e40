/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_BACKEND_H
#define DEVID_PKCS11_TPM_BACKEND_H

#include "pkcs11/backend.h"

extern const struct backend tpm_backend;

#endif
