/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_PARAMS_H
#define DEVID_PROVIDER_PARAMS_H

#include <openssl/core.h>
#include <stdint.h>

/* EVP functions take parameters that are only read without const, where libcrypto hands them to a provider
 * with it. */
static inline OSSL_PARAM *prov_params_writable(const OSSL_PARAM params[])
{
    return (OSSL_PARAM *)(uintptr_t)params;
}

#endif
