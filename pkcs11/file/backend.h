/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_FILE_BACKEND_H
#define DEVID_PKCS11_FILE_BACKEND_H

#include "pkcs11/backend.h"

/* Keys in files that openssl reads and writes, used by libcrypto. */
extern const struct backend file_backend;

#endif
