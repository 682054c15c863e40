/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/tls.h"
#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

struct filter {
    OSSL_CALLBACK *callback;
    void *data;
};

/* Groups of other algorithms than EC are nothing that we could come first for. */
static int pass_on(const OSSL_PARAM params[], void *data)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
    const struct filter *filter = data;
    const char *algorithm = NULL;

    if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &algorithm) || strcmp(algorithm, "EC") != 0)
        return 1;
    return filter->callback(params, filter->data);
}

int prov_tls_get_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback, void *data)
{
    struct filter filter = {callback, data};

    if (strcmp(capability, "TLS-GROUP") != 0)
        return 0;
    return OSSL_PROVIDER_get_capabilities(((struct provider *)provider)->default_provider, capability,
                                          pass_on, &filter);
}
