/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/kdf.h"
#include "common/bytes.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/internal.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>
#include <string.h>

static void put_u32(size_t value, uint8_t wire[4])
{
    for (int i = 0; i < 4; i++)
        wire[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct expansion {
    enum p11_hash hash;
    const void *key; /* KDFa's; KDFe has its secret among the pieces */
    size_t key_size;
    const struct soft_piece *pieces; /* the counter is among them */
    size_t count;
};

static CK_RV make_block(const struct expansion *expansion, uint8_t *block)
{
    return expansion->key != NULL
               ? soft_hmac(expansion->hash, expansion->key, expansion->key_size, expansion->pieces,
                           expansion->count, block)
               : soft_hash_pieces(expansion->hash, expansion->pieces, expansion->count, block);
}

/* Blocks 1, 2, ... behind one another, as much of them as is wanted. */
static CK_RV expand(const struct expansion *expansion, uint8_t counter[4], uint8_t *out, size_t size)
{
    uint8_t block[HASH_SIZE_MAXIMUM];
    size_t step = soft_hash_size(expansion->hash);
    CK_RV rv = step != 0 ? CKR_OK : CKR_GENERAL_ERROR;

    for (size_t done = 0, number = 1; rv == CKR_OK && done < size; done += step, number++) {
        put_u32(number, counter);
        rv = make_block(expansion, block);
        if (rv == CKR_OK)
            memcpy(out + done, block, size - done < step ? size - done : step);
    }
    bytes_wipe(block, sizeof block);
    return rv;
}

CK_RV soft_kdfa(enum p11_hash hash, const void *key, size_t key_size, const struct soft_kdf_input *input,
                uint8_t *out, size_t size)
{
    uint8_t counter[4];
    uint8_t bits[4];
    const struct soft_piece pieces[] = {
        {counter,      sizeof counter          },
        {input->label, strlen(input->label) + 1},
        input->u,
        input->v,
        {bits,         sizeof bits             }
    };
    const struct expansion expansion = {hash, key_size != 0 ? key : "", key_size, pieces, 5};

    put_u32(8 * size, bits);
    return expand(&expansion, counter, out, size);
}

CK_RV soft_kdfe(enum p11_hash hash, const void *secret, size_t secret_size,
                const struct soft_kdf_input *input, uint8_t *out, size_t size)
{
    uint8_t counter[4];
    const struct soft_piece pieces[] = {
        {counter,      sizeof counter          },
        {secret,       secret_size             },
        {input->label, strlen(input->label) + 1},
        input->u,
        input->v
    };
    const struct expansion expansion = {.hash = hash, .pieces = pieces, .count = 5};

    return expand(&expansion, counter, out, size);
}

CK_RV soft_x963(enum p11_hash hash, const struct bytes *secret, const struct bytes *shared, uint8_t *out,
                size_t size)
{
    uint8_t counter[4];
    const struct soft_piece pieces[] = {
        {secret->data, secret->size  },
        {counter,      sizeof counter},
        {shared->data, shared->size  }
    };
    const struct expansion expansion = {.hash = hash, .pieces = pieces, .count = 3};

    return expand(&expansion, counter, out, size);
}

CK_RV soft_pbkdf2(enum p11_hash hash, const void *password, size_t password_size, const void *salt,
                  size_t salt_size, unsigned iterations, uint8_t *out, size_t size)
{
    union {
        const void *in;
        void *out;
    } pass = {password_size != 0 ? password : ""}, salted = {salt}; /* libcrypto's array is for both ways */
    EVP_KDF *kdf = EVP_KDF_fetch(soft_libctx(), "PBKDF2", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[16] = "";
    CK_RV rv = CKR_GENERAL_ERROR;

    if (soft_md_name(hash) != NULL)
        snprintf(digest, sizeof digest, "%s", soft_md_name(hash));
    if (context != NULL) {
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, pass.out, password_size),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted.out, salt_size),
            OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations),
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end(),
        };

        if (EVP_KDF_derive(context, out, size, params) == 1)
            rv = CKR_OK;
    }
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return rv;
}

CK_RV soft_scrypt(const void *password, size_t password_size, const struct bytes *salt,
                  const struct soft_scrypt_cost *cost, uint8_t *out, size_t size)
{
    union {
        const void *in;
        void *out;
    } pass = {password_size != 0 ? password : ""}; /* libcrypto's array is for both ways */
    uint64_t n = cost->n;
    uint32_t r = cost->r;
    uint32_t p = cost->p;
    uint64_t memory = 128 * r * (n + p + 2) + 1024; /* what it computes for itself, and a little */
    EVP_KDF *kdf = EVP_KDF_fetch(soft_libctx(), "SCRYPT", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, pass.out, password_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt->data, salt->size),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };
    bool good = context != NULL && EVP_KDF_derive(context, out, size, params) == 1;

    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good ? CKR_OK : p11_fail(CKR_HOST_MEMORY, "scrypt found no memory, or refuses its parameters");
}
