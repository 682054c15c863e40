/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/tokens.h"
#include "common/buffer.h"

#include <stdlib.h>

struct visiting {
    prov_token_visit *visit;
    void *data;
    bool stopped;
};

static bool visit_one(void *data, struct prov_token *token)
{
    struct visiting *visiting = data;

    visiting->stopped = !visiting->visit(visiting->data, token);
    return !visiting->stopped;
}

bool prov_tokens_visit(struct provider *provider, const struct prov_uri *uri, prov_token_visit *visit,
                       void *data)
{
    struct visiting visiting = {visit, data, false};
    bool ok = true;

    if (!prov_provider_is_configured(provider))
        return false;
    for (size_t i = 0; i < provider->config.module_count && !visiting.stopped; i++) {
        int meant = prov_module_is_meant(provider, i, uri);
        struct prov_module *module = meant > 0 ? prov_module_at(provider, i) : NULL;
        size_t count;

        if (meant != 0)
            ok = module != NULL && prov_module_visit(module, uri, visit_one, &visiting, &count) && ok;
    }
    return ok;
}

char *prov_tokens_seen(struct provider *provider)
{
    struct buffer text;

    buffer_init(&text, 16384);
    for (size_t i = 0; i < provider->config.module_count; i++) {
        struct prov_module *module = atomic_load(&provider->modules[i]);
        char *names = module != NULL ? prov_module_token_names(module) : NULL;

        buffer_addf(&text, "%s%s: %s", i > 0 ? "; " : "", provider->config.modules[i],
                    names != NULL ? names : "?");
        free(names);
    }
    return buffer_take_text(&text);
}
