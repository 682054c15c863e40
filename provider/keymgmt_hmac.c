/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

/*
 * OpenSSL 3.0 has HMAC keys as EVP_PKEY (EVP_PKEY-HMAC(7)), and so may one in a token be: what is signed with
 * EVP_DigestSign never sees the key. Whoever makes one of bytes gets a software key.
 */

static void *new_key(void *provider)
{
    return prov_key_new(provider, &prov_key_hmac);
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM nothing[] = {OSSL_PARAM_END};
    static const OSSL_PARAM secret[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? secret : nothing;
}

static int has(const void *data, int selection)
{
    const struct prov_key *key = data;

    return key != NULL && ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->has_private);
}

/* The handles of two objects differ, if both are of the same time. */
static bool may_be_same_object(const struct prov_token_key *a, const struct prov_token_key *b)
{
    pthread_mutex_t *lock = &a->token->module->lock;
    bool may;

    pthread_mutex_lock(lock);
    may = a->epoch != b->epoch || a->handle == b->handle;
    pthread_mutex_unlock(lock);
    return may;
}

/* Two objects of a token are the same key when they are the same object, by whatever URIs they were loaded.
 */
static int match(const void *data_a, const void *data_b, int selection)
{
    const struct prov_key *a = data_a;
    const struct prov_key *b = data_b;

    if (a->private == NULL && b->private == NULL)
        return prov_keymgmt_match(a, b, selection);
    return a->private != NULL && b->private != NULL && strcmp(a->private->name, b->private->name) == 0 &&
           may_be_same_object(a->private, b->private);
}

static int get_params(void *data, OSSL_PARAM params[])
{
    const struct prov_key *key = data;

    return key->private == NULL ? prov_keymgmt_get_params(data, params) : prov_keymgmt_get_uri(key, params);
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    static const OSSL_PARAM list[] = {OSSL_PARAM_utf8_string(PROV_PARAM_URI, NULL, 0), OSSL_PARAM_END};

    (void)provider;
    return list;
}

const OSSL_DISPATCH prov_keymgmt_hmac_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW,             (void (*)(void))new_key            },
    {OSSL_FUNC_KEYMGMT_FREE,            (void (*)(void))prov_keymgmt_free  },
    {OSSL_FUNC_KEYMGMT_LOAD,            (void (*)(void))prov_keymgmt_load  },
    {OSSL_FUNC_KEYMGMT_HAS,             (void (*)(void))has                },
    {OSSL_FUNC_KEYMGMT_MATCH,           (void (*)(void))match              },
    {OSSL_FUNC_KEYMGMT_IMPORT,          (void (*)(void))prov_keymgmt_import},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES,    (void (*)(void))key_types          },
    {OSSL_FUNC_KEYMGMT_EXPORT,          (void (*)(void))prov_keymgmt_export},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES,    (void (*)(void))key_types          },
    {OSSL_FUNC_KEYMGMT_GET_PARAMS,      (void (*)(void))get_params         },
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))gettable_params    },
    {OSSL_FUNC_KEYMGMT_DUP,             (void (*)(void))prov_keymgmt_dup   },
    {0,                                 NULL                               },
};
