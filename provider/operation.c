/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/operation.h"
#include "provider/error.h"

#include <stdlib.h>

void *prov_operation_new(void *provider)
{
    struct prov_operation *operation = calloc(1, sizeof *operation);

    if (operation != NULL)
        operation->provider = provider;
    return operation;
}

void prov_operation_free(void *data)
{
    struct prov_operation *operation = data;

    if (operation == NULL)
        return;
    EVP_PKEY_CTX_free(operation->context);
    prov_key_free(operation->key);
    prov_key_free(operation->peer);
    free(operation);
}

void *prov_operation_dup(void *data)
{
    const struct prov_operation *operation = data;
    struct prov_operation *copy = prov_operation_new(operation->provider);

    if (copy == NULL)
        return NULL;
    if (operation->key != NULL)
        copy->key = prov_key_share(operation->key);
    if (operation->peer != NULL)
        copy->peer = prov_key_share(operation->peer);
    if (operation->context != NULL)
        copy->context = EVP_PKEY_CTX_dup(operation->context);
    if ((copy->context != NULL) == (operation->context != NULL))
        return copy;
    prov_operation_free(copy);
    return NULL;
}

int prov_operation_init(struct prov_operation *operation, void *key, const OSSL_PARAM params[],
                        prov_operation_begin *begin)
{
    if (key != NULL) {
        prov_key_free(operation->key);
        operation->key = prov_key_share(key);
    }
    EVP_PKEY_CTX_free(operation->context);
    operation->context = NULL;
    prov_key_free(operation->peer);
    operation->peer = NULL;
    if (operation->key == NULL || operation->key->pkey == NULL)
        return 0;
    operation->context = EVP_PKEY_CTX_new_from_pkey(operation->provider->libctx, operation->key->pkey, NULL);
    return operation->context != NULL && begin(operation->context, params) > 0;
}

int prov_operation_get_params(void *data, OSSL_PARAM params[])
{
    struct prov_operation *operation = data;

    return operation->context != NULL && EVP_PKEY_CTX_get_params(operation->context, params) == 1;
}

int prov_operation_set_params(void *data, const OSSL_PARAM params[])
{
    struct prov_operation *operation = data;

    if (params == NULL)
        return 1;
    return operation->context != NULL && EVP_PKEY_CTX_set_params(operation->context, params) == 1;
}

int prov_operation_refuse(const struct prov_operation *operation, const char *what)
{
    prov_raise(&operation->provider->core, PROV_R_NOT_SUPPORTED, "%s: %s", operation->key->private->name,
               what);
    return 0;
}
