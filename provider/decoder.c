/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/decoder_uri.h"
#include "common/buffer.h"
#include "provider/error.h"
#include "provider/pem.h"
#include "provider/search.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DER_MAXIMUM = 32768 };

struct decoder {
    struct provider *provider;
    const struct prov_key_type *type; /* of the second step */
    bool no_keys;                     /* the application reads certificates or the like only */
};

static void *new_decoder(void *provider)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);

    if (decoder != NULL)
        decoder->provider = provider;
    return decoder;
}

static void free_decoder(void *decoder)
{
    free(decoder);
}

static const OSSL_PARAM *settable_params(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static int set_params(void *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_OBJECT_PARAM_DATA_STRUCTURE);
    struct decoder *decoder = data;
    const char *structure = "";

    if (p != NULL && !OSSL_PARAM_get_utf8_string_ptr(p, &structure))
        return 0;
    decoder->no_keys =
        strcasecmp(structure, "Certificate") == 0 || strcasecmp(structure, "CertificateList") == 0;
    return 1;
}

/* Leaves errno as it was: some applications ask it first why a key was not read. */
static struct prov_key *find_key(struct provider *provider, const void *der, size_t size,
                                 OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data,
                                 struct prov_uri **uri)
{
    char *text = prov_pem_parse(der, size);
    struct prov_key *key = NULL;
    int before = errno;

    *uri = NULL;
    if (text == NULL) {
        prov_raise(&provider->core, PROV_R_BAD_PEM, "the block " PROV_PEM_NAME " does not hold such a URI");
        return NULL;
    }
    *uri = prov_uri_parse(&provider->core, text);
    bytes_wipe(text, strlen(text));
    free(text);
    if (*uri != NULL) {
        const struct prov_pin_request request = {*uri, passphrase, passphrase_data};

        key = prov_take_recent_key(provider, *uri);
        if (key == NULL)
            key = prov_search_key(provider, &request);
    }
    errno = before;
    return key;
}

/*
 * The key is looked for in this first step, so that only the second step for its type follows, and so that an
 * error is raised where libcrypto keeps it. The second step finds the key waiting.
 */
static int decode_der(struct decoder *decoder, struct bytes *der, OSSL_CALLBACK *callback,
                      void *callback_data, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    int type = OSSL_OBJECT_PKEY;
    char structure[] = PROV_URI_STRUCTURE;
    struct prov_uri *uri = NULL;
    struct prov_key *key =
        find_key(decoder->provider, der->data, der->size, passphrase, passphrase_data, &uri);
    int ok = 0;

    if (key != NULL) {
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
            OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)(uintptr_t)key->type->name,
                                             0),
            OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0),
            OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der->data, der->size),
            OSSL_PARAM_construct_end(),
        };

        prov_leave_recent_key(decoder->provider, key); /* transferred */
        ok = callback(params, callback_data);
    }
    prov_uri_free(uri);
    return ok;
}

/* Whatever is not ours is passed over in silence: 1, and nothing handed on. */
static int decode_pem(void *data, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
                      void *callback_data, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct decoder *decoder = data;
    BIO *bio = BIO_new_from_core_bio(decoder->provider->libctx, in);
    struct bytes der = BYTES_EMPTY;
    enum prov_pem_result result = bio != NULL ? prov_pem_read(bio, &der) : PROV_PEM_FOREIGN;
    int ok = 1;

    (void)selection;
    BIO_free(bio);
    if (result == PROV_PEM_BROKEN && !decoder->no_keys) {
        prov_raise(&decoder->provider->core, PROV_R_BAD_PEM, "the block " PROV_PEM_NAME " is damaged");
        ok = 0;
    }
    if (result == PROV_PEM_FOUND && !decoder->no_keys)
        ok = decode_der(decoder, &der, callback, callback_data, passphrase, passphrase_data);
    bytes_free(&der);
    return ok;
}

static bool read_all(BIO *bio, struct buffer *content)
{
    unsigned char part[1024];
    int size;

    while ((size = BIO_read(bio, part, sizeof part)) > 0) {
        if (!buffer_add(content, part, (size_t)size))
            return false;
    }
    return true;
}

static int give_key(struct prov_key *key, OSSL_CALLBACK *callback, void *callback_data)
{
    int type = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)(uintptr_t)key->type->name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
        OSSL_PARAM_construct_end(),
    };
    int ok = callback(params, callback_data);

    prov_key_free(key); /* NULL when it was taken */
    return ok;
}

/* Given any DER at all, for instance that of somebody else's key. */
static int decode_key(void *data, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
                      void *callback_data, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    struct decoder *decoder = data;
    BIO *bio = BIO_new_from_core_bio(decoder->provider->libctx, in);
    struct buffer content;
    struct prov_uri *uri = NULL;
    struct prov_key *key = NULL;
    char *text = NULL;
    int ok = 1;

    (void)selection;
    buffer_init(&content, DER_MAXIMUM);
    if (bio != NULL && read_all(bio, &content))
        text = prov_pem_parse(content.data, content.size);
    if (text != NULL) {
        key = find_key(decoder->provider, content.data, content.size, passphrase, passphrase_data, &uri);
        ok = key != NULL;
    }
    if (key != NULL && key->type == decoder->type)
        ok = give_key(key, callback, callback_data); /* transferred */
    else
        prov_key_free(key);
    if (text != NULL)
        bytes_wipe(text, strlen(text));
    free(text);
    prov_uri_free(uri);
    buffer_free(&content);
    BIO_free(bio);
    return ok;
}

/* A token's key never goes into another provider. */
static int export_object(void *decoder, const void *reference, size_t size, OSSL_CALLBACK *callback,
                         void *callback_data)
{
    (void)decoder;
    (void)reference;
    (void)size;
    (void)callback;
    (void)callback_data;
    return 0;
}

const OSSL_DISPATCH prov_decoder_pem_functions[] = {
    {OSSL_FUNC_DECODER_NEWCTX,              (void (*)(void))new_decoder    },
    {OSSL_FUNC_DECODER_FREECTX,             (void (*)(void))free_decoder   },
    {OSSL_FUNC_DECODER_SETTABLE_CTX_PARAMS, (void (*)(void))settable_params},
    {OSSL_FUNC_DECODER_SET_CTX_PARAMS,      (void (*)(void))set_params     },
    {OSSL_FUNC_DECODER_DECODE,              (void (*)(void))decode_pem     },
    {0,                                     NULL                           },
};

#define KEY_DECODER(list, key_type)                                                                          \
    static void *list##_new(void *provider)                                                                  \
    {                                                                                                        \
        struct decoder *decoder = new_decoder(provider);                                                     \
                                                                                                             \
        if (decoder != NULL)                                                                                 \
            decoder->type = &(key_type);                                                                     \
        return decoder;                                                                                      \
    }                                                                                                        \
    const OSSL_DISPATCH list[] = {                                                                           \
        {OSSL_FUNC_DECODER_NEWCTX,        (void (*)(void))list##_new   },                                              \
        {OSSL_FUNC_DECODER_FREECTX,       (void (*)(void))free_decoder },                                           \
        {OSSL_FUNC_DECODER_DECODE,        (void (*)(void))decode_key   },                                              \
        {OSSL_FUNC_DECODER_EXPORT_OBJECT, (void (*)(void))export_object},                                    \
        {0,                               NULL                         },                                                                                           \
    }

KEY_DECODER(prov_decoder_rsa_functions, prov_key_rsa);
KEY_DECODER(prov_decoder_rsa_pss_functions, prov_key_rsa_pss);
KEY_DECODER(prov_decoder_ec_functions, prov_key_ec);
KEY_DECODER(prov_decoder_ed25519_functions, prov_key_ed25519);
KEY_DECODER(prov_decoder_x25519_functions, prov_key_x25519);
