/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider.h"
#include "common/log.h"
#include "provider/error.h"
#include "provider/key.h"
#include "provider/module.h"
#include "provider/pinsource.h"
#include "provider/section.h"
#include "provider/tls.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>

static bool open_context(struct provider *provider, const OSSL_DISPATCH *in)
{
    provider->libctx = OSSL_LIB_CTX_new_from_dispatch(provider->core.handle, in);
    if (provider->libctx != NULL)
        provider->default_provider = OSSL_PROVIDER_load(provider->libctx, "default");
    if (provider->default_provider != NULL)
        return true;
    prov_raise(&provider->core, PROV_R_LIBCRYPTO,
               "the default provider cannot be loaded into a private context");
    return false;
}

static bool load_modules(struct provider *provider)
{
    for (size_t i = 0; i < provider->config.module_count; i++) {
        if (prov_module_at(provider, i) == NULL)
            return false;
    }
    return true;
}

static bool configure(struct provider *provider, const char *name)
{
    bool ok = prov_config_read(&provider->config, &provider->core, &provider->problem);

    if (provider->config.log != NULL)
        log_set_from_text("devid", provider->config.log);
    ok = ok && prov_section_check(&provider->core, provider->libctx, name, &provider->problem);
    if (provider->problem != NULL)
        log_error("%s", provider->problem);
    return ok;
}

/*
 * What becomes of a provider whose configuration is wrong. libcrypto 3.0 passes over a provider of
 * openssl.cnf that cannot be made, and keeps the error to itself. So one that it activates is made all the
 * same: whoever wants something of a token hears what is wrong. One that somebody loads is not made.
 */
static bool accept(struct provider *provider, bool ok)
{
    if (ok)
        return true;
    if (provider->problem != NULL && prov_section_activates(&provider->core))
        return true;
    if (provider->problem != NULL)
        prov_raise(&provider->core, PROV_R_BAD_OPTION, "%s", provider->problem);
    else
        prov_raise(&provider->core, PROV_R_NO_MEMORY, "for the configuration");
    return false;
}

/* Where the provider is made in any case, whoever uses a module that cannot be loaded hears of that. */
static bool load_early(struct provider *provider)
{
    bool ok = true;

    if (!provider->config.load_early || provider->problem != NULL)
        return true;
    ERR_set_mark();
    ok = load_modules(provider) || prov_section_activates(&provider->core);
    if (ok)
        ERR_pop_to_mark();
    else
        ERR_clear_last_mark();
    return ok;
}

struct provider *prov_provider_new(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    struct provider *provider = calloc(1, sizeof *provider);
    const char *name;

    if (provider == NULL || !prov_core_init(&provider->core, handle, in)) {
        free(provider);
        return NULL;
    }
    name = prov_core_parameter(&provider->core, OSSL_PROV_PARAM_CORE_PROV_NAME);
    if (name == NULL)
        name = "devid";
    if (open_context(provider, in) && accept(provider, configure(provider, name)) &&
        prov_algorithms_build(&provider->algorithms, name, &provider->config) && load_early(provider))
        return provider;
    prov_provider_free(provider);
    return NULL;
}

bool prov_provider_is_configured(const struct provider *provider)
{
    if (provider->problem != NULL)
        prov_raise(&provider->core, PROV_R_BAD_OPTION, "%s", provider->problem);
    return provider->problem == NULL;
}

void prov_provider_free(struct provider *provider)
{
    if (provider == NULL)
        return;
    prov_key_free(atomic_load(&provider->recent));
    prov_modules_close(provider);
    prov_pinsource_free(provider);
    OSSL_PROVIDER_unload(provider->default_provider);
    OSSL_LIB_CTX_free(provider->libctx);
    prov_algorithms_free(&provider->algorithms);
    prov_config_free(&provider->config);
    free(provider->problem);
    free(provider);
}

static void teardown(void *provider)
{
    prov_provider_free(provider);
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_BUILDINFO, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static bool answer_text(OSSL_PARAM *params, const char *name, const char *text)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

    return p == NULL || OSSL_PARAM_set_utf8_ptr(p, text);
}

/* What "openssl list -providers" shows. */
static int get_params(void *data, OSSL_PARAM params[])
{
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    const struct provider *provider = data;
    const char *name =
        provider->problem != NULL ? provider->problem : "DevID provider for keys in PKCS#11 tokens";

    return answer_text(params, OSSL_PROV_PARAM_NAME, name) &&
           answer_text(params, OSSL_PROV_PARAM_VERSION, DEVID_VERSION) &&
           answer_text(params, OSSL_PROV_PARAM_BUILDINFO, DEVID_VERSION) &&
           (status == NULL || OSSL_PARAM_set_int(status, provider->problem == NULL));
}

static const OSSL_ALGORITHM *query_operation(void *provider, int operation, int *no_cache)
{
    const struct provider *self = provider;

    *no_cache = 0;
    if (operation < 32 && (self->config.blocked >> operation & 1) != 0)
        return NULL;
    return prov_algorithms_of(&self->algorithms, operation);
}

const OSSL_DISPATCH prov_provider_functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN,           (void (*)(void))teardown                 },
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,    (void (*)(void))gettable_params          },
    {OSSL_FUNC_PROVIDER_GET_PARAMS,         (void (*)(void))get_params               },
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION,    (void (*)(void))query_operation          },
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES,   (void (*)(void))prov_tls_get_capabilities},
    {OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))prov_error_reasons       },
    {0,                                     NULL                                     },
};
