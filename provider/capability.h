/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_CAPABILITY_H
#define DEVID_PROVIDER_CAPABILITY_H

#include <openssl/core.h>

/* OSSL_FUNC_provider_get_capabilities: the TLS groups on elliptic curves (docs/decisions/0003-tls-groups.md). */
int prov_get_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback, void *data);

#endif
