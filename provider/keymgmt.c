/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keymgmt.h"
#include "provider/params.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

void prov_keymgmt_free(void *key)
{
    prov_key_free(key);
}

/* A reference is the address of a pointer to a key, which is taken; see store.c and decoder_uri.c. */
void *prov_keymgmt_load(const void *reference, size_t size)
{
    struct prov_key *key = NULL;

    if (reference == NULL || size != sizeof(struct prov_key *))
        return NULL;
    memcpy(&key, reference, sizeof key);
    memset((void *)(uintptr_t)reference, 0, sizeof key); /* transferred */
    return key;
}

int prov_keymgmt_has(const void *data, int selection)
{
    const struct prov_key *key = data;

    if (key == NULL)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && !key->has_private)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && !key->has_public)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) == 0 || key->type->bare || key->pkey != NULL;
}

int prov_keymgmt_match(const void *data_a, const void *data_b, int selection)
{
    const struct prov_key *a = data_a;
    const struct prov_key *b = data_b;
    bool same;

    if (a->type->bare && (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
        return 1;
    if (a->pkey == NULL || b->pkey == NULL)
        return 0;
    ERR_set_mark();
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
        same = EVP_PKEY_eq(a->pkey, b->pkey) == 1;
    else
        same = EVP_PKEY_parameters_eq(a->pkey, b->pkey) == 1;
    ERR_pop_to_mark();
    return same;
}

/* The private half of a token's key is the token's business. */
static int check(const struct prov_key *key, EVP_PKEY_CTX *context, int selection, int thoroughness)
{
    bool private = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && key->private == NULL;
    bool public = (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0;

    if (private && public)
        return EVP_PKEY_pairwise_check(context) == 1 && EVP_PKEY_private_check(context) == 1 &&
               EVP_PKEY_public_check(context) == 1;
    if (private)
        return EVP_PKEY_private_check(context) == 1;
    if (public && thoroughness == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK)
        return EVP_PKEY_public_check_quick(context) == 1;
    if (public)
        return EVP_PKEY_public_check(context) == 1;
    if ((selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0)
        return EVP_PKEY_param_check(context) == 1;
    return 1;
}

int prov_keymgmt_validate(const void *data, int selection, int thoroughness)
{
    const struct prov_key *key = data;
    EVP_PKEY_CTX *context;
    int ok;

    if (key->pkey == NULL)
        return 0;
    context = EVP_PKEY_CTX_new_from_pkey(key->provider->libctx, key->pkey, NULL);
    ok = context != NULL && check(key, context, selection, thoroughness);
    EVP_PKEY_CTX_free(context);
    return ok;
}

static EVP_PKEY *from_params(const struct prov_key *key, int selection, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(key->provider->libctx, key->type->name, NULL);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &pkey, selection, prov_params_writable(params)) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    return pkey;
}

int prov_keymgmt_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct prov_key *key = data;
    EVP_PKEY *pkey;

    if (key == NULL || key->private != NULL)
        return 0;
    pkey = from_params(key, selection, params);
    if (pkey == NULL)
        return 0;
    prov_key_set(key, pkey); /* transferred */
    return 1;
}

int prov_keymgmt_export(void *data, int selection, OSSL_CALLBACK *callback, void *callback_data)
{
    const struct prov_key *key = data;

    if (key->pkey == NULL)
        return 0;
    /* No error is raised: libcrypto asks in order to find out where the key can be used. */
    if (key->private != NULL &&
        ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || key->provider->config.no_export))
        return 0;
    return EVP_PKEY_export(key->pkey, selection, callback, callback_data);
}

int prov_keymgmt_get_uri(const struct prov_key *key, OSSL_PARAM params[])
{
    OSSL_PARAM *uri = OSSL_PARAM_locate(params, PROV_PARAM_URI);

    return uri == NULL || key->private == NULL || key->private->file != NULL ||
           OSSL_PARAM_set_utf8_string(uri, key->private->name);
}

/* Of the names that a digest has, the one that libcrypto knows without any other provider, too: whoever loads
 * this one alone has no other list of names. */
static bool name_digest(OSSL_PARAM params[])
{
    static const char prefix[] = "SHA2-";
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
    const char *name = NULL;
    char plain[16];

    if (p == NULL || !OSSL_PARAM_modified(p) || !OSSL_PARAM_get_utf8_string_ptr(p, &name) ||
        strncmp(name, prefix, strlen(prefix)) != 0 || strchr(name, '/') != NULL)
        return true;
    snprintf(plain, sizeof plain, "SHA%s", name + strlen(prefix));
    return OSSL_PARAM_set_utf8_string(p, plain);
}

/* RSA-PSS keys say it by themselves, in their public half. */
static bool demand_digest(const struct prov_key *key, OSSL_PARAM params[])
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);

    return p == NULL || key->private == NULL || key->private->digest == NULL ||
           OSSL_PARAM_set_utf8_string(p, key->private->digest);
}

int prov_keymgmt_get_params(void *data, OSSL_PARAM params[])
{
    const struct prov_key *key = data;

    return prov_keymgmt_get_uri(key, params) && key->pkey != NULL && EVP_PKEY_get_params(key->pkey, params) &&
           name_digest(params) && demand_digest(key, params);
}

/* How TLS makes the other side's key: an empty one that is told its bytes. */
static int set_bytes(struct prov_key *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *encoded = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
    EVP_PKEY *pkey = NULL;

    if (encoded != NULL && encoded->data_type == OSSL_PARAM_OCTET_STRING)
        pkey = EVP_PKEY_new_raw_public_key_ex(key->provider->libctx, key->type->name, NULL, encoded->data,
                                              encoded->data_size);
    if (pkey != NULL)
        prov_key_set(key, pkey); /* transferred */
    return pkey != NULL;
}

/* Whether they only say how the public half is written: `openssl ec` says so of every key. */
static bool are_about_writing(const OSSL_PARAM params[])
{
    static const char *const names[] = {
        OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC,
        OSSL_PKEY_PARAM_EC_ENCODING,
        OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
    };

    for (; params->key != NULL; params++) {
        size_t i = 0;

        while (i < sizeof names / sizeof names[0] && strcmp(params->key, names[i]) != 0)
            i++;
        if (i == sizeof names / sizeof names[0])
            return false;
    }
    return true;
}

int prov_keymgmt_set_params(void *data, const OSSL_PARAM params[])
{
    struct prov_key *key = data;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (key->private != NULL && key->type->pkcs11 == CKK_EC && are_about_writing(params))
        return EVP_PKEY_set_params(key->pkey, prov_params_writable(params)) == 1;
    if (key->pkey == NULL && key->type->bare)
        return set_bytes(key, params);
    if (key->pkey == NULL || key->private != NULL)
        return 0;
    if (EVP_PKEY_set_params(key->pkey, prov_params_writable(params)) != 1)
        return 0;
    prov_key_set(key, key->pkey);
    return 1;
}

/* A software key with the selected part of another one. */
static EVP_PKEY *copy_part(const struct prov_key *key, int selection)
{
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (EVP_PKEY_todata(key->pkey, selection, &params) == 1)
        pkey = from_params(key, selection, params);
    OSSL_PARAM_free(params);
    return pkey;
}

void *prov_keymgmt_dup(const void *data, int selection)
{
    const struct prov_key *key = data;
    struct prov_key *copy;
    EVP_PKEY *pkey = NULL;

    if (key->private != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return prov_key_share((struct prov_key *)(uintptr_t)key);
    copy = prov_key_new(key->provider, key->type);
    if (copy == NULL || key->pkey == NULL ||
        (key->type->bare && (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0))
        return copy;
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == OSSL_KEYMGMT_SELECT_KEYPAIR)
        pkey = EVP_PKEY_dup(key->pkey);
    else
        pkey = copy_part(key, selection);
    if (pkey != NULL) {
        prov_key_set(copy, pkey); /* transferred */
        return copy;
    }
    prov_key_free(copy);
    return NULL;
}

/* The lists are constants of libcrypto's default provider, which lives as long as our context. */
const OSSL_PARAM *prov_keymgmt_list_of(void *provider, const char *type, prov_keymgmt_list *list)
{
    EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(((struct provider *)provider)->libctx, type, NULL);
    const OSSL_PARAM *params = keymgmt != NULL ? list(keymgmt) : NULL;

    EVP_KEYMGMT_free(keymgmt);
    return params;
}
