/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_RAND_H
#define DEVID_PROVIDER_RAND_H

#include <openssl/core_dispatch.h>

/*
 * Random numbers of a token, under a name of their own: nobody gets them without asking for DEVID-RAND, or
 * for PKCS11-RAND, as pkcs11-provider calls its own.
 */
#define PROV_RAND_NAMES "DEVID-RAND:PKCS11-RAND"

extern const OSSL_DISPATCH prov_rand_functions[];

#endif
