/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/assemble.h"
#include "pkcs11/soft/assemblersa.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/curve.h"
#include "pkcs11/failure.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

CK_RV soft_pkey_from(const char *algorithm, OSSL_PARAM_BLD *build, struct bytes *der)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(soft_libctx(), algorithm, NULL);
    OSSL_PARAM *params = build != NULL ? OSSL_PARAM_BLD_to_param(build) : NULL;
    EVP_PKEY *pkey = NULL;
    CK_RV rv = CKR_HOST_MEMORY;

    if (context != NULL && params != NULL && EVP_PKEY_fromdata_init(context) == 1)
        rv = EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, params) == 1
                 ? soft_pkey_write(pkey, der)
                 : p11_fail(CKR_TEMPLATE_INCONSISTENT, "the numbers do not make a key");
    EVP_PKEY_free(pkey);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return rv;
}

static CK_RV find_curve(const struct attributes *attributes, CK_KEY_TYPE type, const struct p11_curve **curve)
{
    const CK_ATTRIBUTE *params = attributes_find(attributes, CKA_EC_PARAMS);

    *curve = params != NULL ? p11_curve_by_params(params->pValue, params->ulValueLen) : NULL;
    return *curve != NULL && (*curve)->key_type == type
               ? CKR_OK
               : p11_fail(CKR_CURVE_NOT_SUPPORTED, "CKA_EC_PARAMS names no curve for this type of key");
}

/* CKA_VALUE is a number: zeros in front do not count. */
static struct bytes secret_number(const struct attributes *attributes)
{
    const CK_ATTRIBUTE *value = attributes_find(attributes, CKA_VALUE);
    struct bytes secret = {value->pValue, value->ulValueLen};

    for (; secret.size > 0 && secret.data[0] == 0; secret.size--)
        secret.data++;
    return secret;
}

static CK_RV ec_from(const struct p11_curve *curve, const struct bytes *secret, const struct bytes *point,
                     struct bytes *der)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *scalar = BN_secure_new();
    CK_RV rv = CKR_HOST_MEMORY;

    if (build != NULL && scalar != NULL && BN_bin2bn(secret->data, (int)secret->size, scalar) != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) == 1 &&
        OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar, curve->field_size) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point->data, point->size) == 1)
        rv = soft_pkey_from("EC", build, der);
    BN_clear_free(scalar);
    OSSL_PARAM_BLD_free(build);
    return rv;
}

static CK_RV assemble_ec(const struct attributes *attributes, struct bytes *der)
{
    struct bytes secret = secret_number(attributes);
    struct bytes point = BYTES_EMPTY;
    const struct p11_curve *curve;
    CK_RV rv = find_curve(attributes, CKK_EC, &curve);

    if (rv != CKR_OK)
        return rv;
    if (soft_curve_point(curve, &secret, &point) == CKR_OK)
        rv = ec_from(curve, &secret, &point, der);
    else
        rv = p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE is no key on %s", curve->name);
    bytes_free(&point);
    return rv;
}

/* Ed25519 and X25519: any bytes are a key. */
static CK_RV assemble_25519(const struct attributes *attributes, struct bytes *der)
{
    CK_KEY_TYPE type = attributes_get_ulong(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    const CK_ATTRIBUTE *value = attributes_find(attributes, CKA_VALUE);
    const struct p11_curve *curve;
    EVP_PKEY *pkey;
    CK_RV rv = find_curve(attributes, type, &curve);

    if (rv != CKR_OK)
        return rv;
    if (value->ulValueLen != curve->field_size)
        return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_VALUE is not of %zu bytes", curve->field_size);
    pkey =
        EVP_PKEY_new_raw_private_key_ex(soft_libctx(), curve->name, NULL, value->pValue, value->ulValueLen);
    rv = pkey != NULL ? soft_pkey_write(pkey, der) : CKR_HOST_MEMORY;
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV assemble_secret(const struct secret_type *type, const struct attributes *attributes,
                             struct bytes *der)
{
    const CK_ATTRIBUTE *value = attributes_find(attributes, CKA_VALUE);
    struct bytes secret = {value->pValue, value->ulValueLen};

    return soft_pkcs8_write_secret(type, &secret, der);
}

CK_RV soft_assemble(const struct attributes *attributes, struct bytes *der)
{
    static const struct {
        CK_KEY_TYPE type;
        CK_RV (*assemble)(const struct attributes *attributes, struct bytes *der);
    } types[] = {
        {CKK_RSA,           soft_assemble_rsa},
        {CKK_EC,            assemble_ec      },
        {CKK_EC_EDWARDS,    assemble_25519   },
        {CKK_EC_MONTGOMERY, assemble_25519   },
    };
    CK_KEY_TYPE type = attributes_get_ulong(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);

    *der = BYTES_EMPTY;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type)
            return types[i].assemble(attributes, der);
    if (secret_type(type) != NULL)
        return assemble_secret(secret_type(type), attributes, der);
    return p11_fail(CKR_ATTRIBUTE_VALUE_INVALID, "keys of type 0x%lx are not taken in here", type);
}
