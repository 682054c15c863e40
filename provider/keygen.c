/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/allowed.h"
#include "provider/digest.h"
#include "provider/error.h"
#include "provider/generate.h"
#include "provider/keymgmt.h"
#include "provider/params.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * A program that generates an ordinary key (the ephemeral one of a TLS handshake, say) may meet this provider
 * first. It gets an ordinary key, unless it names a token, or asks for the file of a TPM's key; or unless the
 * configuration says that new keys are for such files (new-keys = tss2). Even then the partner of a key that
 * is there already, for one agreement with it, is an ordinary one.
 */
struct generation {
    struct provider *provider;
    const struct prov_key_type *type;
    EVP_PKEY_CTX *context; /* the default provider's: it makes software keys, and checks what it is told */
    bool parameters_only;
    bool asked; /* `tss2` was given, so the configuration does not count */
    struct prov_request request;
};

static bool begin(struct generation *generation)
{
    if (generation->context == NULL)
        return false;
    if (generation->parameters_only)
        return EVP_PKEY_paramgen_init(generation->context) == 1;
    return EVP_PKEY_keygen_init(generation->context) == 1;
}

void *prov_keygen_init(void *provider, const struct prov_key_type *type, int selection,
                       const OSSL_PARAM params[])
{
    struct generation *generation = calloc(1, sizeof *generation);

    if (generation == NULL)
        return NULL;
    generation->provider = provider;
    generation->type = type;
    generation->parameters_only = (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0;
    generation->context = EVP_PKEY_CTX_new_from_name(generation->provider->libctx, type->name, NULL);
    generation->request = (struct prov_request){.type = type, .bits = 2048, .pss = CKM_RSA_PKCS_PSS};
    generation->request.to_file = generation->provider->config.new_keys == PROV_NEW_KEYS_TSS2 && !type->bare;
    if (begin(generation) && prov_keygen_set_params(generation, params))
        return generation;
    prov_keygen_free(generation);
    return NULL;
}

static bool copy_text(char **to, const char *from)
{
    free(*to);
    *to = strdup(from);
    return *to != NULL;
}

int prov_keygen_set_template(void *data, void *template)
{
    struct generation *generation = data;
    const struct prov_key *key = template;
    char group[128];
    size_t size;

    if (key->pkey == NULL)
        return 0;
    if (key->has_public && !generation->asked)
        generation->request.to_file = false;
    EVP_PKEY_CTX_free(generation->context);
    generation->context = EVP_PKEY_CTX_new_from_pkey(generation->provider->libctx, key->pkey, NULL);
    if (generation->type->pkcs11 == CKK_EC &&
        EVP_PKEY_get_group_name(key->pkey, group, sizeof group, &size) == 1 &&
        !copy_text(&generation->request.group, group))
        return 0;
    return begin(generation);
}

/* --- what a token is to be told
 * -------------------------------------------------------------------------------- */

typedef int taker(struct generation *generation, const OSSL_PARAM *param);

static int refuse(const struct generation *generation, const OSSL_PARAM *param, const char *what)
{
    prov_raise(&generation->provider->core, PROV_R_BAD_OPTION, "%s: %s", param->key, what);
    return 0;
}

static const char *text_of(const OSSL_PARAM *param)
{
    const char *text = NULL;

    return OSSL_PARAM_get_utf8_string_ptr(param, &text) ? text : NULL;
}

static int take_uri(struct generation *generation, const OSSL_PARAM *param)
{
    const char *text = text_of(param);

    if (text == NULL)
        return refuse(generation, param, "expected a PKCS#11 URI");
    prov_uri_free(generation->request.uri);
    generation->request.uri = prov_uri_parse(&generation->provider->core, text);
    generation->request.to_file = generation->request.to_file && generation->asked;
    return generation->request.uri != NULL;
}

static int take_usage(struct generation *generation, const OSSL_PARAM *param)
{
    const char *text = text_of(param);

    return (text != NULL && prov_request_usage(text, &generation->request.usage)) ||
           refuse(generation, param, "expected words of X.509's key usage, such as digitalSignature");
}

static int take_tss2(struct generation *generation, const OSSL_PARAM *param)
{
    static const char *const words[] = {"no", "yes", "0", "1", "false", "true"};
    const char *text = text_of(param);

    for (size_t i = 0; text != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            generation->request.to_file = i % 2 == 1;
            generation->asked = true;
            return 1;
        }
    }
    return refuse(generation, param, "expected yes or no");
}

static int take_bits(struct generation *generation, const OSSL_PARAM *param)
{
    return OSSL_PARAM_get_size_t(param, &generation->request.bits);
}

static int take_exponent(struct generation *generation, const OSSL_PARAM *param)
{
    struct bytes *exponent = &generation->request.exponent;
    BIGNUM *number = NULL;
    int ok = OSSL_PARAM_get_BN(param, &number);

    bytes_free(exponent);
    ok = ok && bytes_alloc(exponent, (size_t)BN_num_bytes(number)) &&
         BN_bn2bin(number, exponent->data) == (int)exponent->size;
    BN_free(number);
    return ok;
}

static int take_group(struct generation *generation, const OSSL_PARAM *param)
{
    const char *text = text_of(param);

    return text != NULL && copy_text(&generation->request.group, text);
}

/* A key that is for one digest is for that mechanism, with the digest in MGF1 and as the salt's length. */
static int take_digest(struct generation *generation, const OSSL_PARAM *param)
{
    const char *text = text_of(param);
    EVP_MD *digest = text != NULL ? EVP_MD_fetch(generation->provider->libctx, text, NULL) : NULL;
    const struct prov_digest *row = digest != NULL ? prov_digest_row(digest) : NULL;

    if (row != NULL)
        generation->request.pss = row->pss;
    if (row != NULL && generation->type->pkcs11 == CKK_EC) {
        generation->request.ecdsa[0] = prov_allowed_ecdsa(digest);
        generation->request.ecdsa[1] = CKM_ECDSA;
    }
    EVP_MD_free(digest);
    return row != NULL;
}

static int take_auth(struct generation *generation, const OSSL_PARAM *param)
{
    const char *text = text_of(param);

    bytes_free(&generation->request.auth);
    return text != NULL && bytes_copy(&generation->request.auth, text, strlen(text));
}

static int take_parent(struct generation *generation, const OSSL_PARAM *param)
{
    return refuse(generation, param,
                  "keys are made under the parent of the token, and that has no password (devid token init, "
                  "`parent` in devid.conf)");
}

#define PARAM_URI "pkcs11_uri"
#define PARAM_USAGE "pkcs11_key_usage"
#define PARAM_TSS2 "tss2"

static const struct {
    const char *name;
    taker *take;
} takers[] = {
    {PARAM_URI,                  take_uri     },
    {"uri",                      take_uri     },
    {PARAM_USAGE,                take_usage   },
    {PARAM_TSS2,                 take_tss2    },
    {OSSL_PKEY_PARAM_RSA_BITS,   take_bits    },
    {"rsa_keygen_bits",          take_bits    },
    {OSSL_PKEY_PARAM_RSA_E,      take_exponent},
    {OSSL_PKEY_PARAM_GROUP_NAME, take_group   },
    {"ec_paramgen_curve",        take_group   }, /* as `genpkey -pkeyopt` and pkcs11-provider call it */
    {OSSL_PKEY_PARAM_RSA_DIGEST, take_digest  },
    {"rsa_pss_keygen_md",        take_digest  },
    {"user-auth",                take_auth    }, /* these as tpm2-openssl calls them */
    {"parent",                   take_parent  },
    {"parent-auth",              take_parent  },
};

int prov_keygen_set_params(void *data, const OSSL_PARAM params[])
{
    struct generation *generation = data;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (EVP_PKEY_CTX_set_params(generation->context, params) != 1)
        return 0;
    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, takers[i].name);

        if (param != NULL && !takers[i].take(generation, param))
            return 0;
    }
    return 1;
}

#define TEXT(name) OSSL_PARAM_utf8_string(name, NULL, 0)
#define OURS                                                                                                 \
    TEXT(PARAM_URI), TEXT("uri"), TEXT(PARAM_USAGE), TEXT(PARAM_TSS2), TEXT("user-auth"), TEXT("parent"),    \
        TEXT("parent-auth")
#define RSA                                                                                                  \
    OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL), OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL),  \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)

static const OSSL_PARAM rsa_params[] = {RSA, OURS, OSSL_PARAM_END};
static const OSSL_PARAM rsa_pss_params[] = {
    RSA,
    TEXT(OSSL_PKEY_PARAM_RSA_DIGEST),
    TEXT(OSSL_PKEY_PARAM_RSA_DIGEST_PROPS),
    TEXT(OSSL_PKEY_PARAM_RSA_MASKGENFUNC),
    TEXT(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL),
    OURS,
    OSSL_PARAM_END,
};
static const OSSL_PARAM ec_params[] = {
    TEXT(OSSL_PKEY_PARAM_DIGEST),
    TEXT(OSSL_PKEY_PARAM_GROUP_NAME),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),
    TEXT(OSSL_PKEY_PARAM_EC_ENCODING),
    TEXT(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT),
    TEXT(OSSL_PKEY_PARAM_EC_FIELD_TYPE),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, NULL, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, NULL, 0),
    OURS,
    OSSL_PARAM_END,
};
static const OSSL_PARAM bare_params[] = {TEXT(OSSL_PKEY_PARAM_GROUP_NAME), OURS, OSSL_PARAM_END};

const OSSL_PARAM *prov_keygen_settable_params(const struct prov_key_type *type)
{
    if (type->bare)
        return bare_params;
    if (type->pkcs11 == CKK_EC)
        return ec_params;
    return type->pss_only ? rsa_pss_params : rsa_params;
}

/* --- the key
 * --------------------------------------------------------------------------------------------------- */

static struct prov_key *generate_software(const struct generation *generation)
{
    struct prov_key *key = prov_key_new(generation->provider, generation->type);
    EVP_PKEY *pkey = NULL;

    if (key != NULL && EVP_PKEY_generate(generation->context, &pkey) == 1) {
        prov_key_set(key, pkey); /* transferred */
        return key;
    }
    prov_key_free(key);
    return NULL;
}

void *prov_keygen_generate(void *data, OSSL_CALLBACK *callback, void *callback_data)
{
    struct generation *generation = data;
    const struct prov_request *request = &generation->request;

    (void)callback;
    (void)callback_data;
    if (!generation->parameters_only && (request->uri != NULL || request->to_file))
        return prov_generate(generation->provider, request);
    if (request->auth.size != 0 || request->ecdsa[0] != 0) {
        prov_raise(&generation->provider->core, PROV_R_NOT_SUPPORTED,
                   "%s: user-auth and digest are for keys in a TPM (-pkeyopt tss2:yes)",
                   generation->type->name);
        return NULL;
    }
    return generate_software(generation);
}

void prov_keygen_free(void *data)
{
    struct generation *generation = data;

    if (generation == NULL)
        return;
    EVP_PKEY_CTX_free(generation->context);
    prov_request_free(&generation->request);
    free(generation);
}
