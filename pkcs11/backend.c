/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/backend.h"

#include "pkcs11/failure.h"
#include "pkcs11/file/backend.h"
#include "pkcs11/tpm/backend.h"

#include <string.h>

const struct backend *const p11_backends[] = {&tpm_backend, &file_backend, NULL};

const struct backend *backend_by_name(const char *name)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++)
        if (strcmp(p11_backends[i]->name, name) == 0)
            return p11_backends[i];
    return NULL;
}

static bool is_label(const char *candidate, const char *label, size_t length)
{
    return strlen(candidate) == length && memcmp(candidate, label, length) == 0;
}

const struct backend *backend_by_pem_label(const char *label, size_t length)
{
    for (size_t i = 0; p11_backends[i] != NULL; i++) {
        const char *const *others = p11_backends[i]->other_pem_labels;

        if (is_label(p11_backends[i]->pem_label, label, length))
            return p11_backends[i];
        for (; others != NULL && *others != NULL; others++)
            if (is_label(*others, label, length))
                return p11_backends[i];
    }
    return NULL;
}

const struct backend *backend_in_software(void)
{
    return &file_backend;
}

CK_RV backend_missing(const struct backend *backend, const char *what)
{
    return p11_fail(CKR_FUNCTION_NOT_SUPPORTED, "a %s token cannot %s", backend->name, what);
}
