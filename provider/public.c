/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/public.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

static EVP_PKEY *from_params(const struct provider *provider, const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(provider->libctx, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = NULL;

    if (context != NULL && params != NULL && EVP_PKEY_fromdata_init(context) > 0 &&
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

static EVP_PKEY *from_rsa(const struct provider *provider, const struct prov_object *object)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(object->modulus.data, (int)object->modulus.size, NULL);
    BIGNUM *e = BN_bin2bn(object->exponent.data, (int)object->exponent.size, NULL);
    EVP_PKEY *pkey = NULL;

    if (build != NULL && n != NULL && e != NULL && !BN_is_zero(n) && !BN_is_zero(e) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        pkey = from_params(provider, "RSA", build);
    BN_free(e);
    BN_free(n);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

/* Named curves only: CKA_EC_PARAMS is the DER of an object identifier. */
static const char *curve_name(const struct bytes *ec_params)
{
    const unsigned char *next = ec_params->data;
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &next, (long)ec_params->size);
    const char *name = NULL;

    if (oid != NULL && next == ec_params->data + ec_params->size && OBJ_obj2nid(oid) != NID_undef)
        name = OBJ_nid2sn(OBJ_obj2nid(oid));
    ASN1_OBJECT_free(oid);
    return name;
}

/* CKA_EC_POINT is the point in an OCTET STRING; some modules leave that out. */
static EVP_PKEY *from_ec(const struct provider *provider, const struct prov_object *object)
{
    const unsigned char *next = object->ec_point.data;
    ASN1_OCTET_STRING *wrapped = d2i_ASN1_OCTET_STRING(NULL, &next, (long)object->ec_point.size);
    bool is_wrapped = wrapped != NULL && next == object->ec_point.data + object->ec_point.size;
    const unsigned char *point = is_wrapped ? ASN1_STRING_get0_data(wrapped) : object->ec_point.data;
    size_t size = is_wrapped ? (size_t)ASN1_STRING_length(wrapped) : object->ec_point.size;
    const char *name = curve_name(&object->ec_params);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (name != NULL && build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, name, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, size))
        pkey = from_params(provider, "EC", build);
    OSSL_PARAM_BLD_free(build);
    ASN1_OCTET_STRING_free(wrapped);
    return pkey;
}

static EVP_PKEY *from_public_info(const struct provider *provider, const struct prov_object *object)
{
    const unsigned char *next = object->public_info.data;

    return d2i_PUBKEY_ex(NULL, &next, (long)object->public_info.size, provider->libctx, NULL);
}

static EVP_PKEY *from_certificate(const struct provider *provider, const struct prov_object *object)
{
    const unsigned char *next = object->value.data;
    X509 *certificate = X509_new_ex(provider->libctx, NULL);
    EVP_PKEY *pkey = NULL;

    if (certificate != NULL && d2i_X509(&certificate, &next, (long)object->value.size) != NULL)
        pkey = X509_get_pubkey(certificate);
    X509_free(certificate);
    return pkey;
}

EVP_PKEY *prov_public_from_object(const struct provider *provider, const struct prov_object *object)
{
    EVP_PKEY *pkey = NULL;

    ERR_set_mark();
    if (object->modulus.size > 0 && object->exponent.size > 0)
        pkey = from_rsa(provider, object);
    else if (object->ec_params.size > 0 && object->ec_point.size > 0)
        pkey = from_ec(provider, object);
    else if (object->public_info.size > 0)
        pkey = from_public_info(provider, object);
    else if (object->value.size > 0)
        pkey = from_certificate(provider, object);
    ERR_pop_to_mark();
    return pkey;
}
