/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/backend.h"
#include "pkcs11/file/key.h"
#include "pkcs11/file/seal.h"

#include "pkcs11/mechanism.h"
#include "pkcs11/pinfile.h"

#include <stdlib.h>
#include <string.h>

/* --- a token
 * ------------------------------------------------------------------------------------------------- */

static void close_instance(void *instance)
{
    struct file_token *token = instance;

    bytes_free(&token->secret);
    store_close(&token->store);
    pthread_mutex_destroy(&token->lock);
    free(token);
}

static CK_RV open_instance(const struct token_conf *conf, const char *directory, void **instance)
{
    const char *backend = token_conf_get(conf, "backend");
    struct file_token *token = calloc(1, sizeof *token);
    CK_RV rv;

    if (token == NULL)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&token->lock, NULL);
    token->store.directory = -1;
    rv = file_pin_cost(conf, directory, &token->cost);
    if (rv == CKR_OK)
        rv = store_open(directory, &token->store);
    token->foreign = backend != NULL && strcmp(backend, file_backend.name) != 0;
    token->has_pin = rv == CKR_OK && !token->foreign && pinfile_exists(&token->store);
    if (rv != CKR_OK)
        close_instance(token);
    else
        *instance = token;
    return rv;
}

/* A parent and its child share nothing but files. */
static void abandon_instance(void *instance)
{
    (void)instance;
}

/* libcrypto's default provider has all that the schemes ask for. */
static bool supports(const void *instance, const struct mechanism *row)
{
    static const bool schemes[] = {
        [SCHEME_NONE] = true,     [SCHEME_PKCS1] = true,        [SCHEME_PSS] = true,
        [SCHEME_RAW] = true,      [SCHEME_ECDSA] = true,        [SCHEME_EDDSA] = true,
        [SCHEME_OAEP] = true,     [SCHEME_ECDH] = true,         [SCHEME_HKDF] = true,
        [SCHEME_KEY_WRAP] = true, [SCHEME_KEY_WRAP_PAD] = true, [SCHEME_TSS2_KEY] = true,
        [SCHEME_HMAC] = true,     [SCHEME_CMAC] = true,         [SCHEME_ECB] = true,
        [SCHEME_CBC] = true,      [SCHEME_CBC_PAD] = true,      [SCHEME_CTR] = true,
        [SCHEME_GCM] = true,
    };

    (void)instance;
    return row->scheme < sizeof schemes / sizeof schemes[0] && schemes[row->scheme];
}

static const char *const other_pem_labels[] = {"RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
                                               NULL};

const struct backend file_backend = {
    .name = "file",
    .slot_name = "DevID file slot",
    .pem_label = "PRIVATE KEY",
    .other_pem_labels = other_pem_labels,
    .model = "file",
    .extractable = true,
    .in_clear = true,
    .open = open_instance,
    .close = close_instance,
    .abandon = abandon_instance,
    .token_info = file_token_info,
    .login = file_login,
    .logout = file_logout,
    .set_pin = file_set_pin,
    .secret = file_secret,
    .supports = supports,
    .load = file_load,
    .load_locked = file_load_locked,
    .drop = file_drop,
    .key_attribute = file_key_attribute,
    .generate_pair = file_generate_pair,
    .generate = file_generate,
    .import = file_import,
    .sign = file_sign,
    .decrypt = file_decrypt,
    .plain = file_plain,
    .stream_begin = file_stream_begin,
    .stream_update = file_stream_update,
    .stream_final = file_stream_final,
    .stream_end = file_stream_end,
    .derive = file_derive,
    .random = file_random,
    .seed = file_seed,
};
