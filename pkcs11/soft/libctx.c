/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/libctx.h"
#include "pkcs11/soft/internal.h"

#include "pkcs11/failure.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <stdbool.h>

/*
 * One context for the life of the process: it is not freed at C_Finalize, because that may run inside
 * OPENSSL_cleanup, and a module that is initialised again needs the same. It reads no configuration, so that
 * an openssl.cnf that activates a PKCS#11 provider cannot lead back into this module.
 */
static struct {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider;
    EVP_MD *md[HASH_COUNT];
} soft;

static const char *const md_names[HASH_COUNT] = {
    [HASH_SHA1] = "SHA1",         [HASH_SHA224] = "SHA2-224",   [HASH_SHA256] = "SHA2-256",
    [HASH_SHA384] = "SHA2-384",   [HASH_SHA512] = "SHA2-512",   [HASH_SHA3_224] = "SHA3-224",
    [HASH_SHA3_256] = "SHA3-256", [HASH_SHA3_384] = "SHA3-384", [HASH_SHA3_512] = "SHA3-512",
};

void soft_prepare(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
}

static bool fetch_digests(void)
{
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++) {
        soft.md[hash] = EVP_MD_fetch(soft.libctx, md_names[hash], NULL);
        if (soft.md[hash] == NULL)
            return false;
    }
    return true;
}

static void give_up(void)
{
    for (enum p11_hash hash = HASH_SHA1; hash < HASH_COUNT; hash++) {
        EVP_MD_free(soft.md[hash]);
        soft.md[hash] = NULL;
    }
    if (soft.provider != NULL)
        OSSL_PROVIDER_unload(soft.provider);
    soft.provider = NULL;
    OSSL_LIB_CTX_free(soft.libctx);
    soft.libctx = NULL;
}

CK_RV soft_start(void)
{
    if (soft.libctx != NULL)
        return CKR_OK;
    soft.libctx = OSSL_LIB_CTX_new();
    if (soft.libctx != NULL)
        soft.provider = OSSL_PROVIDER_load(soft.libctx, "default");
    if (soft.provider != NULL && fetch_digests())
        return CKR_OK;
    give_up();
    return p11_fail(CKR_GENERAL_ERROR,
                    "OpenSSL's default provider does not load; check the installation of libssl3");
}

OSSL_LIB_CTX *soft_libctx(void)
{
    return soft.libctx;
}

const EVP_MD *soft_md(enum p11_hash hash)
{
    return hash < HASH_COUNT ? soft.md[hash] : NULL;
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
