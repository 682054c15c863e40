/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/module.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/token.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t last_epoch;

static struct prov_module *new_module(struct provider *provider, struct prov_module *before_fork)
{
    struct prov_module *module = calloc(1, sizeof *module);

    if (module == NULL)
        return NULL;
    module->provider = provider;
    module->before_fork = before_fork;
    module->fork_id = prov_guard_fork_id();
    module->epoch = atomic_fetch_add(&last_epoch, 1) + 1;
    pthread_mutex_init(&module->lock, NULL);
    pthread_cond_init(&module->session_returned, NULL);
    return module;
}

/* The module of this process; no lock that a fork could have left locked is taken. */
static struct prov_module *current_module(struct provider *provider)
{
    struct prov_module *module = atomic_load(&provider->module);

    while (module == NULL || module->fork_id != prov_guard_fork_id()) {
        struct prov_module *fresh = new_module(provider, module);

        if (fresh == NULL) {
            prov_raise(&provider->core, PROV_R_NO_MEMORY, "for the module");
            return NULL;
        }
        if (atomic_compare_exchange_strong(&provider->module, &module, fresh))
            return fresh;
        free(fresh);
    }
    return module;
}

static void find_extra(struct prov_module *module, void *library)
{
    devid_get_interface *get_interface = NULL;
    struct devid_interface *interface = NULL;

    *(void **)&get_interface = dlsym(library, "C_GetInterface");
    if (get_interface != NULL && get_interface(DEVID_INTERFACE_NAME, NULL, &interface, 0) == CKR_OK &&
        interface != NULL)
        module->extra = interface->functions;
}

/* The library is never unloaded: it may have registered handlers with this process. */
static CK_RV load(struct prov_module *module, const char **problem)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **) = NULL;
    void *library = dlopen(module->provider->config.module, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_RV rv;

    if (library == NULL) {
        *problem = dlerror();
        return CKR_GENERAL_ERROR;
    }
    *(void **)&get_function_list = dlsym(library, "C_GetFunctionList");
    if (get_function_list == NULL) {
        *problem = "it has no C_GetFunctionList, so it is not a PKCS#11 module";
        return CKR_GENERAL_ERROR;
    }
    rv = get_function_list(&module->functions);
    if (rv == CKR_OK)
        find_extra(module, library);
    return rv;
}

static CK_RV initialize(struct prov_module *module)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK,
                                      .pReserved = module->provider->config.init_args};
    CK_RV rv = module->functions->C_Initialize(&arguments);

    /* The application, or another instance of this provider, was first. Then it is theirs to finalize. */
    return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

static bool open_locked(struct prov_module *module)
{
    const char *path = module->provider->config.module;
    const char *problem = NULL;
    CK_RV rv = CKR_OK;

    prov_guard_enter();
    if (module->functions == NULL)
        rv = load(module, &problem);
    if (rv == CKR_OK)
        rv = initialize(module);
    prov_guard_leave();
    module->initialized = rv == CKR_OK;
    if (problem != NULL)
        prov_raise(&module->provider->core, PROV_R_MODULE_NOT_LOADED, "%s: %s", path, problem);
    else if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_Initialize", path);
    return module->initialized;
}

struct prov_module *prov_module_get(struct provider *provider)
{
    struct prov_module *module;
    bool ready;

    if (prov_guard_inside()) {
        prov_raise(&provider->core, PROV_R_REENTERED, "%s", provider->config.module);
        return NULL;
    }
    module = current_module(provider);
    if (module == NULL)
        return NULL;
    pthread_mutex_lock(&module->lock);
    ready = module->initialized || open_locked(module);
    pthread_mutex_unlock(&module->lock);
    return ready ? module : NULL;
}

uint64_t prov_module_epoch(struct prov_module *module)
{
    uint64_t epoch;

    pthread_mutex_lock(&module->lock);
    epoch = module->epoch;
    pthread_mutex_unlock(&module->lock);
    return epoch;
}

void prov_module_renew(struct prov_module *module, uint64_t epoch, CK_RV rv)
{
    pthread_mutex_lock(&module->lock);
    if (module->epoch == epoch) {
        if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
            module->initialized = false;
        module->listed = false;
        for (struct prov_token *token = module->tokens; token != NULL; token = token->next)
            prov_token_forget_sessions(token, module->initialized);
        module->epoch = atomic_fetch_add(&last_epoch, 1) + 1;
        pthread_cond_broadcast(&module->session_returned);
    }
    pthread_mutex_unlock(&module->lock);
}

/* While a process ends, the module may have gone through its own last rites already. */
static bool process_is_ending(void)
{
    bool ending;

    ERR_set_mark();
    ending = OPENSSL_init_crypto(0, NULL) == 0;
    ERR_pop_to_mark();
    return ending;
}

void prov_module_close(struct provider *provider)
{
    struct prov_module *module = atomic_load(&provider->module);
    bool reachable = module != NULL && module->fork_id == prov_guard_fork_id() && module->initialized &&
                     !prov_guard_inside() && !process_is_ending();

    while (module != NULL) {
        struct prov_module *older = module->before_fork;

        prov_tokens_free(module->tokens, reachable);
        free(module);
        module = older;
        reachable = false;
    }
}
