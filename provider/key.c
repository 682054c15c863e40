/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/key.h"
#include "provider/allowed.h"
#include "provider/error.h"
#include "provider/public.h"
#include "provider/tss2.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

const struct prov_key_type prov_key_rsa = {
    .name = "RSA",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_RSA,
    .public_param = OSSL_PKEY_PARAM_RSA_N,
    .private_param = OSSL_PKEY_PARAM_RSA_D,
};
const struct prov_key_type prov_key_rsa_pss = {
    .name = "RSA-PSS",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_RSA,
    .pss_only = true,
    .public_param = OSSL_PKEY_PARAM_RSA_N,
    .private_param = OSSL_PKEY_PARAM_RSA_D,
};
const struct prov_key_type prov_key_ec = {
    .name = "EC",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_EC,
    .public_param = OSSL_PKEY_PARAM_EC_PUB_X,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};

const struct prov_key_type prov_key_ed25519 = {
    .name = "ED25519",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_EC_EDWARDS,
    .bare = true,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};
const struct prov_key_type prov_key_x25519 = {
    .name = "X25519",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_EC_MONTGOMERY,
    .bare = true,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};
const struct prov_key_type prov_key_ed448 = {
    .name = "ED448",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_EC_EDWARDS,
    .bare = true,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};
const struct prov_key_type prov_key_x448 = {
    .name = "X448",
    .class = CKO_PRIVATE_KEY,
    .pkcs11 = CKK_EC_MONTGOMERY,
    .bare = true,
    .public_param = OSSL_PKEY_PARAM_PUB_KEY,
    .private_param = OSSL_PKEY_PARAM_PRIV_KEY,
};
const struct prov_key_type prov_key_hmac = {
    .name = "HMAC",
    .class = CKO_SECRET_KEY,
    .pkcs11 = CKK_GENERIC_SECRET,
    .public_param = OSSL_PKEY_PARAM_PRIV_KEY, /* there are no halves */
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
    prov_tss2_free(private);
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
    free(key->public_name);
    free(key);
}

void prov_key_drop_private(struct prov_key *key)
{
    if (key->private != NULL) {
        key->public_name = key->private->name;
        key->private->name = NULL;
    }
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

/* The type that libcrypto has for a public half that the object, of that type in PKCS#11, may have. NULL:
 * none.
 */
static const struct prov_key_type *type_of(CK_KEY_TYPE pkcs11, const EVP_PKEY *pkey)
{
    static const struct prov_key_type *const types[] = {
        &prov_key_rsa,    &prov_key_rsa_pss, &prov_key_ec,   &prov_key_ed25519,
        &prov_key_x25519, &prov_key_ed448,   &prov_key_x448,
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i]->pkcs11 == pkcs11 && (pkey == NULL || EVP_PKEY_is_a(pkey, types[i]->name)))
            return types[i];
    }
    return NULL;
}

/* Another object with the same id. *sibling is freed with prov_object_free also when there is none. */
static bool read_sibling(struct prov_session *session, const struct prov_object *object,
                         CK_OBJECT_CLASS class, struct prov_object *sibling)
{
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class,          sizeof class   },
        {CKA_ID,    object->id.data, object->id.size}
    };
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG count = 0;
    bool read;

    *sibling = (struct prov_object){0};
    if (object->id.size == 0 || prov_object_find(session, template, 2, &handles, &count) != CKR_OK)
        return false;
    read = count > 0 && prov_object_read(session, handles[0], class, sibling) == CKR_OK;
    free(handles);
    return read;
}

static EVP_PKEY *public_from_sibling(struct prov_session *session, const struct prov_object *object,
                                     CK_OBJECT_CLASS class)
{
    struct prov_object sibling;
    EVP_PKEY *pkey = NULL;

    if (read_sibling(session, object, class, &sibling))
        pkey = prov_public_from_object(session->token->module->provider, &sibling);
    prov_object_free(&sibling);
    return pkey;
}

/* Programs that make keys tell the private one alone what is allowed. The public one is of the same type
 * then, if the private one is to be seen: nobody is logged in for that. */
static void read_allowed(struct prov_session *session, const struct prov_object *object,
                         struct prov_allowed *allowed)
{
    struct prov_object private;

    prov_allowed_read(object, allowed);
    if (object->class != CKO_PUBLIC_KEY || object->key_type != CKK_RSA || object->allowed.size > 0 ||
        (session->token->module->provider->config.quirks & PROV_QUIRK_NO_ALLOWED_MECHANISMS) != 0)
        return;
    if (read_sibling(session, object, CKO_PRIVATE_KEY, &private) &&
        bytes_equal(private.modulus.data, private.modulus.size, object->modulus.data, object->modulus.size))
        prov_allowed_read(&private, allowed);
    prov_object_free(&private);
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

/*
 * libcrypto takes RSA and RSA-PSS keys for different ones, and a certificate's key is what its
 * SubjectPublicKeyInfo says. So a key whose token does nothing but PSS is RSA all the same where the
 * certificate beside it says rsaEncryption; what else it is asked for, its token refuses.
 */
static bool is_certified_as_rsa(struct prov_session *session, const struct prov_object *object,
                                const EVP_PKEY *pkey)
{
    EVP_PKEY *certified = public_from_sibling(session, object, CKO_CERTIFICATE);
    bool is = certified != NULL && EVP_PKEY_is_a(certified, "RSA") && EVP_PKEY_eq(certified, pkey) == 1;

    EVP_PKEY_free(certified);
    return is;
}

static EVP_PKEY *find_typed_public(struct prov_session *session, const struct prov_object *object,
                                   const struct prov_allowed *allowed)
{
    EVP_PKEY *pkey = find_public(session, object);

    if (pkey == NULL || !allowed->pss_only || is_certified_as_rsa(session, object, pkey))
        return pkey;
    return prov_public_as_pss(session->token->module->provider, pkey, allowed->digest);
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
    private->hashing = allowed->mechanism;
    private->digest = allowed->digest;
    private->always_authenticate = object->always_authenticate == CK_TRUE;
    private->handle = object->handle;
    private->epoch = session->epoch;
    private->key_type = object->key_type;
    private->name = prov_uri_format(&session->token->info, object->class, &object->id, &object->label);
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

/* The types that PKCS#11 has for secrets which HMAC is made with (2.40 current mechanisms, 2.20; 3.0, 2.26).
 */
static bool is_for_hmac(CK_KEY_TYPE type)
{
    static const CK_KEY_TYPE types[] = {CKK_GENERIC_SECRET, CKK_SHA_1_HMAC,  CKK_SHA224_HMAC,
                                        CKK_SHA256_HMAC,    CKK_SHA384_HMAC, CKK_SHA512_HMAC};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i] == type)
            return true;
    }
    return false;
}

static struct prov_key *key_from_secret(struct prov_session *session, struct prov_uri *uri,
                                        const struct prov_object *object)
{
    const struct prov_allowed any = {0};
    struct provider *provider = session->token->module->provider;
    struct prov_key *key;

    if (!is_for_hmac(object->key_type))
        return raise_about(provider, PROV_R_NOT_SUPPORTED, session->token, object,
                           "of secret keys only those for HMAC are");
    key = prov_key_new(provider, &prov_key_hmac);
    if (key != NULL)
        key->private = new_private(session, uri, object, &any);
    if (key != NULL && key->private != NULL) {
        key->has_public = key->has_private = true;
        return key;
    }
    prov_key_free(key);
    return raise_about(provider, PROV_R_NO_MEMORY, session->token, object, "for a key");
}

struct prov_key *prov_key_from_object(struct prov_session *session, struct prov_uri *uri,
                                      const struct prov_object *object)
{
    struct provider *provider = session->token->module->provider;
    const struct prov_key_type *type;
    struct prov_allowed allowed;
    struct prov_key *key;
    EVP_PKEY *pkey;

    if (object->class == CKO_SECRET_KEY)
        return key_from_secret(session, uri, object);
    if (type_of(object->key_type, NULL) == NULL)
        return raise_about(provider, PROV_R_NOT_SUPPORTED, session->token, object,
                           "only RSA, EC, Ed25519, Ed448, X25519 and X448 keys are");
    read_allowed(session, object, &allowed);
    pkey = find_typed_public(session, object, &allowed);
    type = pkey != NULL ? type_of(object->key_type, pkey) : NULL;
    if (type == NULL) {
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
    } else if (key != NULL) {
        key->public_name = prov_uri_format(&session->token->info, object->class, &object->id, &object->label);
    }
    if (key != NULL && (key->private != NULL || key->public_name != NULL))
        return key;
    prov_key_free(key);
    return raise_about(provider, PROV_R_NO_MEMORY, session->token, object, "for a key");
}
