/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There is no memory, at each request of the provider and of libcrypto in turn: what was asked for is refused
 * or done, nothing that is not there is used, and afterwards everything works. What is left behind is for the
 * leak checkers; sessions are counted here. Below is a token of files.
 */
#include "tests/support/filetoken.h"
#include "tests/support/softhsm.h"

#include <errno.h>
#include <link.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

/* --- memory
 * ---------------------------------------------------------------------------------------------------- */

enum whose { NOBODYS, LIBCRYPTOS, PROVIDERS };

static enum whose armed;
static unsigned requests; /* since it was armed */
static unsigned last_good;

static bool is_out(enum whose whose)
{
    return armed == whose && ++requests == last_good + 1;
}

static void *take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_out(LIBCRYPTOS) ? NULL : malloc(size);
}

static void *take_more(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_out(LIBCRYPTOS) ? NULL : realloc(memory, size);
}

static void give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* The provider asks malloc's family, which this program stands before; where a sanitizer does, it gets its
 * own memory always. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STANDS_BEFORE_MALLOC 1

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static uintptr_t code_start;
static uintptr_t code_end;

static int find_code(struct dl_phdr_info *info, size_t size, void *name)
{
    (void)size;
    if (strstr(info->dlpi_name, name) == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];

        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            code_start = info->dlpi_addr + part->p_vaddr;
            code_end = code_start + part->p_memsz;
        }
    }
    return 1;
}

static bool provider_is_out(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;

    return armed == PROVIDERS && address >= code_start && address < code_end && is_out(PROVIDERS);
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

EXPORT void *malloc(size_t size)
{
    return provider_is_out(__builtin_return_address(0)) ? no_memory() : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return provider_is_out(__builtin_return_address(0)) ? no_memory() : __libc_calloc(count, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
    return provider_is_out(__builtin_return_address(0)) ? no_memory() : __libc_realloc(memory, size);
}

EXPORT char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = provider_is_out(__builtin_return_address(0)) ? no_memory() : __libc_malloc(size);

    return copy != NULL ? memcpy(copy, text, size) : NULL;
}
#endif

/* --- what is done without it
 * ----------------------------------------------------------------------------------- */

static const char ec_uri[] = "pkcs11:token=disk;object=P-256;type=private";
static const char rsa_uri[] = "pkcs11:token=disk;object=RSA-2048;type=private";
static const char x_uri[] = "pkcs11:token=disk;object=X25519;type=private";

static OSSL_LIB_CTX *context;
static EVP_PKEY *ec;
static EVP_PKEY *rsa;
static EVP_PKEY *x25519;
static EVP_PKEY *peer;
static unsigned char sealed[256];
static char *pem;

static bool sign(EVP_PKEY *key, int padding)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    unsigned char signature[256];
    size_t size = sizeof signature;
    bool ok = md != NULL && EVP_DigestSignInit_ex(md, &ctx, "SHA256", context, NULL, key, NULL) == 1 &&
              (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1) &&
              EVP_DigestSign(md, signature, &size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

static bool sign_ec(void)
{
    return sign(ec, 0);
}

static bool sign_rsa(void)
{
    return sign(rsa, RSA_PKCS1_PADDING);
}

static bool sign_pss(void)
{
    return sign(rsa, RSA_PKCS1_PSS_PADDING);
}

/* A module that fails without saying why may have met a broken padding, which is not told: so without memory
 * something else may come out. */
static bool decrypt(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, rsa, NULL);
    unsigned char opened[256];
    size_t size = sizeof opened;
    bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
              EVP_PKEY_decrypt(ctx, opened, &size, sealed, sizeof sealed) == 1;

    EVP_PKEY_CTX_free(ctx);
    if (ok && armed == NOBODYS)
        ck_assert(size == 6 && memcmp(opened, "secret", 6) == 0);
    return ok;
}

static bool derive(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(context, x25519, NULL);
    unsigned char secret[32];
    size_t size = sizeof secret;
    bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, secret, &size) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* How many things of the kind there are; 0: any. */
static unsigned load_from(OSSL_LIB_CTX *where, const char *uri, int kind)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, where, NULL, NULL, NULL, NULL, NULL, NULL);
    unsigned found = 0;

    while (store != NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        found += info != NULL && (kind == 0 || OSSL_STORE_INFO_get_type(info) == kind);
        OSSL_STORE_INFO_free(info);
        if (info == NULL)
            break;
    }
    OSSL_STORE_close(store);
    return found;
}

static bool load(void)
{
    return load_from(context, ec_uri, OSSL_STORE_INFO_PKEY) == 1;
}

static bool load_everything(void)
{
    return load_from(context, "pkcs11:token=disk", 0) >= 6;
}

static bool read_pem(void)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, context, NULL) : NULL;
    bool ok = key != NULL;

    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

static bool write_pem(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_PrivateKey(bio, ec, NULL, NULL, 0, NULL, NULL) == 1;

    BIO_free(bio);
    return ok;
}

static bool write_text(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && EVP_PKEY_print_private(bio, rsa, 0, NULL) == 1;

    BIO_free(bio);
    return ok;
}

static bool generate_software(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(context, "provider=devid", "EC", "P-256");
    bool ok = key != NULL && sign(key, 0);

    EVP_PKEY_free(key);
    return ok;
}

/* The key is made, found, and taken away by whoever makes it. */
static bool generate_in_token(void)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t) "pkcs11:token=disk", 0),
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", "provider=devid");
    EVP_PKEY *key = NULL;
    bool ok = ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) == 1 &&
              EVP_PKEY_generate(ctx, &key) == 1;

    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool load_provider(void)
{
    OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = other != NULL ? OSSL_PROVIDER_load(other, "devid") : NULL;
    bool ok = provider != NULL && load_from(other, ec_uri, OSSL_STORE_INFO_PKEY) == 1;

    if (provider != NULL)
        OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(other);
    return ok;
}

static const struct row {
    const char *name;
    bool (*work)(void);
    bool libcryptos; /* libcrypto's requests are refused too, not the provider's alone: it survives that, and
                      * frees what it was handed */
} rows[] = {
    {"signs with an EC key",               sign_ec,           true },
    {"signs with an RSA key",              sign_rsa,          true },
    {"signs with PSS",                     sign_pss,          true },
    {"decrypts",                           decrypt,           true },
    {"agrees on a secret",                 derive,            true },
    {"loads a key",                        load,              false},
    {"loads everything there is",          load_everything,   false},
    {"reads a PEM file",                   read_pem,          true },
    {"writes a PEM file",                  write_pem,         true },
    {"tells about a key",                  write_text,        true },
    {"generates a software key",           generate_software, true },
    {"generates a key in the token",       generate_in_token, false},
    {"loads the provider, and uses a key", load_provider,     false},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* --- each request in turn
 * -------------------------------------------------------------------------------------- */

static void make(void)
{
    static const char *const kinds[] = {"P-256", "RSA-2048", "X25519"};
    CK_BBOOL yes = CK_TRUE;
    const CK_ATTRIBUTE decrypts = {CKA_DECRYPT, &yes, sizeof yes};
    CK_OBJECT_HANDLE public, private;
    CK_SESSION_HANDLE session;

    if (CRYPTO_set_mem_functions(take, take_more, give) != 1)
        abort();
    filetoken_up();
    session = filetoken_session("disk");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        filetoken_assert_rv(
            filetoken_generate(session, kinds[i], true, i == 1 ? &decrypts : NULL, i == 1, &public, &private),
            CKR_OK);
    filetoken_down();
    test_spy_start(support_build_path("pkcs11/.libs/devid-pkcs11.so"));
}

static void encrypt(void)
{
    EVP_PKEY *public = test_public_half(rsa);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public, NULL);
    size_t size = sizeof sealed;

    ck_assert_int_eq(EVP_PKEY_encrypt_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_encrypt(ctx, sealed, &size, (const unsigned char *)"secret", 6), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(public);
}

static void write_file(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, ec, NULL, NULL, 0, NULL, NULL), 1);
    size = BIO_get_mem_data(bio, &text);
    pem = strndup(text, (size_t)size);
    BIO_free(bio);
}

static void open_all(void)
{
    test_spy_reset();
    context = test_context(DEFAULT_FIRST);
    ec = test_load_key(context, ec_uri);
    rsa = test_load_key(context, rsa_uri);
    x25519 = test_load_key(context, x_uri);
    peer = EVP_PKEY_Q_keygen(context, "provider=default", "X25519");
    ck_assert_msg(ec != NULL && rsa != NULL && x25519 != NULL && peer != NULL, "%s", test_errors());
    encrypt();
    write_file();
}

static void close_all(void)
{
    ERR_clear_error();
    free(pem);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(x25519);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    test_context_free(context);
    ck_assert_uint_eq(test_spy()->calls[SPY_OPEN_SESSION], test_spy()->calls[SPY_CLOSE_SESSION]);
}

static void work_without(const struct row *row, enum whose whose)
{
    requests = 0;
    armed = whose;
    row->work();
    armed = NOBODYS;
    ERR_clear_error();
}

static void refuse_each_request(const struct row *row, enum whose whose)
{
    last_good = 0;
    do
        work_without(row, whose);
    while (requests > last_good++);
    ck_assert_msg(last_good > 1, "%s: memory was never asked for", row->name);
    ck_assert_msg(row->work(), "%s: not any more: %s", row->name, test_errors());
}

START_TEST(whatever_is_done_survives_it)
{
    const struct row *row = &rows[_i];

    open_all();
    ck_assert_msg(row->work(), "%s: %s", row->name, test_errors());
    if (row->libcryptos)
        refuse_each_request(row, LIBCRYPTOS);
#ifdef STANDS_BEFORE_MALLOC
    ck_assert_int_eq(dl_iterate_phdr(find_code, (void *)(uintptr_t) "/devid.so"), 1);
    if (getenv("VALGRIND") == NULL)
        refuse_each_request(row, PROVIDERS);
#endif
    close_all();
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");

    tcase_set_timeout(t, 600);
    tcase_add_unchecked_fixture(t, make, NULL);
    tcase_add_loop_test(t, whatever_is_done_survives_it, 0, ROWS);
    suite_add_tcase(s, t);
    return s;
}
