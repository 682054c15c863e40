/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/public.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

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

/* Curves whose keys are of a type of their own, and what PKCS#11 3.0 calls them besides their identifiers. */
static const struct raw_curve {
    const char *type; /* libcrypto's, and its short name of the identifier */
    const char *name;
} raw_curves[] = {
    {"ED25519", "edwards25519"},
    {"X25519",  "curve25519"  },
    {"ED448",   "edwards448"  },
    {"X448",    "curve448"    },
};

static const struct raw_curve *raw_curve(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof raw_curves / sizeof raw_curves[0]; i++) {
        if (strcmp(raw_curves[i].type, name) == 0)
            return &raw_curves[i];
    }
    return NULL;
}

static const char *name_of_printable(const struct bytes *ec_params)
{
    for (size_t i = 0; i < sizeof raw_curves / sizeof raw_curves[0]; i++) {
        size_t size = strlen(raw_curves[i].name);

        if (ec_params->size == 2 + size && ec_params->data[0] == V_ASN1_PRINTABLESTRING &&
            ec_params->data[1] == size && memcmp(ec_params->data + 2, raw_curves[i].name, size) == 0)
            return raw_curves[i].type;
    }
    return NULL;
}

/* Named curves only: CKA_EC_PARAMS is the DER of an object identifier, or of a curve's name. */
static const char *curve_name(const struct bytes *ec_params)
{
    const unsigned char *next = ec_params->data;
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &next, (long)ec_params->size);
    const char *name = NULL;

    if (oid != NULL && next == ec_params->data + ec_params->size && OBJ_obj2nid(oid) != NID_undef)
        name = OBJ_nid2sn(OBJ_obj2nid(oid));
    ASN1_OBJECT_free(oid);
    return name != NULL ? name : name_of_printable(ec_params);
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

    if (raw_curve(name) != NULL)
        pkey = EVP_PKEY_new_raw_public_key_ex(provider->libctx, name, NULL, point, size);
    else if (name != NULL && build != NULL &&
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

/* The digest is in MGF1 too, and the salt as long as it: so TPMs have it, and TLS 1.3, and most others.
 * Without a word libcrypto would sign with a salt of 20 bytes. */
static bool restrict_pss(const struct provider *provider, const char *digest, OSSL_PARAM_BLD *build)
{
    EVP_MD *md = EVP_MD_fetch(provider->libctx, digest, NULL);
    int size = md != NULL ? EVP_MD_get_size(md) : 0;

    EVP_MD_free(md);
    return size > 0 && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_DIGEST, digest, 0) == 1 &&
           OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_MASKGENFUNC, "MGF1", 0) == 1 &&
           OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, digest, 0) == 1 &&
           OSSL_PARAM_BLD_push_int(build, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, size) == 1;
}

static bool describe_pss(const struct provider *provider, const EVP_PKEY *pkey, const char *digest,
                         OSSL_PARAM_BLD *build, BIGNUM **n, BIGNUM **e)
{
    return EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
           EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
           OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, *n) == 1 &&
           OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, *e) == 1 &&
           (digest == NULL || restrict_pss(provider, digest, build));
}

EVP_PKEY *prov_public_as_pss(const struct provider *provider, EVP_PKEY *pkey, const char *digest)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pss = NULL;
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;

    if (build != NULL && describe_pss(provider, pkey, digest, build, &n, &e))
        pss = from_params(provider, "RSA-PSS", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    EVP_PKEY_free(pkey);
    return pss;
}
