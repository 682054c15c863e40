/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/tls.h"
#include "provider/key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

struct filter {
    OSSL_CALLBACK *callback;
    void *data;
};

/* Those of the provider's key types that have groups. Other groups are nothing that we could come first for.
 */
static bool is_ours(const char *algorithm)
{
    static const struct prov_key_type *const types[] = {&prov_key_ec, &prov_key_x25519, &prov_key_x448};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i]->name, algorithm) == 0)
            return true;
    }
    return false;
}

static int pass_on(const OSSL_PARAM params[], void *data)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
    const struct filter *filter = data;
    const char *algorithm = NULL;

    if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &algorithm) || !is_ours(algorithm))
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
