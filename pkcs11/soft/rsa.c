/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/rsa.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/hmac.h"
#include "pkcs11/soft/internal.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <string.h>
#include <sys/random.h>

#define PKCS1_OVERHEAD 11

CK_RV soft_rsa_pad_pkcs1(const uint8_t *data, size_t size, uint8_t *out, size_t out_size)
{
    size_t filling;

    if (out_size < PKCS1_OVERHEAD || size > out_size - PKCS1_OVERHEAD)
        return CKR_DATA_LEN_RANGE;
    filling = out_size - size - 3;
    out[0] = 0x00;
    out[1] = 0x01;
    memset(out + 2, 0xff, filling);
    out[2 + filling] = 0x00;
    memcpy(out + 3 + filling, data, size);
    return CKR_OK;
}

CK_RV soft_mgf1_xor(enum p11_hash hash, const uint8_t *seed, size_t seed_size, uint8_t *out, size_t size)
{
    size_t step = soft_hash_size(hash);
    uint8_t mask[HASH_SIZE_MAXIMUM];
    CK_RV rv = CKR_OK;

    for (size_t done = 0, counter = 0; rv == CKR_OK && done < size; done += step, counter++) {
        const uint8_t wire[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
                                 (uint8_t)counter};
        const struct soft_piece pieces[] = {
            {seed, seed_size  },
            {wire, sizeof wire}
        };

        rv = soft_hash_pieces(hash, pieces, 2, mask);
        for (size_t i = 0; i < step && done + i < size; i++)
            out[done + i] ^= mask[i];
    }
    bytes_wipe(mask, sizeof mask);
    return rv;
}

/* H = Hash(eight zeros || digest || salt) */
static CK_RV pss_hash(const struct p11_parameters *parameters, const uint8_t *digest, const uint8_t *salt,
                      uint8_t *out)
{
    static const uint8_t zeros[8];
    struct soft_hash *running;
    CK_RV rv = soft_hash_new(parameters->hash, &running);

    if (rv != CKR_OK)
        return rv;
    rv = soft_hash_update(running, zeros, sizeof zeros);
    if (rv == CKR_OK)
        rv = soft_hash_update(running, digest, soft_hash_size(parameters->hash));
    if (rv == CKR_OK)
        rv = soft_hash_update(running, salt, parameters->salt_length);
    if (rv == CKR_OK)
        rv = soft_hash_final(running, out);
    soft_hash_free(running);
    return rv;
}

CK_RV soft_rsa_pad_pss(const struct p11_parameters *parameters, const uint8_t *digest, size_t bits,
                       uint8_t *out, size_t out_size)
{
    size_t hash_size = soft_hash_size(parameters->hash);
    size_t em_bits = bits - 1;
    size_t em_size = (em_bits + 7) / 8;
    uint8_t *em = out + (out_size - em_size);
    size_t db_size;
    uint8_t *salt;
    uint8_t *h;
    CK_RV rv;

    if (em_size > out_size || em_size < hash_size + 2 || parameters->salt_length > em_size - hash_size - 2)
        return CKR_DATA_LEN_RANGE;
    db_size = em_size - hash_size - 1;
    memset(out, 0, out_size);
    salt = em + db_size - parameters->salt_length;
    h = em + db_size;
    if (parameters->salt_length != 0 &&
        getrandom(salt, parameters->salt_length, 0) != (ssize_t)parameters->salt_length)
        return CKR_RANDOM_NO_RNG;
    salt[-1] = 0x01;
    rv = pss_hash(parameters, digest, salt, h);
    if (rv == CKR_OK)
        rv = soft_mgf1_xor(parameters->mgf_hash, h, hash_size, em, db_size);
    em[0] &= (uint8_t)(0xff >> (8 * em_size - em_bits));
    em[em_size - 1] = 0xbc;
    return rv;
}

bool soft_rsa_verify_pss(const struct public_key *key, const struct p11_parameters *parameters,
                         const uint8_t *digest, const uint8_t *signature, size_t size)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    EVP_PKEY_CTX *context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    bool good = context != NULL && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, soft_md(parameters->hash)) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(context, soft_md(parameters->mgf_hash)) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)parameters->salt_length) == 1 &&
                EVP_PKEY_verify(context, signature, size, digest, soft_hash_size(parameters->hash)) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return good;
}

/* The context takes the label over. */
static bool set_label(EVP_PKEY_CTX *context, const char *label)
{
    size_t size = strlen(label) + 1;
    char *copy = OPENSSL_memdup(label, size);

    if (copy != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)size) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

CK_RV soft_rsa_encrypt_oaep(const struct public_key *key, enum p11_hash hash, const char *label,
                            const uint8_t *data, size_t size, struct bytes *out)
{
    EVP_PKEY *pkey = soft_public_pkey(key);
    EVP_PKEY_CTX *context = pkey != NULL ? EVP_PKEY_CTX_new_from_pkey(soft_libctx(), pkey, NULL) : NULL;
    CK_RV rv = CKR_GENERAL_ERROR;

    *out = BYTES_EMPTY;
    if (context != NULL && EVP_PKEY_encrypt_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(context, soft_md(hash)) == 1 && set_label(context, label) &&
        bytes_alloc(out, key->modulus.size) &&
        EVP_PKEY_encrypt(context, out->data, &out->size, data, size) == 1)
        rv = CKR_OK;
    if (rv != CKR_OK)
        bytes_free(out);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    return rv;
}
