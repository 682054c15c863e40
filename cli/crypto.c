/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/crypto.h"
#include "cli/files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_FILE_MAXIMUM (1024 * 1024)
#define CHAIN_MAXIMUM 16

/* ---- the library context */

/* Where devid.so is: $OPENSSL_MODULES if it is there, or where it was installed. */
static bool set_search_path(OSSL_LIB_CTX *context)
{
    const char *modules = secure_getenv("OPENSSL_MODULES");
    char path[PATH_MAX];
    int length = modules != NULL ? snprintf(path, sizeof path, "%s/devid.so", modules) : -1;

    if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s", DEVID_PROVIDER);
    *strrchr(path, '/') = '\0';
    return OSSL_PROVIDER_set_default_search_path(context, path) == 1;
}

enum cli_status cli_crypto_open(bool with_keys, const char *module, struct cli_crypto *crypto)
{
    *crypto = (struct cli_crypto){0};
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    crypto->context = OSSL_LIB_CTX_new();
    if (crypto->context == NULL)
        return cli_no_memory();
    crypto->base = OSSL_PROVIDER_load(crypto->context, "default");
    if (crypto->base == NULL)
        return cli_crypto_failed("OpenSSL", "its default provider cannot be loaded");
    if (!with_keys)
        return CLI_OK;
    if (module != NULL && setenv("DEVID_PKCS11_MODULE", module, 1) != 0) /* the provider reads it */
        return cli_no_memory();
    if (!set_search_path(crypto->context))
        return cli_no_memory();
    crypto->devid = OSSL_PROVIDER_load(crypto->context, "devid");
    if (crypto->devid == NULL)
        return cli_crypto_failed("OpenSSL provider devid",
                                 "cannot be loaded; set OPENSSL_MODULES to its directory");
    return CLI_OK;
}

void cli_crypto_close(struct cli_crypto *crypto)
{
    if (crypto->devid != NULL)
        OSSL_PROVIDER_unload(crypto->devid);
    if (crypto->base != NULL)
        OSSL_PROVIDER_unload(crypto->base);
    OSSL_LIB_CTX_free(crypto->context);
    *crypto = (struct cli_crypto){0};
}

/* The most telling of the queued errors: the first with a text of its own, else the first. */
static void read_errors(char *text, size_t size)
{
    const char *data = NULL;
    unsigned long code;
    int flags = 0;
    bool told = false;

    text[0] = '\0';
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        bool has_data = (flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != '\0';

        if (told || (text[0] != '\0' && !has_data))
            continue;
        snprintf(text, size, "%s%s%s", reason != NULL ? reason : "unknown error", has_data ? ": " : "",
                 has_data ? data : "");
        told = has_data;
    }
}

enum cli_status cli_crypto_failed(const char *thing, const char *what)
{
    char text[512];

    read_errors(text, sizeof text);
    if (text[0] == '\0')
        return cli_fail(CLI_INPUT, "%s: %s, and OpenSSL does not say why", thing, what);
    return cli_fail(strstr(text, "CKR_") != NULL ? CLI_TOKEN : CLI_INPUT, "%s: %s (%s)", thing, what, text);
}

/* ---- private keys */

struct pin_request {
    const char *file;
    enum cli_status status;
};

/* OpenSSL asks for a PIN or pass phrase. */
static int answer_pin(char *out, int size, int writing, void *data)
{
    struct pin_request *request = data;
    struct bytes pin = BYTES_EMPTY;
    int length = -1;

    (void)writing;
    if (request->file == NULL)
        return -1;
    request->status = cli_pin_read(request->file, &pin);
    if (request->status == CLI_OK && pin.size <= (size_t)size) {
        memcpy(out, pin.data, pin.size);
        length = (int)pin.size;
    }
    bytes_free(&pin);
    return length;
}

static EVP_PKEY *first_key(OSSL_STORE_CTX *store)
{
    EVP_PKEY *key = NULL;

    while (key == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info == NULL && OSSL_STORE_error(store))
            break;
        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    return key;
}

enum cli_status cli_crypto_key(const struct cli_crypto *crypto, const char *uri, const char *pin_file,
                               EVP_PKEY **key)
{
    struct pin_request request = {pin_file, CLI_OK};
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(answer_pin, 0);
    enum cli_status status = CLI_OK;
    OSSL_STORE_CTX *store;
    char thing[256];

    *key = NULL;
    if (ui == NULL)
        return cli_no_memory();
    store = OSSL_STORE_open_ex(uri, crypto->context, NULL, ui, &request, NULL, NULL, NULL);
    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        *key = first_key(store);
    if (*key == NULL) {
        snprintf(thing, sizeof thing, "key %.*s", (int)strcspn(uri, "?"), uri);
        status = request.status != CLI_OK ? request.status : cli_crypto_failed(thing, "cannot be loaded");
    }
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    ERR_clear_error();
    return status;
}

enum cli_status cli_crypto_pem_key(const struct cli_crypto *crypto, const char *thing,
                                   const struct bytes *text, const char *pin_file, EVP_PKEY **key)
{
    struct pin_request request = {pin_file, CLI_OK};
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);
    enum cli_status status = CLI_OK;

    *key = NULL;
    if (bio == NULL)
        return cli_no_memory();
    *key = PEM_read_bio_PrivateKey_ex(bio, NULL, answer_pin, &request, crypto->context, NULL);
    if (*key == NULL)
        status = request.status != CLI_OK ? request.status : cli_crypto_failed(thing, "cannot be loaded");
    BIO_free(bio);
    ERR_clear_error();
    return status;
}

/* ---- certificates */

enum cli_status cli_crypto_certificates(const struct cli_crypto *crypto, const char *uri,
                                        STACK_OF(X509) * *all)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, crypto->context, NULL, NULL, NULL, NULL, NULL, NULL);
    enum cli_status status = CLI_OK;

    *all = sk_X509_new_null();
    while (*all != NULL && store != NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        X509 *certificate = info != NULL ? OSSL_STORE_INFO_get1_CERT(info) : NULL;

        if (certificate != NULL && sk_X509_push(*all, certificate) == 0)
            X509_free(certificate);
        OSSL_STORE_INFO_free(info);
        if (info == NULL && OSSL_STORE_error(store))
            break;
    }
    if (*all == NULL)
        status = cli_no_memory();
    OSSL_STORE_close(store);
    ERR_clear_error();
    return status;
}

static enum cli_status add_certificates(const struct cli_crypto *crypto, const char *path, BIO *bio,
                                        STACK_OF(X509) * chain)
{
    for (;;) {
        X509 *certificate = X509_new_ex(crypto->context, NULL);

        if (certificate == NULL)
            return cli_no_memory();
        if (PEM_read_bio_X509(bio, &certificate, NULL, NULL) == NULL) {
            X509_free(certificate);
            return CLI_OK;
        }
        if (sk_X509_num(chain) == CHAIN_MAXIMUM || sk_X509_push(chain, certificate) == 0) {
            X509_free(certificate);
            return cli_fail(CLI_INPUT,
                            "certificate file %s: holds more than %d certificates; give the leaf and its"
                            " intermediates only",
                            path, CHAIN_MAXIMUM);
        }
    }
}

enum cli_status cli_crypto_chain(const struct cli_crypto *crypto, const char *path, STACK_OF(X509) * *chain)
{
    struct bytes file = BYTES_EMPTY;
    enum cli_status status = cli_file_read("certificate file", path, PEM_FILE_MAXIMUM, &file);
    BIO *bio = NULL;
    unsigned long error;

    *chain = NULL;
    if (status != CLI_OK)
        return status;
    *chain = sk_X509_new_null();
    bio = BIO_new_mem_buf(file.data, (int)file.size);
    status = *chain != NULL && bio != NULL ? add_certificates(crypto, path, bio, *chain) : cli_no_memory();
    error = ERR_peek_last_error();
    if (status == CLI_OK && ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        status = cli_fail(
            CLI_INPUT, "certificate file %s: its certificate number %d is broken (%s); fetch the file again",
            path, sk_X509_num(*chain) + 1, ERR_reason_error_string(error));
    else if (status == CLI_OK && sk_X509_num(*chain) == 0)
        status = cli_fail(
            CLI_INPUT, "certificate file %s: holds no certificate in PEM form; convert it, or name another",
            path);
    ERR_clear_error();
    BIO_free(bio);
    bytes_free(&file);
    return status;
}

void cli_crypto_chain_free(STACK_OF(X509) * chain)
{
    sk_X509_pop_free(chain, X509_free);
}
