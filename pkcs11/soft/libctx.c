/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/internal.h"

#include "pkcs11/failure.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define AES_SIZES 3 /* 128, 192 and 256 bits */

/*
 * One context for the life of the process: it is not freed at C_Finalize, because that may run inside
 * OPENSSL_cleanup, and a module that is initialised again needs the same. (A child after fork makes its own.)
 * It reads no configuration, so that an openssl.cnf that activates a PKCS#11 provider cannot lead back into
 * this module. The first fetch of a kind makes libcrypto build all of that kind, half a millisecond each:
 * what a process never uses it does not pay for.
 */
enum family { DIGESTS, MACS, CIPHERS, FAMILIES };

static struct soft {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider;
    EVP_MD *md[HASH_COUNT];
    EVP_MAC_CTX *mac[HASH_COUNT]; /* HMAC with a key of no use, to be copied: it copies no keyless one */
    EVP_CIPHER *aes128_cfb;
    EVP_CIPHER *aes[MODE_COUNT][AES_SIZES];
    pthread_mutex_t lock;   /* of the fetching; nothing else is locked after it */
    bool fetched[FAMILIES]; /* read without the lock */
    struct soft *parents;   /* what the parent had before a fork: kept in sight of memory checkers */
} soft = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const md_names[HASH_COUNT] = {
    [HASH_SHA1] = "SHA1",         [HASH_SHA224] = "SHA2-224",   [HASH_SHA256] = "SHA2-256",
    [HASH_SHA384] = "SHA2-384",   [HASH_SHA512] = "SHA2-512",   [HASH_SHA3_224] = "SHA3-224",
    [HASH_SHA3_256] = "SHA3-256", [HASH_SHA3_384] = "SHA3-384", [HASH_SHA3_512] = "SHA3-512",
};

static const char *const mode_names[MODE_COUNT] = {
    [MODE_ECB] = "ECB",
    [MODE_CBC] = "CBC",
    [MODE_CTR] = "CTR",
    [MODE_GCM] = "GCM",
};

void soft_prepare(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

static bool fetch_digests(void)
{
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++) {
        EVP_MD_free(soft.md[hash]);
        soft.md[hash] = EVP_MD_fetch(soft.libctx, md_names[hash], NULL);
        if (soft.md[hash] == NULL)
            return false;
    }
    return true;
}

static bool fetch_macs(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(soft.libctx, "HMAC", NULL);
    bool made = mac != NULL;

    for (enum p11_hash hash = HASH_SHA1; made && hash < HASH_COUNT; hash++) {
        char name[16];
        OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};

        snprintf(name, sizeof name, "%s", md_names[hash]);
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
        EVP_MAC_CTX_free(soft.mac[hash]);
        soft.mac[hash] = EVP_MAC_CTX_new(mac);
        made = soft.mac[hash] != NULL && EVP_MAC_init(soft.mac[hash], (const uint8_t *)"", 0, params) == 1;
    }
    EVP_MAC_free(mac);
    return made;
}

static bool fetch_ciphers(void)
{
    bool fetched;

    EVP_CIPHER_free(soft.aes128_cfb);
    soft.aes128_cfb = EVP_CIPHER_fetch(soft.libctx, "AES-128-CFB", NULL);
    fetched = soft.aes128_cfb != NULL;
    for (enum soft_mode mode = 0; mode < MODE_COUNT; mode++) {
        for (size_t i = 0; fetched && i < AES_SIZES; i++) {
            char name[16];

            snprintf(name, sizeof name, "AES-%zu-%s", 128 + 64 * i, mode_names[mode]);
            EVP_CIPHER_free(soft.aes[mode][i]);
            soft.aes[mode][i] = EVP_CIPHER_fetch(soft.libctx, name, NULL);
            fetched = soft.aes[mode][i] != NULL;
        }
    }
    return fetched;
}

/* False: libcrypto has no memory; the next call tries again. */
static bool has(enum family family)
{
    static bool (*const fetch[FAMILIES])(void) = {
        [DIGESTS] = fetch_digests,
        [MACS] = fetch_macs,
        [CIPHERS] = fetch_ciphers,
    };
    bool fetched = __atomic_load_n(&soft.fetched[family], __ATOMIC_ACQUIRE);

    if (fetched)
        return true;
    pthread_mutex_lock(&soft.lock);
    fetched = soft.fetched[family] || fetch[family]();
    __atomic_store_n(&soft.fetched[family], fetched, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&soft.lock);
    return fetched;
}

CK_RV soft_start(void)
{
    if (soft.libctx != NULL)
        return CKR_OK;
    soft.libctx = OSSL_LIB_CTX_new();
    if (soft.libctx != NULL)
        soft.provider = OSSL_PROVIDER_load(soft.libctx, "default");
    if (soft.provider != NULL)
        return CKR_OK;
    OSSL_LIB_CTX_free(soft.libctx);
    soft.libctx = NULL;
    return p11_fail(CKR_GENERAL_ERROR,
                    "OpenSSL's default provider does not load; check the installation of libssl3");
}

void soft_abandon(void)
{
    struct soft *parents = malloc(sizeof *parents);

    if (parents != NULL)
        *parents = soft;
    soft = (struct soft){.lock = PTHREAD_MUTEX_INITIALIZER, .parents = parents};
}

OSSL_LIB_CTX *soft_libctx(void)
{
    return soft.libctx;
}

const EVP_MD *soft_md(enum p11_hash hash)
{
    return hash < HASH_COUNT && has(DIGESTS) ? soft.md[hash] : NULL;
}

const char *soft_md_name(enum p11_hash hash)
{
    return hash < HASH_COUNT ? md_names[hash] : NULL;
}

const EVP_MAC_CTX *soft_mac(enum p11_hash hash)
{
    return hash < HASH_COUNT && has(MACS) ? soft.mac[hash] : NULL;
}

const EVP_CIPHER *soft_aes128_cfb_cipher(void)
{
    return has(CIPHERS) ? soft.aes128_cfb : NULL;
}

const EVP_CIPHER *soft_aes_cipher(enum soft_mode mode, size_t key_size)
{
    size_t i = key_size / 8 - 2;

    return key_size % 8 == 0 && i < AES_SIZES && has(CIPHERS) ? soft.aes[mode][i] : NULL;
}

bool soft_at_exit(void (*handler)(void))
{
    return OPENSSL_atexit(handler) == 1;
}

void soft_enter(void)
{
    ERR_set_mark();
}

void soft_leave(void)
{
    ERR_pop_to_mark();
}
