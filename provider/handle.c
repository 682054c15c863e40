/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/handle.h"
#include "provider/attempt.h"
#include "provider/error.h"
#include "provider/guard.h"
#include "provider/pem.h"
#include "provider/tss2.h"

#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERSISTENT = 0x81, NV_INDEX = 0x01, INDEX_MAXIMUM = 65536 };

static unsigned kind_of(uint32_t handle)
{
    return handle >> 24;
}

bool prov_place_read(const unsigned char *content, size_t size, struct prov_place *place)
{
    size_t name_size = size >= 6 ? 2 + ((size_t)content[4] << 8 | content[5]) : 0;

    if (size < 6 || name_size <= 2 || size < 4 + name_size || content[0] != PERSISTENT)
        return false;
    place->handle =
        (uint32_t)content[0] << 24 | (uint32_t)content[1] << 16 | (uint32_t)content[2] << 8 | content[3];
    return bytes_copy(&place->name, content + 4, name_size);
}

void prov_held_free(struct prov_held *held)
{
    for (size_t i = 0; i < held->count; i++) {
        prov_key_free(held->items[i].key);
        bytes_free(&held->items[i].der);
    }
    *held = (struct prov_held){0};
}

struct reaching {
    struct provider *provider;
    struct prov_uri *uri; /* the token */
    const struct prov_place *place;
    char name[16];        /* for messages */
    struct bytes content; /* of the index, or the DER that stands for the key */
};

/* --- the token
 * ------------------------------------------------------------------------------------------------ */

/* As devid/pkcs11.h wants it. */
static bool describe(const struct prov_place *place, struct bytes *bytes)
{
    const uint8_t start[] = {(uint8_t)(place->handle >> 24), (uint8_t)(place->handle >> 16),
                             (uint8_t)(place->handle >> 8), (uint8_t)place->handle, place->has_auth};

    if (!bytes_alloc(bytes, sizeof start + place->name.size))
        return false;
    memcpy(bytes->data, start, sizeof start);
    if (place->name.size != 0)
        memcpy(bytes->data + sizeof start, place->name.data, place->name.size);
    return true;
}

static CK_RV read_key(struct reaching *reaching, struct prov_session *session)
{
    struct prov_tss2_object object = {0};
    struct bytes bytes = BYTES_EMPTY;
    CK_RV rv = CKR_HOST_MEMORY;

    if (describe(reaching->place, &bytes))
        rv = prov_tss2_open(session->token, &bytes, false, &object);
    if (rv == CKR_OK)
        rv = prov_tss2_read(session, object.handle, &reaching->content);
    prov_tss2_close(session->token->module, object.holder);
    bytes_free(&bytes);
    return rv;
}

static CK_RV read_index(struct reaching *reaching, struct prov_session *session)
{
    const struct prov_module *module = session->token->module;
    CK_ULONG size = INDEX_MAXIMUM;
    CK_RV rv;

    if (module->extra == NULL || module->extra->version.minor < 2) {
        prov_raise(&reaching->provider->core, PROV_R_NOT_SUPPORTED, "%s: module %s does not read NV indexes",
                   reaching->name, module->name);
        return CKR_FUNCTION_NOT_SUPPORTED;
    }
    if (!bytes_alloc(&reaching->content, INDEX_MAXIMUM))
        return CKR_HOST_MEMORY;
    prov_guard_enter();
    rv = module->extra->read_index(session->handle, reaching->place->handle, reaching->content.data, &size);
    prov_guard_leave();
    if (rv == CKR_OK)
        reaching->content.size = size;
    else
        prov_raise_rv(module, rv, "read_index", reaching->name);
    return rv;
}

static bool try_reach(void *data, struct prov_attempt *attempt)
{
    struct reaching *reaching = data;
    struct prov_token *token = prov_tss2_choose(reaching->provider, reaching->uri);
    struct prov_session session;

    bytes_free(&reaching->content);
    if (token == NULL || !prov_attempt_take(attempt, token, &session))
        return false;
    attempt->rv = kind_of(reaching->place->handle) == NV_INDEX ? read_index(reaching, &session)
                                                               : read_key(reaching, &session);
    /* That the module finds nothing at the handle does not mean that the module forgot it. */
    attempt->final = attempt->rv == CKR_OBJECT_HANDLE_INVALID;
    prov_session_return(&session);
    return attempt->rv == CKR_OK;
}

static bool reach(struct reaching *reaching)
{
    bool ok;

    reaching->uri = prov_tss2_uri(reaching->provider);
    ok = reaching->uri != NULL && prov_attempt_run(try_reach, reaching);
    prov_uri_free(reaching->uri);
    return ok;
}

/* --- what is in it
 * -------------------------------------------------------------------------------------------- */

static struct prov_key *key_of(struct provider *provider, EVP_PKEY *pkey)
{
    static const struct prov_key_type *const types[] = {&prov_key_rsa, &prov_key_rsa_pss, &prov_key_ec,
                                                        &prov_key_ed25519, &prov_key_x25519};
    struct prov_key *key = NULL;

    for (size_t i = 0; key == NULL && pkey != NULL && i < sizeof types / sizeof types[0]; i++)
        if (EVP_PKEY_is_a(pkey, types[i]->name))
            key = prov_key_new(provider, types[i]);
    if (key != NULL)
        prov_key_set(key, pkey); /* transferred */
    else
        EVP_PKEY_free(pkey);
    return key;
}

static bool add(struct prov_held *held, int type, struct prov_key *key, const unsigned char *der, size_t size)
{
    struct prov_held_item *item = &held->items[held->count];

    if (held->count == PROV_HELD_MAXIMUM || (key == NULL && !bytes_copy(&item->der, der, size))) {
        prov_key_free(key);
        return false;
    }
    item->type = type;
    item->key = key; /* transferred */
    held->count++;
    return true;
}

/* Each reads what begins at `der` and adds it. False: it is nothing of the kind. */
static bool add_certificate(struct provider *provider, const unsigned char *der, long size,
                            struct prov_held *held)
{
    const unsigned char *end = der;
    X509 *certificate = X509_new_ex(provider->libctx, NULL);
    bool ok = certificate != NULL && d2i_X509(&certificate, &end, size) != NULL &&
              add(held, OSSL_OBJECT_CERT, NULL, der, (size_t)(end - der));

    X509_free(certificate);
    return ok;
}

static bool add_crl(struct provider *provider, const unsigned char *der, long size, struct prov_held *held)
{
    const unsigned char *end = der;
    X509_CRL *crl = X509_CRL_new_ex(provider->libctx, NULL);
    bool ok = crl != NULL && d2i_X509_CRL(&crl, &end, size) != NULL &&
              add(held, OSSL_OBJECT_CRL, NULL, der, (size_t)(end - der));

    X509_CRL_free(crl);
    return ok;
}

static bool add_public(struct provider *provider, const unsigned char *der, long size, struct prov_held *held)
{
    struct prov_key *key = key_of(provider, d2i_PUBKEY_ex(NULL, &der, size, provider->libctx, NULL));

    return key != NULL && add(held, OSSL_OBJECT_PKEY, key, NULL, 0);
}

typedef bool adder(struct provider *provider, const unsigned char *der, long size, struct prov_held *held);

static const struct {
    const char *pem;
    adder *add;
} forms[] = {
    {PEM_STRING_X509,     add_certificate},
    {PEM_STRING_X509_OLD, add_certificate},
    {PEM_STRING_X509_CRL, add_crl        },
    {PEM_STRING_PUBLIC,   add_public     },
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void add_blocks(struct provider *provider, const struct bytes *content, struct prov_held *held)
{
    BIO *bio = BIO_new_mem_buf(content->data, (int)content->size);
    unsigned char *der = NULL;
    char *header = NULL;
    char *name = NULL;
    long size;

    while (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &size) == 1) {
        for (size_t i = 0; i < FORMS; i++)
            if (strcmp(forms[i].pem, name) == 0 && forms[i].add(provider, der, size, held))
                break;
        OPENSSL_free(der);
        OPENSSL_free(header);
        OPENSSL_free(name);
    }
    BIO_free(bio);
}

/* DER, or else PEM; what stands behind it, as where the index is larger, does not count. */
static bool understand(struct reaching *reaching, struct prov_held *held)
{
    const struct bytes *content = &reaching->content;

    ERR_set_mark();
    for (size_t i = 0; i < FORMS && held->count == 0 && content->size != 0 && content->data[0] == 0x30; i++)
        forms[i].add(reaching->provider, content->data, (long)content->size, held);
    if (held->count == 0)
        add_blocks(reaching->provider, content, held);
    ERR_pop_to_mark();
    if (held->count > 0)
        return true;
    prov_raise(&reaching->provider->core, PROV_R_NO_OBJECT,
               "%s: the NV index holds no certificate, CRL or public key, in DER or PEM", reaching->name);
    return false;
}

static int no_password(char *buffer, size_t room, size_t *size, const OSSL_PARAM params[], void *data)
{
    (void)buffer;
    (void)room;
    (void)params;
    (void)data;
    *size = 0;
    return 1;
}

static bool take_key(struct reaching *reaching, enum prov_half half, OSSL_PASSPHRASE_CALLBACK *passphrase,
                     void *passphrase_data, struct prov_held *held)
{
    struct prov_key *key =
        prov_tss2_load(reaching->provider, reaching->content.data, reaching->content.size,
                       half == PROV_HALF_PUBLIC ? no_password : passphrase, passphrase_data);

    if (key != NULL && half == PROV_HALF_PUBLIC)
        prov_key_drop_private(key);
    return key != NULL && add(held, OSSL_OBJECT_PKEY, key, NULL, 0);
}

bool prov_place_load(struct provider *provider, const struct prov_place *place, enum prov_half half,
                     OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_data, struct prov_held *held)
{
    struct reaching reaching = {.provider = provider, .place = place};
    unsigned kind = kind_of(place->handle);
    bool ok = false;

    snprintf(reaching.name, sizeof reaching.name, "0x%08x", (unsigned)place->handle);
    if (kind != PERSISTENT && kind != NV_INDEX)
        prov_raise(&provider->core, PROV_R_NO_OBJECT,
                   "%s: this is neither a persistent handle (0x81000000 and following) nor an NV index "
                   "(0x01000000 and following)",
                   reaching.name);
    else
        ok = reach(&reaching);
    if (ok)
        ok = kind == NV_INDEX ? understand(&reaching, held)
                              : take_key(&reaching, half, passphrase, passphrase_data, held);
    bytes_free(&reaching.content);
    return ok;
}
