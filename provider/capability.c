/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/capability.h"
#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <string.h>

/* The caller's callback, behind the filter. */
struct listing {
    OSSL_CALLBACK *callback;
    void *data;
};

static int pass_ec_group(const OSSL_PARAM params[], void *data)
{
    const struct listing *listing = data;
    const OSSL_PARAM *algorithm = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
    const char *name;

    if (algorithm == NULL || OSSL_PARAM_get_utf8_string_ptr(algorithm, &name) != 1 || strcmp(name, "EC") != 0)
        return 1;
    return listing->callback(params, listing->data);
}

/*
 * libssl takes a group only from the provider whose key management it gets for the group's algorithm. When
 * this provider comes first, that is ours, and without this list there would be no elliptic curve left in a
 * handshake. The groups are those of the default provider, which does the work: ephemeral keys are software
 * keys.
 */
int prov_get_capabilities(void *data, const char *capability, OSSL_CALLBACK *callback, void *callback_data)
{
    const struct provider *provider = data;
    struct listing listing = {callback, callback_data};

    if (strcmp(capability, "TLS-GROUP") != 0)
        return 1;
    return OSSL_PROVIDER_get_capabilities(provider->default_provider, capability, pass_ec_group, &listing);
}
