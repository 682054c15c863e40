/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl_ssl_ctx URL AUTHORITY-FILE CERTIFICATE KEY: fetches a page with a client certificate whose URI and
 * whose key's URI (or files) are given to OSSL_STORE. For programs on libcurl whose version does not take
 * URIs itself.
 */
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/store.h>

#include <stdio.h>

struct identity {
    const char *certificate;
    const char *key;
};

/* The first object of that type behind the URI; to be freed. */
static OSSL_STORE_INFO *first(const char *uri, int type)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;

    if (store != NULL && OSSL_STORE_expect(store, type) == 1) {
        while (info == NULL && OSSL_STORE_eof(store) == 0 && OSSL_STORE_error(store) == 0)
            info = OSSL_STORE_load(store);
    }
    OSSL_STORE_close(store);
    return info;
}

static CURLcode set_identity(CURL *curl, void *ssl_ctx, void *data)
{
    const struct identity *identity = data;
    OSSL_STORE_INFO *certificate = first(identity->certificate, OSSL_STORE_INFO_CERT);
    OSSL_STORE_INFO *key = first(identity->key, OSSL_STORE_INFO_PKEY);
    CURLcode code = CURLE_SSL_CERTPROBLEM;

    (void)curl;
    if (certificate != NULL && key != NULL &&
        SSL_CTX_use_certificate(ssl_ctx, OSSL_STORE_INFO_get0_CERT(certificate)) == 1 &&
        SSL_CTX_use_PrivateKey(ssl_ctx, OSSL_STORE_INFO_get0_PKEY(key)) == 1 &&
        SSL_CTX_check_private_key(ssl_ctx) == 1)
        code = CURLE_OK;
    else
        ERR_print_errors_fp(stderr);
    OSSL_STORE_INFO_free(certificate);
    OSSL_STORE_INFO_free(key);
    return code;
}

int main(int argc, char **argv)
{
    struct identity identity;
    CURLcode code = CURLE_FAILED_INIT;
    CURL *curl;

    if (argc != 5)
        return 2;
    identity = (struct identity){argv[3], argv[4]};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    if (curl != NULL && curl_easy_setopt(curl, CURLOPT_URL, argv[1]) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CAINFO, argv[2]) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, set_identity) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &identity) == CURLE_OK)
        code = curl_easy_perform(curl); /* the page goes to standard output */
    if (code != CURLE_OK)
        fprintf(stderr, "%s\n", curl_easy_strerror(code));
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return code == CURLE_OK ? 0 : 1;
}
