/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_DEVICE_H
#define DEVID_PKCS11_DEVICE_H

#include "pkcs11/token.h"

/*
 * Reads the objects of the token's device (a TPM's endorsement keys, its storage root key, certificates) and
 * writes each as a file of the token, in place of what was written before. `persist` as in
 * backend.device_objects. What the device does not give is left out and noted. No lock is held.
 */
CK_RV device_objects_write(struct token *token, bool persist);

/* The vendor function `setup_device`, see devid/pkcs11.h. */
CK_RV device_setup(CK_SESSION_HANDLE session, CK_FLAGS flags);
/* The vendor function `read_index`, see there. */
CK_RV device_read_index(CK_SESSION_HANDLE session, CK_ULONG index, CK_BYTE *out, CK_ULONG *size);

#endif
