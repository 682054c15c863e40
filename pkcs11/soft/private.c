/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/private.h"
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/key.h"
#include "pkcs11/soft/pkcs8.h"

#include "pkcs11/failure.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Contexts that wait for the next signature of the same kind; enough for the threads of a server. */
#define RESTING_MAXIMUM 16

struct soft_private {
    struct bytes der;
    struct private_parts parts; /* views into der */
    pthread_mutex_t lock;       /* of what follows */
    EVP_PKEY *pkey;             /* NULL until it is wanted */
    struct soft_context *resting;
};

/* --- the key in libcrypto's form
 * ----------------------------------------------------------------------------- */

static EVP_PKEY *parse(const struct soft_private *key)
{
    const unsigned char *end = key->der.data;

    return d2i_AutoPrivateKey_ex(NULL, &end, (long)key->der.size, soft_libctx(), NULL);
}

EVP_PKEY *soft_private_pkey(struct soft_private *key)
{
    EVP_PKEY *pkey;

    pthread_mutex_lock(&key->lock);
    if (key->pkey == NULL)
        key->pkey = parse(key);
    pkey = key->pkey;
    pthread_mutex_unlock(&key->lock);
    return pkey;
}

const struct private_parts *soft_private_parts(const struct soft_private *key)
{
    return &key->parts;
}

/* --- contexts
 * ------------------------------------------------------------------------------------------------ */

static bool same_use(const struct soft_context *context, enum p11_scheme scheme,
                     const struct p11_parameters *parameters, bool encrypt)
{
    return context->scheme == scheme && context->encrypt == encrypt && context->hash == parameters->hash &&
           context->mgf_hash == parameters->mgf_hash && context->salt_length == parameters->salt_length;
}

struct soft_context *soft_context_take(struct soft_private *key, enum p11_scheme scheme,
                                       const struct p11_parameters *parameters, bool encrypt)
{
    struct soft_context **link = &key->resting;
    struct soft_context *found;

    pthread_mutex_lock(&key->lock);
    while (*link != NULL && !same_use(*link, scheme, parameters, encrypt))
        link = &(*link)->next;
    found = *link;
    if (found != NULL)
        *link = found->next;
    pthread_mutex_unlock(&key->lock);
    return found;
}

void soft_context_free(struct soft_context *context)
{
    if (context == NULL)
        return;
    EVP_PKEY_CTX_free(context->evp);
    EVP_MAC_CTX_free(context->mac);
    EVP_CIPHER_CTX_free(context->cipher);
    free(context);
}

/* The one that has rested longest goes when there are too many. */
void soft_context_return(struct soft_private *key, struct soft_context *context)
{
    struct soft_context **link = &key->resting;
    struct soft_context *surplus;

    pthread_mutex_lock(&key->lock);
    context->next = key->resting;
    key->resting = context;
    for (unsigned i = 0; i < RESTING_MAXIMUM && *link != NULL; i++)
        link = &(*link)->next;
    surplus = *link;
    *link = NULL;
    pthread_mutex_unlock(&key->lock);
    soft_context_free(surplus);
}

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

static bool multiply_base(const EC_GROUP *group, const struct bytes *secret, size_t point_size,
                          struct bytes *point)
{
    EC_POINT *product = EC_POINT_new(group);
    BIGNUM *scalar = BN_secure_new();
    bool good =
        product != NULL && scalar != NULL && BN_bin2bn(secret->data, (int)secret->size, scalar) != NULL &&
        !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
        EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1 && bytes_alloc(point, point_size) &&
        EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED, point->data, point->size, NULL) ==
            point->size;

    BN_clear_free(scalar);
    EC_POINT_free(product);
    return good;
}

CK_RV soft_curve_point(const struct p11_curve *curve, const struct bytes *secret, struct bytes *point)
{
    const unsigned char *params = curve->params;
    ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &params, (long)curve->params_size);
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(soft_libctx(), NULL, OBJ_obj2nid(object));
    bool good = group != NULL && multiply_base(group, secret, 1 + 2 * curve->field_size, point);

    EC_GROUP_free(group);
    ASN1_OBJECT_free(object);
    return good ? CKR_OK : p11_fail(CKR_DATA_INVALID, "the secret is no key on %s", curve->name);
}

static CK_RV point_of_25519(const struct private_parts *parts, struct bytes *point)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(soft_libctx(), parts->curve->name, NULL,
                                                     parts->secret.data, parts->secret.size);
    bool good = pkey != NULL && bytes_alloc(point, parts->curve->field_size) &&
                EVP_PKEY_get_raw_public_key(pkey, point->data, &point->size) == 1;

    EVP_PKEY_free(pkey);
    return good ? CKR_OK : p11_fail(CKR_DATA_INVALID, "the secret is no key on %s", parts->curve->name);
}

static CK_RV copy(struct bytes *to, const struct bytes *from)
{
    return bytes_copy(to, from->data, from->size) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV read_public(const struct private_parts *parts, struct public_key *public)
{
    CK_RV rv;

    *public = (struct public_key){.type = parts->type, .curve = parts->curve};
    if (parts->type == CKK_RSA) {
        rv = copy(&public->modulus, &parts->rsa[RSA_MODULUS]);
        return rv == CKR_OK ? copy(&public->exponent, &parts->rsa[RSA_EXPONENT]) : rv;
    }
    if (secret_type(parts->type) != NULL) {
        public->size = parts->secret.size;
        return CKR_OK;
    }
    if (parts->point.size != 0)
        return copy(&public->point, &parts->point);
    return parts->type == CKK_EC ? soft_curve_point(parts->curve, &parts->secret, &public->point)
                                 : point_of_25519(parts, &public->point);
}

CK_RV soft_private_read(const struct bytes *der, struct soft_private **out, struct public_key *public)
{
    struct soft_private *key = calloc(1, sizeof *key);
    CK_RV rv;

    *public = (struct public_key){0};
    if (key == NULL)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&key->lock, NULL);
    rv = copy(&key->der, der);
    if (rv == CKR_OK)
        rv = soft_pkcs8_read(&key->der, &key->parts);
    if (rv == CKR_OK)
        rv = read_public(&key->parts, public);
    if (rv != CKR_OK) {
        public_key_free(public);
        soft_private_free(key);
        return rv;
    }
    *out = key;
    return CKR_OK;
}

void soft_private_free(struct soft_private *key)
{
    if (key == NULL)
        return;
    while (key->resting != NULL) {
        struct soft_context *next = key->resting->next;

        soft_context_free(key->resting);
        key->resting = next;
    }
    EVP_PKEY_free(key->pkey);
    bytes_free(&key->der);
    pthread_mutex_destroy(&key->lock);
    free(key);
}

/* --- attributes
 * ---------------------------------------------------------------------------------------------- */

static const struct {
    CK_ATTRIBUTE_TYPE type;
    enum rsa_part part;
} rsa_attributes[] = {
    {CKA_PRIVATE_EXPONENT, RSA_PRIVATE_EXPONENT},
    {CKA_PRIME_1,          RSA_PRIME_1         },
    {CKA_PRIME_2,          RSA_PRIME_2         },
    {CKA_EXPONENT_1,       RSA_EXPONENT_1      },
    {CKA_EXPONENT_2,       RSA_EXPONENT_2      },
    {CKA_COEFFICIENT,      RSA_COEFFICIENT     },
};

static CK_RV check_value(const struct private_parts *parts, struct bytes *value)
{
    uint8_t check[SOFT_CHECK_VALUE];
    CK_RV rv = soft_check_value(parts->type, &parts->secret, check);

    return rv == CKR_OK && !bytes_copy(value, check, sizeof check) ? CKR_HOST_MEMORY : rv;
}

CK_RV soft_private_attribute(const struct soft_private *key, CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    if (type == CKA_CHECK_VALUE && secret_type(key->parts.type) != NULL)
        return check_value(&key->parts, value);
    if (key->parts.type != CKK_RSA)
        return type == CKA_VALUE ? copy(value, &key->parts.secret) : CKR_ATTRIBUTE_TYPE_INVALID;
    for (size_t i = 0; i < sizeof rsa_attributes / sizeof rsa_attributes[0]; i++)
        if (rsa_attributes[i].type == type)
            return copy(value, &key->parts.rsa[rsa_attributes[i].part]);
    return CKR_ATTRIBUTE_TYPE_INVALID;
}
