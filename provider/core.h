/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PROVIDER_CORE_H
#define DEVID_PROVIDER_CORE_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <stdbool.h>

/* What libcrypto offers to this instance of the provider: its upcalls, which need `handle` back. */
struct prov_core {
    const OSSL_CORE_HANDLE *handle;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
};

/* False when an upcall that the provider cannot do without is not there. */
bool prov_core_init(struct prov_core *core, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in);

/* The value of a parameter of this provider: what libcrypto tells of it, or a line of its section in
 * openssl.cnf. NULL when there is none. Owned by libcrypto. */
const char *prov_core_parameter(const struct prov_core *core, const char *name);

#endif
