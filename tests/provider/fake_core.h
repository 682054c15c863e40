/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_TESTS_PROVIDER_FAKE_CORE_H
#define DEVID_TESTS_PROVIDER_FAKE_CORE_H

/* Upcalls for units that are tested without libcrypto's core: errors are kept as text, parameters come from a
 * table. */

#include "provider/core.h"

#include <openssl/params.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fake_parameter {
    const char *name;
    const char *value;
};

static const struct fake_parameter *fake_parameters; /* ends with a NULL name; NULL: none */
static char fake_error[1024];
static uint32_t fake_reason;

static int fake_get_params(const OSSL_CORE_HANDLE *handle, OSSL_PARAM params[])
{
    (void)handle;
    for (const struct fake_parameter *p = fake_parameters; p != NULL && p->name != NULL; p++) {
        OSSL_PARAM *wanted = OSSL_PARAM_locate(params, p->name);

        if (wanted != NULL)
            OSSL_PARAM_set_utf8_ptr(wanted, p->value);
    }
    return 1;
}

static void fake_new_error(const OSSL_CORE_HANDLE *handle)
{
    (void)handle;
}

static void fake_set_error_debug(const OSSL_CORE_HANDLE *handle, const char *file, int line,
                                 const char *function)
{
    (void)handle;
    (void)file;
    (void)line;
    (void)function;
}

static void fake_vset_error(const OSSL_CORE_HANDLE *handle, uint32_t reason, const char *format,
                            va_list arguments)
{
    (void)handle;
    fake_reason = reason;
    vsnprintf(fake_error, sizeof fake_error, format, arguments);
}

static const struct prov_core fake_core = {
    .get_params = fake_get_params,
    .new_error = fake_new_error,
    .set_error_debug = fake_set_error_debug,
    .vset_error = fake_vset_error,
};

#endif
