/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider.h"

/* The one symbol of devid.so. Nothing is opened here: the PKCS#11 module is loaded when a key is asked for.
 */
__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                       void **context)
{
    struct provider *provider = prov_provider_new(handle, in);

    if (provider == NULL)
        return 0;
    *out = prov_provider_functions;
    *context = provider;
    return 1;
}
