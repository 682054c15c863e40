/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/core.h"

#include <openssl/params.h>

bool prov_core_init(struct prov_core *core, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    *core = (struct prov_core){.handle = handle};
    for (; in->function_id != 0; in++) {
        switch (in->function_id) {
        case OSSL_FUNC_CORE_GET_PARAMS:
            core->get_params = OSSL_FUNC_core_get_params(in);
            break;
        case OSSL_FUNC_CORE_NEW_ERROR:
            core->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            core->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            core->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        }
    }
    return core->get_params != NULL && core->new_error != NULL && core->set_error_debug != NULL &&
           core->vset_error != NULL;
}

const char *prov_core_parameter(const struct prov_core *core, const char *name)
{
    char *value = NULL;
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_utf8_ptr(name, &value, 0),
        OSSL_PARAM_construct_end(),
    };

    return core->get_params(core->handle, request) && OSSL_PARAM_modified(&request[0]) ? value : NULL;
}
