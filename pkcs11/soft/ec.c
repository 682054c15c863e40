/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/ec.h"
#include "pkcs11/soft/internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string.h>

static EVP_PKEY *make_ephemeral(const struct p11_curve *curve)
{
    return EVP_PKEY_Q_keygen(soft_libctx(), NULL, "EC", curve->name);
}

/* A key with the curve of `like` and the point: libcrypto checks that it lies on it. */
static EVP_PKEY *make_peer(const EVP_PKEY *like, const struct bytes *point)
{
    EVP_PKEY *peer = EVP_PKEY_new();

    if (peer != NULL && EVP_PKEY_copy_parameters(peer, like) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, point->data, point->size) == 1)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

static CK_RV get_point(EVP_PKEY *key, size_t size, struct bytes *point)
{
    size_t written = 0;

    if (!bytes_alloc(point, size))
        return CKR_HOST_MEMORY;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point->data, size,
                                        &written) == 1 &&
        written == size && point->data[0] == 0x04)
        return CKR_OK;
    return CKR_GENERAL_ERROR;
}

static CK_RV agree(EVP_PKEY *key, EVP_PKEY *peer, size_t size, struct bytes *secret)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(soft_libctx(), key, NULL);
    CK_RV rv = CKR_GENERAL_ERROR;

    if (context == NULL || !bytes_alloc(secret, size))
        rv = CKR_HOST_MEMORY;
    else if (EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
             EVP_PKEY_derive(context, secret->data, &secret->size) == 1 && secret->size == size)
        rv = CKR_OK;
    EVP_PKEY_CTX_free(context);
    return rv;
}

CK_RV soft_ecdh_ephemeral(const struct public_key *peer, struct bytes *point, struct bytes *secret)
{
    EVP_PKEY *own = make_ephemeral(peer->curve);
    EVP_PKEY *other = own != NULL ? make_peer(own, &peer->point) : NULL;
    CK_RV rv = own != NULL ? CKR_DATA_INVALID : CKR_GENERAL_ERROR;

    *point = BYTES_EMPTY;
    *secret = BYTES_EMPTY;
    if (other != NULL)
        rv = get_point(own, peer->point.size, point);
    if (rv == CKR_OK)
        rv = agree(own, other, peer->curve->field_size, secret);
    if (rv != CKR_OK) {
        bytes_free(point);
        bytes_free(secret);
    }
    EVP_PKEY_free(own);
    EVP_PKEY_free(other);
    return rv;
}
