/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/decoder.h"
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
    const struct prov_decoder_kind *kind; /* of the second step, and the type */
    const struct prov_key_type *type;
    bool no_keys; /* the application reads certificates or the like only */
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
static struct prov_key *find_key(const struct decoder *decoder, const struct prov_decoder_kind *kind,
                                 const void *der, size_t size, int selection,
                                 OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    int before = errno;
    struct prov_key *key = kind->find(decoder->provider, der, size, selection, passphrase, passphrase_data);

    errno = before;
    return key;
}

/*
 * The key is looked for in this first step, so that only the second step for its type follows, and so that an
 * error is raised where libcrypto keeps it. The second step finds the key waiting.
 */
static int decode_der(struct decoder *decoder, const struct prov_decoder_kind *kind, struct bytes *der,
                      int selection, OSSL_CALLBACK *callback, void *callback_data,
                      OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    int type = OSSL_OBJECT_PKEY;
    struct prov_key *key =
        find_key(decoder, kind, der->data, der->size, selection, passphrase, passphrase_data);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                         (char *)(uintptr_t)(key != NULL ? key->type->name : ""), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)(uintptr_t)kind->structure,
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der->data, der->size),
        OSSL_PARAM_construct_end(),
    };

    if (key == NULL)
        return 0;
    if (key->private != NULL)
        prov_leave_recent_key(decoder->provider, key); /* transferred */
    else
        prov_key_free(key); /* public keys are found again */
    return callback(params, callback_data);
}

/* Whatever is not ours is passed over in silence: 1, and nothing handed on. */
static int decode_pem(void *data, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
                      void *callback_data, OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data)
{
    static const struct prov_decoder_kind *const kinds[] = {&prov_decoder_uri, &prov_decoder_tss2};
    struct decoder *decoder = data;
    BIO *bio = BIO_new_from_core_bio(decoder->provider->libctx, in);
    struct bytes der = BYTES_EMPTY;
    const char *name = NULL;
    enum prov_pem_result result = bio != NULL ? prov_pem_read(bio, &name, &der) : PROV_PEM_FOREIGN;
    int ok = 1;

    BIO_free(bio);
    if (result == PROV_PEM_BROKEN && !decoder->no_keys) {
        prov_raise(&decoder->provider->core, PROV_R_BAD_PEM, "the block %s is damaged", name);
        ok = 0;
    }
    for (size_t i = 0; result == PROV_PEM_FOUND && !decoder->no_keys && i < 2; i++) {
        if (strcmp(name, kinds[i]->pem) == 0)
            ok = decode_der(decoder, kinds[i], &der, selection, callback, callback_data, passphrase,
                            passphrase_data);
    }
    bytes_free(&der);
    return ok;
}

/* It may be somebody's private key, so nothing of it is left behind. */
static bool read_all(BIO *bio, struct buffer *content)
{
    unsigned char part[1024];
    bool ok = true;
    int size;

    while (ok && (size = BIO_read(bio, part, sizeof part)) > 0)
        ok = buffer_add(content, part, (size_t)size);
    bytes_wipe(part, sizeof part);
    return ok;
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
    struct prov_key *key = NULL;
    int ok = 1;

    buffer_init(&content, DER_MAXIMUM);
    if (bio != NULL && read_all(bio, &content) && decoder->kind->is(content.data, content.size)) {
        key = find_key(decoder, decoder->kind, content.data, content.size, selection, passphrase,
                       passphrase_data);
        ok = key != NULL;
    }
    if (key != NULL && key->type == decoder->type)
        ok = give_key(key, callback, callback_data); /* transferred */
    else
        prov_key_free(key);
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

#define KEY_DECODER(list, file, key_type)                                                                    \
    static void *list##_new(void *provider)                                                                  \
    {                                                                                                        \
        struct decoder *decoder = new_decoder(provider);                                                     \
                                                                                                             \
        if (decoder != NULL) {                                                                               \
            decoder->kind = &(file);                                                                         \
            decoder->type = &(key_type);                                                                     \
        }                                                                                                    \
        return decoder;                                                                                      \
    }                                                                                                        \
    const OSSL_DISPATCH list[] = {                                                                           \
        {OSSL_FUNC_DECODER_NEWCTX,        (void (*)(void))list##_new   },                                              \
        {OSSL_FUNC_DECODER_FREECTX,       (void (*)(void))free_decoder },                                           \
        {OSSL_FUNC_DECODER_DECODE,        (void (*)(void))decode_key   },                                              \
        {OSSL_FUNC_DECODER_EXPORT_OBJECT, (void (*)(void))export_object},                                    \
        {0,                               NULL                         },                                                                                           \
    }

KEY_DECODER(prov_decoder_uri_rsa_functions, prov_decoder_uri, prov_key_rsa);
KEY_DECODER(prov_decoder_uri_rsa_pss_functions, prov_decoder_uri, prov_key_rsa_pss);
KEY_DECODER(prov_decoder_uri_ec_functions, prov_decoder_uri, prov_key_ec);
KEY_DECODER(prov_decoder_uri_ed25519_functions, prov_decoder_uri, prov_key_ed25519);
KEY_DECODER(prov_decoder_uri_x25519_functions, prov_decoder_uri, prov_key_x25519);
KEY_DECODER(prov_decoder_uri_ed448_functions, prov_decoder_uri, prov_key_ed448);
KEY_DECODER(prov_decoder_uri_x448_functions, prov_decoder_uri, prov_key_x448);
KEY_DECODER(prov_decoder_tss2_rsa_functions, prov_decoder_tss2, prov_key_rsa);
KEY_DECODER(prov_decoder_tss2_rsa_pss_functions, prov_decoder_tss2, prov_key_rsa_pss);
KEY_DECODER(prov_decoder_tss2_ec_functions, prov_decoder_tss2, prov_key_ec);
