/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/key.h"
#include "provider/allowed.h"
#include "provider/error.h"
#include "provider/public.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

const struct prov_key_type prov_key_rsa = {
    .name = "RSA",
    .pkcs11 = CKK_RSA,
    .public_param = OSSL_PKEY_PARAM_RSA_N,
    .private_param = OSSL_PKEY_PARAM_RSA_D,
};
const struct prov_key_type prov_key_rsa_pss = {
    .name = "RSA-PSS",
    .pkcs11 = CKK_RSA,
    .pss_only = true,
    .public_param = OSSL_PKEY_PARAM_RSA_N,
    .private_param = OSSL_PKEY_PARAM_RSA_D,
};
const struct prov_key_type prov_key_ec = {
    .name = "EC",
    .pkcs11 = CKK_EC,
    .public_param = OSSL_PKEY_PARAM_EC_PUB_X,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};

const struct prov_key_type prov_key_ed25519 = {
    .name = "ED25519",
    .pkcs11 = CKK_EC_EDWARDS,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};
const struct prov_key_type prov_key_x25519 = {
    .name = "X25519",
    .pkcs11 = CKK_EC_MONTGOMERY,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};

struct prov_key *prov_key_new(struct provider *provider, const struct prov_key_type *type)
{
    struct prov_key *key = calloc(1, sizeof *key);

    if (key == NULL)
        return NULL;
    atomic_init(&key->references, 1);
    key->provider = provider;
    key->type = type;
    return key;
}

struct prov_key *prov_key_share(struct prov_key *key)
{
    atomic_fetch_add(&key->references, 1);
    return key;
}

static void free_private(struct prov_token_key *private)
{
    if (private == NULL)
        return;
    prov_uri_free(private->uri);
    free(private->name);
    bytes_free(&private->id);
    bytes_free(&private->label);
    bytes_wipe(private->rejection, sizeof private->rejection);
    free(private);
}

void prov_key_free(struct prov_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->references, 1) != 1)
        return;
    EVP_PKEY_free(key->pkey);
    free_private(key->private);
    free(key);
}

void prov_key_drop_private(struct prov_key *key)
{
    free_private(key->private);
    key->private = NULL;
    key->has_private = false;
}

/* A number or, of Edwards and Montgomery keys, bytes. */
static bool has_value(const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *number = NULL;
    size_t size = 0;
    bool has;

    ERR_set_mark();
    has = pkey != NULL && (EVP_PKEY_get_bn_param(pkey, name, &number) == 1 ||
                           (EVP_PKEY_get_octet_string_param(pkey, name, NULL, 0, &size) == 1 && size > 0));
    ERR_pop_to_mark();
    BN_clear_free(number);
    return has;
}

void prov_key_set(struct prov_key *key, EVP_PKEY *pkey)
{
    if (pkey != key->pkey)
        EVP_PKEY_free(key->pkey);
    key->pkey = pkey;
    key->has_public = has_value(pkey, key->type->public_param);
    key->has_private = has_value(pkey, key->type->private_param);
}

static const struct prov_key_type *type_of(const struct prov_object *object, bool pss_only)
{
    static const struct prov_key_type *const types[] = {
        &prov_key_rsa, &prov_key_rsa_pss, &prov_key_ec, &prov_key_ed25519, &prov_key_x25519,
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i]->pkcs11 == object->key_type && types[i]->pss_only == pss_only)
            return types[i];
    }
    return NULL;
}

/* The public half from another object with the same id. */
static EVP_PKEY *public_from_sibling(struct prov_session *session, const struct prov_object *object,
                                     CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class,          sizeof class   },
        {CKA_ID,    object->id.data, object->id.size}
    };
    CK_OBJECT_HANDLE handles[PROV_OBJECTS_MAXIMUM];
    struct prov_object sibling = {0};
    EVP_PKEY *pkey = NULL;
    CK_ULONG count = 0;

    if (object->id.size == 0 || prov_object_find(session, template, 2, handles, &count) != CKR_OK ||
        count == 0)
        return NULL;
    if (prov_object_read(session, handles[0], class, &sibling) == CKR_OK)
        pkey = prov_public_from_object(session->token->module->provider, &sibling);
    prov_object_free(&sibling);
    return pkey;
}

static EVP_PKEY *find_public(struct prov_session *session, const struct prov_object *object)
{
    EVP_PKEY *pkey = prov_public_from_object(session->token->module->provider, object);

    if (pkey == NULL && object->class == CKO_PRIVATE_KEY)
        pkey = public_from_sibling(session, object, CKO_PUBLIC_KEY);
    if (pkey == NULL && object->class == CKO_PRIVATE_KEY)
        pkey = public_from_sibling(session, object, CKO_CERTIFICATE);
    return pkey;
}

static struct prov_token_key *new_private(struct prov_session *session, struct prov_uri *uri,
                                          const struct prov_object *object,
                                          const struct prov_allowed *allowed)
{
    struct prov_token_key *private = calloc(1, sizeof *private);

    if (private == NULL)
        return NULL;
    private->uri = prov_uri_share(uri);
    private->token = session->token;
    private->hashes_itself = allowed->hashes_itself;
    private->always_authenticate = object->always_authenticate == CK_TRUE;
    private->handle = object->handle;
    private->epoch = session->epoch;
    private->name = prov_uri_format(&session->token->info, CKO_PRIVATE_KEY, &object->id, &object->label);
    if (private->name != NULL &&
        RAND_priv_bytes_ex(session->token->module->provider->libctx, private->rejection,
                           sizeof private->rejection, 0) == 1 &&
        bytes_copy(&private->id, object->id.data, object->id.size) &&
        bytes_copy(&private->label, object->label.data, object->label.size))
        return private;
    free_private(private);
    return NULL;
}

static struct prov_key *raise_about(struct provider *provider, enum prov_reason reason,
                                    const struct prov_token *token, const struct prov_object *object,
                                    const char *what)
{
    char *name = prov_uri_format(&token->info, object->class, &object->id, &object->label);

    prov_raise(&provider->core, reason, "%s: %s", name != NULL ? name : "", what);
    free(name);
    return NULL;
}

struct prov_key *prov_key_from_object(struct prov_session *session, struct prov_uri *uri,
                                      const struct prov_object *object)
{
    struct provider *provider = session->token->module->provider;
    const struct prov_key_type *type;
    struct prov_allowed allowed;
    struct prov_key *key;
    EVP_PKEY *pkey;

    prov_allowed_read(object, &allowed);
    type = type_of(object, allowed.pss_only);

    if (type == NULL)
        return raise_about(provider, PROV_R_NOT_SUPPORTED, session->token, object,
                           "only RSA, EC, Ed25519 and X25519 keys are");
    pkey = find_public(session, object);
    if (pkey != NULL && allowed.pss_only)
        pkey = prov_public_as_pss(provider, pkey, allowed.digest);
    if (pkey == NULL || !EVP_PKEY_is_a(pkey, type->name)) {
        EVP_PKEY_free(pkey);
        return raise_about(
            provider, PROV_R_NO_PUBLIC_HALF, session->token, object,
            "neither this object nor a public key or certificate with its id tells a public key on "
            "a named curve"
            " or of RSA");
    }
    key = prov_key_new(provider, type);
    if (key != NULL)
        prov_key_set(key, pkey); /* transferred */
    else
        EVP_PKEY_free(pkey);
    if (key != NULL && object->class == CKO_PRIVATE_KEY) {
        key->private = new_private(session, uri, object, &allowed);
        key->has_private = key->private != NULL;
    }
    if (key != NULL && (object->class != CKO_PRIVATE_KEY || key->private != NULL))
        return key;
    prov_key_free(key);
    return raise_about(provider, PROV_R_NO_MEMORY, session->token, object, "for a key");
}
