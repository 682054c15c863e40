/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_KEYEXCH_H
#define DEVID_PROVIDER_KEYEXCH_H

#include <openssl/core_dispatch.h>

/* ECDH, X25519 and X448. */
extern const OSSL_DISPATCH prov_keyexch_functions[];

#endif
