/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/internal.h"
#include "pkcs11/soft/pkcs8.h"
#include "pkcs11/soft/private.h"

#include "pkcs11/failure.h"

#include <openssl/evp.h>

static CK_RV refuse_peer(const struct p11_curve *curve)
{
    return p11_fail(CKR_MECHANISM_PARAM_INVALID,
                    "the other party's public key is no point on %s that ECDH takes", curve->name);
}

/* EVP_PKEY_derive fails, and nothing but the point is to blame: RFC 7748, 6.1, a result of zeros. */
static CK_RV agree(EVP_PKEY *own, EVP_PKEY *peer, const struct p11_curve *curve, struct bytes *secret)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(soft_libctx(), own, NULL);
    CK_RV rv = CKR_HOST_MEMORY;

    if (context != NULL && EVP_PKEY_derive_init(context) == 1 && bytes_alloc(secret, curve->field_size))
        rv = EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                     EVP_PKEY_derive(context, secret->data, &secret->size) == 1 &&
                     secret->size == curve->field_size
                 ? CKR_OK
                 : refuse_peer(curve);
    EVP_PKEY_CTX_free(context);
    if (rv != CKR_OK) {
        secret->size = curve->field_size; /* to be wiped */
        bytes_free(secret);
    }
    return rv;
}

static bool has_form(const struct public_key *peer)
{
    if (peer->type != CKK_EC)
        return peer->point.size == peer->curve->field_size;
    return peer->point.size == 1 + 2 * peer->curve->field_size && peer->point.data[0] == 0x04;
}

CK_RV soft_private_derive(struct soft_private *key, const struct public_key *peer, struct bytes *secret)
{
    const struct private_parts *parts = soft_private_parts(key);
    EVP_PKEY *own;
    EVP_PKEY *other;
    CK_RV rv;

    *secret = BYTES_EMPTY;
    if (parts->type != CKK_EC && parts->type != CKK_EC_MONTGOMERY)
        return p11_fail(CKR_KEY_TYPE_INCONSISTENT, "ECDH takes a key on an elliptic curve");
    if (peer->curve != parts->curve || peer->type != parts->type || !has_form(peer))
        return refuse_peer(parts->curve);
    own = soft_private_pkey(key);
    if (own == NULL)
        return p11_fail(CKR_DEVICE_ERROR, "the numbers in the key's file do not make a key");
    other = soft_public_pkey(peer);
    rv = other != NULL ? agree(own, other, parts->curve, secret) : refuse_peer(parts->curve);
    EVP_PKEY_free(other);
    return rv;
}
