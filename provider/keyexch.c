/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/keyexch.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/operation.h"
#include "provider/use.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum { FIELD_MAXIMUM = 66 }; /* bytes, P-521 */

/* The default provider holds the peer and the parameters, and judges both. A token gives the bare shared
 * secret; what is made of it is made here. */

static int exchange_init(void *operation, void *key, const OSSL_PARAM params[])
{
    return prov_operation_init(operation, key, params, EVP_PKEY_derive_init_ex);
}

static int set_peer(void *data, void *peer)
{
    struct prov_operation *operation = data;
    struct prov_key *key = peer;

    if (operation->context == NULL || key == NULL || key->pkey == NULL ||
        EVP_PKEY_derive_set_peer_ex(operation->context, key->pkey, 1) != 1)
        return 0;
    prov_key_free(operation->peer);
    operation->peer = prov_key_share(key);
    return 1;
}

/* --- the shared secret of a token's key
 * ------------------------------------------------------------------------------------------------------- */

struct agreement {
    const struct prov_operation *operation;
    CK_MECHANISM_TYPE mechanism;
    uint8_t peer[1 + 2 * FIELD_MAXIMUM];
    size_t peer_size;
    uint8_t secret[FIELD_MAXIMUM];
    size_t size;
};

static CK_RV read_secret(const CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session,
                         CK_OBJECT_HANDLE secret, struct agreement *agreement, const char **call)
{
    CK_ATTRIBUTE value = {CKA_VALUE, agreement->secret, agreement->size};
    CK_RV rv;

    *call = "C_GetAttributeValue";
    prov_guard_enter();
    rv = functions->C_GetAttributeValue(session, secret, &value, 1);
    functions->C_DestroyObject(session, secret);
    prov_guard_leave();
    if (rv == CKR_OK && value.ulValueLen != agreement->size)
        rv = CKR_DATA_LEN_RANGE;
    return rv;
}

static CK_RV derive_work(const struct prov_key *key, struct prov_session *session, CK_OBJECT_HANDLE handle,
                         void *data, const char **call)
{
    struct agreement *agreement = data;
    const CK_FUNCTION_LIST *functions = session->token->module->functions;
    CK_ECDH1_DERIVE_PARAMS parameters = {
        .kdf = CKD_NULL, .ulPublicDataLen = agreement->peer_size, .pPublicData = agreement->peer};
    CK_MECHANISM mechanism = {agreement->mechanism, &parameters, sizeof parameters};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ULONG size = agreement->size;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,       &class, sizeof class},
        {CKA_KEY_TYPE,    &type,  sizeof type },
        {CKA_TOKEN,       &no,    sizeof no   },
        {CKA_SENSITIVE,   &no,    sizeof no   },
        {CKA_EXTRACTABLE, &yes,   sizeof yes  },
        {CKA_VALUE_LEN,   &size,  sizeof size },
    };
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;
    CK_RV rv;

    (void)key;
    *call = "C_DeriveKey";
    prov_guard_enter();
    rv = functions->C_DeriveKey(session->handle, &mechanism, handle, template,
                                sizeof template / sizeof template[0], &secret);
    prov_guard_leave();
    return rv == CKR_OK ? read_secret(functions, session->handle, secret, agreement, call) : rv;
}

/* Tokens differ in which of the two they offer; on curves with cofactor 1 they are the same. */
static bool ask_token(struct agreement *agreement)
{
    static const CK_MECHANISM_TYPE mechanisms[] = {CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE};
    CK_RV rv = CKR_MECHANISM_INVALID;

    for (size_t i = 0; rv == CKR_MECHANISM_INVALID && i < 2; i++) {
        agreement->mechanism = mechanisms[i];
        rv = prov_key_use(agreement->operation->key, derive_work, agreement);
    }
    if (prov_answer_is_callers(rv))
        prov_operation_refuse(agreement->operation, "its token has no CKM_ECDH1_DERIVE for this key");
    return rv == CKR_OK;
}

/* What comes of a point of small order (RFC 7748, 6.1): no secret at all. Not every token refuses it. */
static bool is_zero(const struct agreement *agreement)
{
    uint8_t any = 0;

    for (size_t i = 0; i < agreement->size; i++)
        any |= agreement->secret[i];
    return any == 0;
}

/* The uncompressed point, whatever form the application asked of its own key. */
static bool read_peer(struct agreement *agreement, const EVP_PKEY *peer)
{
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    bool ok;

    agreement->peer_size = sizeof agreement->peer;
    if (agreement->operation->key->type->bare)
        return EVP_PKEY_get_raw_public_key(peer, agreement->peer, &agreement->peer_size) == 1;
    ok = agreement->size <= FIELD_MAXIMUM && EVP_PKEY_get_bn_param(peer, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
         EVP_PKEY_get_bn_param(peer, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
         BN_bn2binpad(x, agreement->peer + 1, (int)agreement->size) > 0 &&
         BN_bn2binpad(y, agreement->peer + 1 + agreement->size, (int)agreement->size) > 0;
    agreement->peer[0] = POINT_CONVERSION_UNCOMPRESSED;
    agreement->peer_size = 1 + 2 * agreement->size;
    BN_free(x);
    BN_free(y);
    return ok;
}

static size_t field_size(const EVP_PKEY *pkey)
{
    return ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;
}

/* --- what is made of it
 * ------------------------------------------------------------------------------------------------------- */

struct derivation {
    char kdf[64]; /* "": none */
    char digest[64];
    size_t size;
    unsigned char *ukm; /* the default provider's */
    size_t ukm_size;
};

/* X25519 and X448 have no such parameters: then nothing is made of it. */
static void read_settings(EVP_PKEY_CTX *settings, struct derivation *derivation)
{
    void *ukm = NULL;
    OSSL_PARAM request[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, derivation->kdf,
                                         sizeof derivation->kdf),
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, derivation->digest,
                                         sizeof derivation->digest),
        OSSL_PARAM_construct_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &derivation->size),
        OSSL_PARAM_construct_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, &ukm, 0),
        OSSL_PARAM_construct_end(),
    };

    *derivation = (struct derivation){0};
    if (EVP_PKEY_CTX_get_params(settings, request) != 1)
        return;
    derivation->ukm = ukm;
    derivation->ukm_size = OSSL_PARAM_modified(&request[3]) && ukm != NULL ? request[3].return_size : 0;
}

static int run_kdf(const struct provider *provider, const struct derivation *derivation,
                   const struct agreement *agreement, unsigned char *out)
{
    EVP_KDF *kdf = EVP_KDF_fetch(provider->libctx, derivation->kdf, NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)derivation->digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)agreement->secret,
                                          agreement->size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, derivation->ukm, derivation->ukm_size),
        OSSL_PARAM_construct_end(),
    };
    int ok = context != NULL && EVP_KDF_derive(context, out, derivation->size, params) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return ok;
}

static bool is_plain_ecdh(const struct prov_operation *operation, const struct derivation *derivation)
{
    return operation->key->type == &prov_key_ec && derivation->kdf[0] == '\0';
}

static int token_derive(struct prov_operation *operation, unsigned char *out, size_t *out_size, size_t room)
{
    struct agreement agreement = {.operation = operation, .size = field_size(operation->key->pkey)};
    struct derivation derivation;
    int ok;

    read_settings(operation->context, &derivation);
    *out_size = derivation.kdf[0] != '\0' ? derivation.size : agreement.size;
    if (out == NULL)
        return 1;
    /* As the default provider has it: of a bare ECDH secret as many bytes as the caller has room for. */
    if (room < *out_size && is_plain_ecdh(operation, &derivation))
        *out_size = room;
    if (room < *out_size || room == 0)
        return prov_operation_refuse(operation, "too little room for the shared secret");
    if (operation->peer == NULL || !read_peer(&agreement, operation->peer->pkey))
        return prov_operation_refuse(operation, "there is no public key of the other side");
    if (!ask_token(&agreement))
        ok = 0;
    else if (operation->key->type->bare && is_zero(&agreement))
        ok = prov_operation_refuse(operation, "the other side's public key is of small order");
    else if (derivation.kdf[0] != '\0')
        ok = run_kdf(operation->provider, &derivation, &agreement, out);
    else
        ok = memcpy(out, agreement.secret, *out_size) != NULL;
    bytes_wipe(agreement.secret, sizeof agreement.secret);
    return ok;
}

static int derive(void *data, unsigned char *out, size_t *out_size, size_t room)
{
    struct prov_operation *operation = data;

    if (operation->context == NULL)
        return 0;
    if (operation->key->private != NULL)
        return token_derive(operation, out, out_size, room);
    *out_size = room;
    return EVP_PKEY_derive(operation->context, out, out_size) == 1;
}

static const OSSL_PARAM *gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_DEFN(OSSL_EXCHANGE_PARAM_KDF_UKM, OSSL_PARAM_OCTET_PTR, NULL, 0),
        OSSL_PARAM_END,
    };
    const struct prov_operation *operation = data;

    (void)provider;
    return operation == NULL || operation->context == NULL ? common
                                                           : EVP_PKEY_CTX_gettable_params(operation->context);
}

static const OSSL_PARAM *settable_params(void *data, void *provider)
{
    static const OSSL_PARAM common[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END,
    };
    const struct prov_operation *operation = data;

    (void)provider;
    return operation == NULL || operation->context == NULL ? common
                                                           : EVP_PKEY_CTX_settable_params(operation->context);
}

const OSSL_DISPATCH prov_keyexch_functions[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX,              (void (*)(void))prov_operation_new       },
    {OSSL_FUNC_KEYEXCH_FREECTX,             (void (*)(void))prov_operation_free      },
    {OSSL_FUNC_KEYEXCH_DUPCTX,              (void (*)(void))prov_operation_dup       },
    {OSSL_FUNC_KEYEXCH_INIT,                (void (*)(void))exchange_init            },
    {OSSL_FUNC_KEYEXCH_SET_PEER,            (void (*)(void))set_peer                 },
    {OSSL_FUNC_KEYEXCH_DERIVE,              (void (*)(void))derive                   },
    {OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS,      (void (*)(void))prov_operation_get_params},
    {OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, (void (*)(void))gettable_params          },
    {OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS,      (void (*)(void))prov_operation_set_params},
    {OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params          },
    {0,                                     NULL                                     },
};
