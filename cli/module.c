/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/module.h"
#include "cli/rv.h"
#include "common/rvname.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static const struct devid_functions *find_vendor_interface(void *library)
{
    devid_get_interface *get = (devid_get_interface *)(uintptr_t)dlsym(library, "C_GetInterface");
    struct devid_interface *interface = NULL;

    if (get == NULL || get(DEVID_INTERFACE_NAME, NULL, &interface, 0) != CKR_OK || interface == NULL)
        return NULL;
    return strcmp(interface->name, DEVID_INTERFACE_NAME) == 0 ? interface->functions : NULL;
}

enum cli_status cli_module_open(const char *path, struct cli_module *module)
{
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    CK_C_GetFunctionList get;
    CK_RV rv;

    *module = (struct cli_module){0};
    if (path == NULL)
        path = DEVID_PKCS11_MODULE;
    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module->library == NULL)
        return cli_fail(CLI_INPUT, "module %s: cannot be loaded (%s); name another with --module", path,
                        dlerror());
    get = (CK_C_GetFunctionList)(uintptr_t)dlsym(module->library, "C_GetFunctionList");
    if (get == NULL || get(&module->functions) != CKR_OK || module->functions == NULL)
        return cli_fail(CLI_INPUT, "module %s: is no PKCS#11 module; name another with --module", path);
    module->devid = find_vendor_interface(module->library);
    rv = module->functions->C_Initialize(&arguments);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return cli_call_failed(module, "C_Initialize", path, rv);
    module->initialized = rv == CKR_OK;
    return CLI_OK;
}

void cli_module_close(struct cli_module *module)
{
    if (module->initialized)
        module->functions->C_Finalize(NULL);
    if (module->library != NULL)
        dlclose(module->library);
    *module = (struct cli_module){0};
}

void cli_module_warn(const struct cli_module *module)
{
    const char *text = module->devid != NULL ? module->devid->error_text() : "";

    if (text[0] != '\0')
        cli_warn("%s", text);
}

enum cli_status cli_call_failed(const struct cli_module *module, const char *call, const char *thing,
                                CK_RV rv)
{
    const char *text = module->devid != NULL ? module->devid->error_text() : "";
    const char *advice = cli_rv_advice(rv);

    if (text[0] != '\0')
        return cli_fail(CLI_TOKEN, "%s: %s (%s: %s)", thing, text, call, rv_name(rv));
    return cli_fail(CLI_TOKEN, "%s: %s failed with %s%s%s", thing, call, rv_name(rv),
                    advice != NULL ? "; " : "", advice != NULL ? advice : "");
}
