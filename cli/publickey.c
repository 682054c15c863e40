/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/crypto.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* The attributes that a public key can be made from. */
struct parts {
    struct bytes info; /* CKA_PUBLIC_KEY_INFO */
    struct bytes modulus, exponent;
    struct bytes parameters, point;
};

static void parts_free(struct parts *parts)
{
    bytes_free(&parts->info);
    bytes_free(&parts->modulus);
    bytes_free(&parts->exponent);
    bytes_free(&parts->parameters);
    bytes_free(&parts->point);
}

static enum cli_status read_parts(const struct cli_session *session, const struct cli_object *object,
                                  struct parts *parts)
{
    const struct {
        CK_KEY_TYPE key_type;
        CK_ATTRIBUTE_TYPE type;
        struct bytes *value;
    } rows[] = {
        {CKK_RSA, CKA_MODULUS,         &parts->modulus   },
        {CKK_RSA, CKA_PUBLIC_EXPONENT, &parts->exponent  },
        {CKK_EC,  CKA_EC_PARAMS,       &parts->parameters},
        {CKK_EC,  CKA_EC_POINT,        &parts->point     },
    };
    enum cli_status status = cli_object_read(session, object->handle, CKA_PUBLIC_KEY_INFO, &parts->info);

    for (size_t i = 0; status == CLI_OK && i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].key_type == object->key_type)
            status = cli_object_read(session, object->handle, rows[i].type, rows[i].value);
    return status;
}

static EVP_PKEY *from_info(OSSL_LIB_CTX *context, const struct bytes *info)
{
    const unsigned char *at = info->data;

    return d2i_PUBKEY_ex(NULL, &at, (long)info->size, context, NULL);
}

static EVP_PKEY *from_rsa(OSSL_LIB_CTX *context, const struct parts *parts)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(context, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(parts->modulus.data, (int)parts->modulus.size, NULL);
    BIGNUM *exponent = BN_bin2bn(parts->exponent.data, (int)parts->exponent.size, NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (maker != NULL && builder != NULL && modulus != NULL && exponent != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params == NULL || EVP_PKEY_fromdata_init(maker) != 1 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    BN_free(exponent);
    BN_free(modulus);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(maker);
    return key;
}

/* CKA_EC_POINT is an OCTET STRING's DER by the standard, the bare point in some modules. */
static ASN1_OCTET_STRING *read_point(const struct bytes *value)
{
    const unsigned char *at = value->data;
    ASN1_OCTET_STRING *point = d2i_ASN1_OCTET_STRING(NULL, &at, (long)value->size);

    if (point != NULL && at == value->data + value->size)
        return point;
    ASN1_OCTET_STRING_free(point);
    point = ASN1_OCTET_STRING_new();
    if (point == NULL || ASN1_OCTET_STRING_set(point, value->data, (int)value->size) == 1)
        return point;
    ASN1_OCTET_STRING_free(point);
    return NULL;
}

/* Puts curve and point together as a SubjectPublicKeyInfo and lets OpenSSL read that. */
static EVP_PKEY *from_ec(OSSL_LIB_CTX *context, const struct parts *parts)
{
    const unsigned char *at = parts->parameters.data;
    ASN1_OBJECT *curve = d2i_ASN1_OBJECT(NULL, &at, (long)parts->parameters.size);
    ASN1_OCTET_STRING *point = read_point(&parts->point);
    X509_PUBKEY *info = X509_PUBKEY_new_ex(context, NULL);
    unsigned char *copy =
        point != NULL ? OPENSSL_memdup(ASN1_STRING_get0_data(point), (size_t)ASN1_STRING_length(point))
                      : NULL;
    struct bytes der = BYTES_EMPTY;
    unsigned char *encoded = NULL;
    EVP_PKEY *key = NULL;
    int length;

    if (curve == NULL || copy == NULL || info == NULL)
        goto out;
    if (X509_PUBKEY_set0_param(info, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT, curve, copy,
                               ASN1_STRING_length(point)) != 1)
        goto out;
    curve = NULL; /* transferred */
    copy = NULL;
    length = i2d_X509_PUBKEY(info, &encoded);
    if (length > 0) {
        der = (struct bytes){encoded, (size_t)length};
        key = from_info(context, &der);
    }
out:
    OPENSSL_free(encoded);
    OPENSSL_free(copy);
    X509_PUBKEY_free(info);
    ASN1_OCTET_STRING_free(point);
    ASN1_OBJECT_free(curve);
    return key;
}

static EVP_PKEY *from_parts(OSSL_LIB_CTX *context, const struct parts *parts)
{
    if (parts->info.size != 0)
        return from_info(context, &parts->info);
    if (parts->modulus.size != 0 && parts->exponent.size != 0)
        return from_rsa(context, parts);
    if (parts->parameters.size != 0 && parts->point.size != 0)
        return from_ec(context, parts);
    return NULL;
}

static enum cli_status from_object(const struct cli_crypto *crypto, const struct cli_session *session,
                                   const struct cli_object *object, EVP_PKEY **key)
{
    struct parts parts = {0};
    enum cli_status status = read_parts(session, object, &parts);

    if (status == CLI_OK)
        *key = from_parts(crypto->context, &parts);
    parts_free(&parts);
    return status;
}

enum cli_status cli_crypto_public_key(const struct cli_crypto *crypto, const struct cli_session *session,
                                      const struct cli_object *object, EVP_PKEY **key)
{
    struct cli_objects others = {0};
    enum cli_status status;

    *key = NULL;
    status = from_object(crypto, session, object, key);
    if (status == CLI_OK && *key == NULL)
        status = cli_objects_find(session, CKO_PUBLIC_KEY, NULL, &object->id, &others);
    for (size_t i = 0; status == CLI_OK && *key == NULL && i < others.count; i++)
        status = from_object(crypto, session, &others.items[i], key);
    cli_objects_free(&others);
    if (status == CLI_OK && *key == NULL)
        status = cli_crypto_failed(object->label,
                                   "the public half of the key is not on the token; make a new key pair");
    return status;
}
