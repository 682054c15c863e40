/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_STORE_H
#define DEVID_PROVIDER_STORE_H

#include <openssl/core_dispatch.h>

/* The OSSL_STORE loader for pkcs11: URIs. */
extern const OSSL_DISPATCH prov_store_functions[];

#endif
