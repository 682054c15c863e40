/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/store.h"
#include "provider/filter.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

/*
 * An open URI. It is read, and the tokens are searched, when the first object is asked for: only then is the
 * application's passphrase callback at hand; and after a failure to open, libcrypto would go on to look for a
 * file of that name, and put the whole URI with its PIN into its own errors.
 */
struct store {
    struct provider *provider;
    struct bytes text; /* as given, with a NUL; it may hold a PIN */
    unsigned wanted;
    struct prov_filter filter;
    bool searched;
    bool failed; /* just now: the end is told the next time only, lest programs take an error for one */
    struct prov_findings findings;
    size_t next;
};

static int close_store(void *data)
{
    struct store *store = data;

    if (store == NULL)
        return 1;
    prov_findings_free(&store->findings);
    prov_filter_free(&store->filter);
    bytes_free(&store->text);
    free(store);
    return 1;
}

static void *open_store(void *data, const char *uri)
{
    struct provider *provider = data;
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return NULL;
    store->provider = provider;
    store->wanted = PROV_WANT_ALL;
    if (bytes_copy(&store->text, uri, strlen(uri) + 1))
        return store;
    close_store(store);
    return NULL;
}

static const OSSL_PARAM *settable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
        PROV_FILTER_PARAMS,
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    static const unsigned wanted[] = {
        [0] = PROV_WANT_ALL,
        [OSSL_STORE_INFO_PUBKEY] = PROV_WANT_PUBLIC,
        [OSSL_STORE_INFO_PKEY] = PROV_WANT_PRIVATE,
        [OSSL_STORE_INFO_CERT] = PROV_WANT_CERTIFICATE,
        [OSSL_STORE_INFO_CRL] = 0,
    };
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    struct store *store = data;
    int expected = 0;

    if (!prov_filter_set(&store->filter, params))
        return 0;
    if (p == NULL)
        return 1;
    if (!OSSL_PARAM_get_int(p, &expected) || expected < 0)
        return 0;
    store->wanted = (size_t)expected < sizeof wanted / sizeof wanted[0] ? wanted[expected] : 0;
    return 1;
}

static unsigned wanted_of(const struct store *store, const struct prov_uri *uri)
{
    if (prov_filter_is_for_certificates(&store->filter))
        return store->wanted & PROV_WANT_CERTIFICATE;
    if ((store->wanted & PROV_WANT_PRIVATE) != 0 && prov_uri_names_class(uri, CKO_SECRET_KEY))
        return PROV_WANT_SECRET;
    return store->wanted;
}

static bool search(struct store *store, OSSL_PASSPHRASE_CALLBACK *callback, void *callback_data)
{
    struct prov_uri *uri = prov_uri_parse(&store->provider->core, (const char *)store->text.data);
    const struct prov_pin_request request = {uri, callback, callback_data};
    unsigned wanted = uri != NULL ? wanted_of(store, uri) : 0;
    bool ok;

    store->searched = true;
    bytes_free(&store->text);
    ok = uri != NULL && (wanted == 0 || prov_search(store->provider, &request, wanted, &store->findings));
    prov_uri_free(uri);
    store->failed = !ok;
    return ok;
}

/* Moves to the next thing that OSSL_STORE_find asked for. NULL: there is none. */
static struct prov_found *next(struct store *store)
{
    while (store->next < store->findings.count &&
           !prov_filter_admits(&store->filter, store->provider, &store->findings.items[store->next]))
        store->next++;
    return store->next < store->findings.count ? &store->findings.items[store->next] : NULL;
}

static int give_certificate(const struct prov_found *found, OSSL_CALLBACK *callback, void *callback_data)
{
    int type = OSSL_OBJECT_CERT;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, found->certificate.data,
                                          found->certificate.size),
        OSSL_PARAM_construct_end(),
    };

    return callback(params, callback_data);
}

static int give_key(struct prov_found *found, OSSL_CALLBACK *callback, void *callback_data)
{
    int type = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                         (char *)(uintptr_t)found->key->type->name, 0),
        /* prov_keymgmt_load takes the key out of `found` */
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &found->key, sizeof found->key),
        OSSL_PARAM_construct_end(),
    };

    return callback(params, callback_data);
}

static int load(void *data, OSSL_CALLBACK *callback, void *callback_data,
                OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct store *store = data;
    struct prov_found *found;

    if (!store->searched && !search(store, passphrase, passphrase_data))
        return 0;
    found = next(store);
    if (found == NULL)
        return 0;
    store->next++;
    if (found->key != NULL)
        return give_key(found, callback, callback_data);
    return give_certificate(found, callback, callback_data);
}

static int at_end(void *data)
{
    struct store *store = data;
    bool failed = store->failed;

    store->failed = false;
    return !failed && store->searched && next(store) == NULL;
}

const OSSL_DISPATCH prov_store_functions[] = {
    {OSSL_FUNC_STORE_OPEN,                (void (*)(void))open_store     },
    {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params},
    {OSSL_FUNC_STORE_SET_CTX_PARAMS,      (void (*)(void))set_params     },
    {OSSL_FUNC_STORE_LOAD,                (void (*)(void))load           },
    {OSSL_FUNC_STORE_EOF,                 (void (*)(void))at_end         },
    {OSSL_FUNC_STORE_CLOSE,               (void (*)(void))close_store    },
    {0,                                   NULL                           },
};
