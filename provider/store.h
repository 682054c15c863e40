/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_STORE_H
#define DEVID_PROVIDER_STORE_H

#include <openssl/core_dispatch.h>

/* The OSSL_STORE loaders for pkcs11: URIs, and for handle: and object:, which mean things in a TPM. */
extern const OSSL_DISPATCH prov_store_functions[];
extern const OSSL_DISPATCH prov_store_handle_functions[];
extern const OSSL_DISPATCH prov_store_object_functions[];

#endif
