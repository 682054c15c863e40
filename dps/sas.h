/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_SAS_H
#define DPS_SAS_H

#include "dps/crypto.h"

/* Shared access signatures: how a device that has an HMAC key proves who it is. */

/* HMAC-SHA256 of data[size] with the holder's key, wherever that lives. Tells its own report of a failure. */
typedef dps_status dps_sas_hmac(void *holder, const void *data, size_t size, uint8_t out[DPS_SHA256_SIZE]);

/*
 * Makes "SharedAccessSignature sr=...&sig=...&se=..." for the resource ("SCOPE/registrations/ID" or
 * "HUB/devices/ID", not encoded) until `expiry`, in seconds since 1970. `policy` becomes "&skn=..."; NULL:
 * none. Everything is percent-encoded with upper-case digits, and what is signed is the resource so encoded,
 * a newline and the expiry. The caller frees *out. A failure of `hmac` is answered as it is.
 */
__attribute__((warn_unused_result)) dps_status dps_sas_make(const char *resource, int64_t expiry,
                                                            const char *policy, dps_sas_hmac *hmac,
                                                            void *holder, struct dps_report *report,
                                                            char **out);

#endif
