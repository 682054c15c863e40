/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/error.h"
#include "provider/handle.h"
#include "provider/store.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * `handle:0x81000001`, `handle:0x01800001` and `object:FILE`, as tpm2-openssl calls what is in the TPM by its
 * handle: a key, or what an NV index holds. `?pass` at the end says that the key has a password.
 */

enum { OBJECT_MAXIMUM = 16 * 1024 };

struct store {
    struct provider *provider;
    char *uri; /* for messages; NULL: it cannot be read */
    struct prov_place place;
    bool is_place; /* the URI names one */
    int expected;  /* OSSL_STORE_INFO_..., 0: anything */
    bool searched;
    bool failed; /* just now: see store.c */
    struct prov_held held;
    size_t next;
};

static int close_store(void *data)
{
    struct store *store = data;

    if (store == NULL)
        return 1;
    prov_held_free(&store->held);
    bytes_free(&store->place.name);
    free(store->uri);
    free(store);
    return 1;
}

static struct store *new_store(struct provider *provider, const char *uri)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return NULL;
    store->provider = provider;
    store->uri = strdup(uri);
    if (store->uri != NULL)
        return store;
    close_store(store);
    return NULL;
}

/* What is wrong with the number is told when the key is asked for: there the error is not lost. */
static void *open_handle(void *provider, const char *uri)
{
    struct store *store = new_store(provider, uri);
    const char *text = strchr(uri, ':') + 1;
    char *end = NULL;
    unsigned long handle;

    if (store == NULL)
        return NULL;
    errno = 0;
    handle = strtoul(text, &end, 0);
    store->place.handle = (uint32_t)handle;
    store->place.has_auth = strcmp(end, "?pass") == 0;
    store->is_place = errno == 0 && text[0] >= '0' && text[0] <= '9' && handle <= UINT32_MAX &&
                      (*end == '\0' || store->place.has_auth);
    return store;
}

static bool read_object(struct store *store, const char *path)
{
    unsigned char content[OBJECT_MAXIMUM];
    FILE *file = fopen(path, "rbe");
    size_t size;

    if (file == NULL)
        return false;
    size = fread(content, 1, sizeof content, file);
    fclose(file);
    store->is_place = prov_place_read(content, size, &store->place);
    return true;
}

/* A file with a persistent object, as `tpm2_evictcontrol -o` writes it. */
static void *open_object(void *provider, const char *uri)
{
    static const char option[] = "?pass";
    struct store *store = new_store(provider, uri);
    char *path = store != NULL ? strchr(store->uri, ':') + 1 : NULL;
    size_t length = path != NULL ? strlen(path) : 0;
    bool has_auth = length > strlen(option) && strcmp(path + length - strlen(option), option) == 0;

    if (store == NULL)
        return NULL;
    if (has_auth)
        path[length - strlen(option)] = '\0';
    if (!read_object(store, path)) {
        close_store(store);
        return NULL;
    }
    store->place.has_auth = has_auth;
    return store;
}

static const OSSL_PARAM *settable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    struct store *store = data;

    return p == NULL || OSSL_PARAM_get_int(p, &store->expected);
}

static bool search(struct store *store, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    enum prov_half half = store->expected == OSSL_STORE_INFO_PUBKEY ? PROV_HALF_PUBLIC : PROV_HALF_PRIVATE;

    store->searched = true;
    store->failed = true;
    if (!store->is_place) {
        prov_raise(
            &store->provider->core, PROV_R_BAD_URI,
            "%s: expected handle:0x81000001 (a key that stays in the TPM), handle:0x01800001 (an NV "
            "index), or object: and a file of tpm2_evictcontrol -o; with ?pass at the end if the key has "
            "a password",
            store->uri);
        return false;
    }
    store->failed =
        !prov_place_load(store->provider, &store->place, half, passphrase, passphrase_data, &store->held);
    return !store->failed;
}

static int give(struct prov_held_item *item, OSSL_CALLBACK *callback, void *callback_data)
{
    OSSL_PARAM params[4];
    size_t count = 0;

    params[count++] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &item->type);
    if (item->key != NULL) {
        params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                                           (char *)(uintptr_t)item->key->type->name, 0);
        /* prov_keymgmt_load takes the key out of the item */
        params[count++] =
            OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &item->key, sizeof item->key);
    } else {
        params[count++] =
            OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, item->der.data, item->der.size);
    }
    params[count] = OSSL_PARAM_construct_end();
    return callback(params, callback_data);
}

static int load(void *data, OSSL_CALLBACK *callback, void *callback_data,
                OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct store *store = data;

    if (!store->searched && !search(store, passphrase, passphrase_data))
        return 0;
    return store->next < store->held.count &&
           give(&store->held.items[store->next++], callback, callback_data);
}

static int at_end(void *data)
{
    struct store *store = data;
    bool failed = store->failed;

    store->failed = false;
    return !failed && store->searched && store->next == store->held.count;
}

#define FUNCTIONS(open)                                                                                      \
    {                                                                                                        \
        {OSSL_FUNC_STORE_OPEN, (void (*)(void))(open)},                                                      \
            {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params},                          \
            {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))set_params},                                    \
            {OSSL_FUNC_STORE_LOAD, (void (*)(void))load}, {OSSL_FUNC_STORE_EOF, (void (*)(void))at_end},     \
            {OSSL_FUNC_STORE_CLOSE, (void (*)(void))close_store},                                            \
        {                                                                                                    \
            0, NULL                                                                                          \
        }                                                                                                    \
    }

const OSSL_DISPATCH prov_store_handle_functions[] = FUNCTIONS(open_handle);
const OSSL_DISPATCH prov_store_object_functions[] = FUNCTIONS(open_object);
