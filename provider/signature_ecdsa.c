/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/signature.h"
#include "provider/digest.h"
#include "provider/error.h"
#include "provider/use.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <string.h>

enum { ORDER_MAXIMUM = 66 }; /* bytes, P-521 */

/* PKCS#11 answers r and s side by side; everybody else wants the DER of a SEQUENCE of both. */
static bool encode(const uint8_t *raw, size_t raw_size, uint8_t *der, size_t *der_size, size_t room)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)(raw_size / 2), NULL);
    BIGNUM *s = BN_bin2bn(raw + raw_size / 2, (int)(raw_size / 2), NULL);
    uint8_t *encoded = NULL; /* made by i2d */
    int size = -1;

    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = NULL; /* transferred */
        s = NULL;
        size = i2d_ECDSA_SIG(pair, &encoded);
    }
    if (size > 0 && (size_t)size <= room) {
        memcpy(der, encoded, (size_t)size);
        *der_size = (size_t)size;
    }
    OPENSSL_free(encoded);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size > 0 && (size_t)size <= room;
}

/* Whether the digest that the application chose is the one that the token hashes with. */
static bool is_permitted(const struct prov_key *key, EVP_PKEY_CTX *settings)
{
    EVP_MD *digest = prov_digest_of(key->provider, settings, OSSL_SIGNATURE_PARAM_DIGEST);
    bool ok = digest != NULL && key->private->digest != NULL && EVP_MD_is_a(digest, key->private->digest);

    EVP_MD_free(digest);
    if (!ok)
        prov_raise(&key->provider->core, PROV_R_NOT_SUPPORTED,
                   "%s: its CKA_ALLOWED_MECHANISMS do not permit ECDSA with this digest", key->private->name);
    return ok;
}

int prov_signature_ecdsa(struct prov_key *key, EVP_PKEY_CTX *settings, const uint8_t *data, size_t size,
                         uint8_t *signature, size_t *signature_size, size_t room)
{
    bool hashes = key->private->hashes_itself;
    CK_MECHANISM mechanism = {.mechanism = hashes ? key->private->hashing : CKM_ECDSA};
    size_t order = ((size_t)EVP_PKEY_get_bits(key->pkey) + 7) / 8;
    uint8_t raw[2 * ORDER_MAXIMUM];
    size_t raw_size = sizeof raw;
    CK_RV rv;

    if (hashes && !is_permitted(key, settings))
        return 0;
    /* Of a digest only the leftmost bits count (FIPS 186-4, 6.4); not every module takes more. */
    rv = prov_key_sign(key, &mechanism, data, hashes || size < order ? size : order, raw, &raw_size);
    if (prov_mechanism_is_refused(rv))
        prov_raise(&key->provider->core, PROV_R_NOT_SUPPORTED, "%s: its token has no %s", key->private->name,
                   hashes ? "mechanism that the key permits" : "CKM_ECDSA");
    if (rv != CKR_OK)
        return 0;
    if (raw_size != 0 && raw_size % 2 == 0 && encode(raw, raw_size, signature, signature_size, room))
        return 1;
    prov_raise(&key->provider->core, PROV_R_MODULE_FAILED, "%s: C_Sign gave no ECDSA signature, %zu bytes",
               key->private->name, raw_size);
    return 0;
}
