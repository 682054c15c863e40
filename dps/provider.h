/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPS_PROVIDER_H
#define DPS_PROVIDER_H

#include "common/buffer.h"

#define DPS_PROVIDER_NAME "devid"
#define DPS_PROVIDER_APPLICATION "dps"

/* Where DevID's provider is: in $OPENSSL_MODULES if it is there, else where DevID was installed. Answers
 * `path`. */
const char *dps_provider_find(char *path, size_t size);

/*
 * Adds the OpenSSL configuration of the application DPS_PROVIDER_APPLICATION that activates the provider with
 * a PKCS#11 module (NULL: the provider's default). False: the buffer is full.
 */
bool dps_provider_configure(struct buffer *text, const char *path, const char *module);

#endif
