/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_TLS_H
#define DEVID_PROVIDER_TLS_H

#include <openssl/core.h>

/*
 * OSSL_FUNC_PROVIDER_GET_CAPABILITIES. libssl drops a key exchange group of the default provider when the
 * group's algorithm is fetched from another one, which is us where we come first: then it wants to hear of
 * the group from us. So the default provider's groups for our types of keys are repeated; their ephemeral
 * keys are software keys.
 */
int prov_tls_get_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback, void *data);

#endif
