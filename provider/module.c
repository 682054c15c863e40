/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/module.h"
#include "common/log.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/token.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t last_epoch;

static struct prov_module *new_module(struct provider *provider, size_t index,
                                      struct prov_module *before_fork)
{
    struct prov_module *module = calloc(1, sizeof *module);

    if (module == NULL)
        return NULL;
    module->provider = provider;
    module->index = index;
    module->name = provider->config.modules[index];
    module->before_fork = before_fork;
    module->fork_id = prov_guard_fork_id();
    module->epoch = atomic_fetch_add(&last_epoch, 1) + 1;
    pthread_mutex_init(&module->lock, NULL);
    pthread_cond_init(&module->session_returned, NULL);
    pthread_cond_init(&module->login_ended, NULL);
    return module;
}

/* The module of this process; no lock that a fork could have left locked is taken. */
static struct prov_module *current_module(struct provider *provider, size_t index)
{
    struct prov_module *module = atomic_load(&provider->modules[index]);

    while (module == NULL || module->fork_id != prov_guard_fork_id()) {
        struct prov_module *fresh = new_module(provider, index, module);

        if (fresh == NULL) {
            prov_raise(&provider->core, PROV_R_NO_MEMORY, "for the module");
            return NULL;
        }
        if (atomic_compare_exchange_strong(&provider->modules[index], &module, fresh))
            return fresh;
        free(fresh);
    }
    return module;
}

/* Some modules answer with their only interface whatever they are asked for. */
static void find_extra(struct prov_module *module, void *library)
{
    devid_get_interface *get_interface = NULL;
    struct devid_interface *interface = NULL;

    *(void **)&get_interface = dlsym(library, "C_GetInterface");
    if (get_interface != NULL && get_interface(DEVID_INTERFACE_NAME, NULL, &interface, 0) == CKR_OK &&
        interface != NULL && interface->name != NULL && strcmp(interface->name, DEVID_INTERFACE_NAME) == 0)
        module->extra = interface->functions;
}

/* tpm2-pkcs11 1.9 mixes up the operations of sessions that are used at a time, and crashes. */
static unsigned sessions_of(const struct prov_module *module)
{
    const char *slash = strrchr(module->location.path, '/');
    const char *file = slash != NULL ? slash + 1 : module->location.path;

    return strstr(file, "tpm2_pkcs11") != NULL ? 1 : module->provider->config.sessions;
}

/* The library is never unloaded: it may have registered handlers with this process. */
static CK_RV load(struct prov_module *module, const char **problem)
{
    CK_RV (*get_function_list)(CK_FUNCTION_LIST **) = NULL;
    void *library;
    CK_RV rv;

    if (module->location.path == NULL && !prov_locate(&prov_places, module->name, &module->location, problem))
        return CKR_GENERAL_ERROR;
    module->sessions = sessions_of(module);
    library = dlopen(module->location.path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
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
    char *configured = module->provider->config.init_args;
    CK_C_INITIALIZE_ARGS arguments = {
        .flags = CKF_OS_LOCKING_OK,
        .pReserved = configured != NULL ? configured : module->location.init_args,
    };
    CK_RV rv;

    prov_guard_alone();
    rv = module->functions->C_Initialize(&arguments);
    prov_guard_not_alone();
    module->fresh = rv == CKR_OK;
    if (module->fresh)
        prov_error_note(module, module->note, sizeof module->note);
    /* The application, or another instance of this provider, was first. Then it is theirs to finalize. */
    return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

static bool open_locked(struct prov_module *module)
{
    const char *problem = NULL;
    CK_RV rv = CKR_OK;

    prov_guard_enter();
    if (module->functions == NULL)
        rv = load(module, &problem);
    if (rv == CKR_OK)
        rv = initialize(module);
    prov_guard_leave();
    module->initialized = rv == CKR_OK;
    module->initialized_epoch = module->epoch;
    if (problem != NULL)
        prov_raise(&module->provider->core, PROV_R_MODULE_NOT_LOADED, "%s: %s", module->name, problem);
    else if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_Initialize", module->name);
    else
        log_info("%s: %s is %s", module->name, module->location.path,
                 module->fresh ? "initialised" : "in use already");
    return module->initialized;
}

struct prov_module *prov_module_at(struct provider *provider, size_t index)
{
    struct prov_module *module;
    bool ready;

    if (!prov_provider_is_configured(provider))
        return NULL;
    if (prov_guard_inside()) {
        prov_raise(&provider->core, PROV_R_REENTERED, "%s", provider->config.modules[index]);
        return NULL;
    }
    module = current_module(provider, index);
    if (module == NULL)
        return NULL;
    pthread_mutex_lock(&module->lock);
    ready = module->initialized || open_locked(module);
    pthread_mutex_unlock(&module->lock);
    return ready ? module : NULL;
}

/* What a module says of itself. 1, 0 or -1 as prov_module_is_meant. */
static int describes_itself(struct provider *provider, size_t index, const struct prov_uri *uri)
{
    struct prov_module *module = prov_module_at(provider, index);
    CK_INFO info;
    CK_RV rv;

    if (module == NULL)
        return -1;
    memset(&info, 0, sizeof info);
    prov_guard_enter();
    rv = module->functions->C_GetInfo(&info);
    prov_guard_leave();
    if (rv == CKR_OK)
        return prov_uri_matches_library(uri, &info);
    prov_raise_rv(module, rv, "C_GetInfo", module->name);
    return -1;
}

int prov_module_is_meant(struct provider *provider, size_t index, const struct prov_uri *uri)
{
    const char *name = provider->config.modules[index];
    struct prov_location location;
    const char *problem;
    bool meant = true;

    if (uri->module_name != NULL || uri->module_path != NULL) {
        if (!prov_locate(&prov_places, name, &location, &problem))
            return 0;
        meant = (uri->module_name == NULL || prov_location_is_named(name, location.path, uri->module_name)) &&
                (uri->module_path == NULL || prov_location_is_at(location.path, uri->module_path));
        prov_location_free(&location);
    }
    return meant && prov_uri_names_library(uri) ? describes_itself(provider, index, uri) : meant;
}

uint64_t prov_module_epoch(struct prov_module *module)
{
    uint64_t epoch;

    pthread_mutex_lock(&module->lock);
    epoch = module->epoch;
    pthread_mutex_unlock(&module->lock);
    return epoch;
}

void prov_module_was_finalized(struct prov_module *module)
{
    module->incarnation += module->initialized;
    module->initialized = false;
}

void prov_module_renew(struct prov_module *module, uint64_t epoch, CK_RV rv)
{
    pthread_mutex_lock(&module->lock);
    if (module->epoch == epoch) {
        if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
            prov_module_was_finalized(module);
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

/* It was opened in this process, is not calling us, and the process goes on. */
static bool may_be_called(const struct prov_module *module)
{
    return module != NULL && module->fork_id == prov_guard_fork_id() && !prov_guard_inside() &&
           !process_is_ending();
}

struct prov_module *prov_module_reachable(struct provider *provider, size_t index, uint64_t epoch)
{
    struct prov_module *module = atomic_load(&provider->modules[index]);
    bool reachable;

    if (!may_be_called(module))
        return NULL;
    pthread_mutex_lock(&module->lock);
    reachable = module->initialized && epoch >= module->initialized_epoch;
    pthread_mutex_unlock(&module->lock);
    return reachable ? module : NULL;
}

static void close_module(struct prov_module *module)
{
    bool reachable = may_be_called(module) && module->initialized;

    while (module != NULL) {
        struct prov_module *older = module->before_fork;

        prov_tokens_free(module->tokens, reachable);
        prov_location_free(&module->location);
        free(module);
        module = older;
        reachable = false;
    }
}

void prov_modules_close(struct provider *provider)
{
    for (size_t i = 0; i < PROV_MODULES_MAXIMUM; i++)
        close_module(atomic_load(&provider->modules[i]));
}
