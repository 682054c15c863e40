/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_ASYMCIPHER_H
#define DEVID_PROVIDER_ASYMCIPHER_H

#include <openssl/core_dispatch.h>

extern const OSSL_DISPATCH prov_asymcipher_rsa_functions[];

#endif
