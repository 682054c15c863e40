/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses a token's key and comes to the end that its argument names; test_ending.c runs it. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static EVP_PKEY *key;
static EVP_MD_CTX *begun;
static OSSL_PROVIDER *providers[2];

static bool sign(void)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t size = sizeof signature;
    bool ok = EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(md, signature, &size, (const unsigned char *)"data", 4) == 1;

    EVP_MD_CTX_free(md);
    return ok;
}

static bool begin(void)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;

    providers[0] = OSSL_PROVIDER_load(NULL, "default");
    providers[1] = OSSL_PROVIDER_load(NULL, "devid");
    store = OSSL_STORE_open("pkcs11:token=dev;object=ec;type=private?pin-value=1234", NULL, NULL, NULL, NULL);
    info = store != NULL ? OSSL_STORE_load(store) : NULL;
    if (info != NULL)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    begun = EVP_MD_CTX_new();
    return key != NULL && sign() && EVP_DigestSignInit_ex(begun, NULL, "SHA256", NULL, NULL, key, NULL) == 1;
}

static void give_back(void)
{
    EVP_MD_CTX_free(begun);
    EVP_PKEY_free(key);
    begun = NULL;
    key = NULL;
}

static void unload(void)
{
    OSSL_PROVIDER_unload(providers[1]);
    OSSL_PROVIDER_unload(providers[0]);
}

static void *sign_for_ever(void *unused)
{
    while (true)
        sign();
    return unused;
}

static void *end_from_thread(void *unused)
{
    sign();
    exit(0);
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, NULL) != 0)
        exit(2);
}

static void tidily(void)
{
    give_back();
    unload();
}

static void with_live_keys(void)
{
}

static void unloaded_with_live_keys(void)
{
    unload();
    sign(); /* which may fail now, and no more than that */
}

static void keys_after_unload(void)
{
    unload();
    give_back();
}

static void cleaned_up_with_live_keys(void)
{
    OPENSSL_cleanup();
}

static void cleaned_up_tidily(void)
{
    tidily();
    OPENSSL_cleanup();
}

static void from_a_thread(void)
{
    start(end_from_thread);
    while (true)
        pause();
}

static void while_threads_sign(void)
{
    for (int i = 0; i < 3; i++)
        start(sign_for_ever);
    for (int i = 0; i < 20; i++)
        sign();
    _exit(0); /* exit frees what the threads use: no program may do that, with any provider */
}

static void main_thread_first(void)
{
    start(end_from_thread);
    pthread_exit(NULL);
}

static void in_a_child(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        bool ok = sign();

        give_back();
        unload();
        exit(ok ? 0 : 4);
    }
    if (waitpid(child, &status, 0) != child || status != 0 || !sign())
        exit(4);
}

static void in_a_child_that_does_nothing(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        exit(0);
    if (waitpid(child, &status, 0) != child || status != 0 || !sign())
        exit(4);
}

static void loaded_again(void)
{
    for (int i = 0; i < 3; i++) {
        tidily();
        if (!begin())
            exit(5);
    }
}

static void use_at_exit(void)
{
    sign();
    give_back();
}

/* A handler that was registered after libcrypto's runs before it. */
static void with_a_handler(void)
{
    atexit(use_at_exit);
}

static const struct ending {
    const char *name;
    void (*run)(void);
} endings[] = {
    {"tidily",                       tidily                      },
    {"with_live_keys",               with_live_keys              },
    {"unloaded_with_live_keys",      unloaded_with_live_keys     },
    {"keys_after_unload",            keys_after_unload           },
    {"cleaned_up_with_live_keys",    cleaned_up_with_live_keys   },
    {"cleaned_up_tidily",            cleaned_up_tidily           },
    {"from_a_thread",                from_a_thread               },
    {"while_threads_sign",           while_threads_sign          },
    {"main_thread_first",            main_thread_first           },
    {"in_a_child",                   in_a_child                  },
    {"in_a_child_that_does_nothing", in_a_child_that_does_nothing},
    {"loaded_again",                 loaded_again                },
    {"with_a_handler",               with_a_handler              },
};

int main(int count, char *arguments[])
{
    for (size_t i = 0; count == 2 && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(endings[i].name, arguments[1]) != 0)
            continue;
        if (!begin())
            return 1;
        endings[i].run();
        return 0;
    }
    return 99;
}
