/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keypair.h"
#include "cli/crypto.h"

#include "devid/pkcs11.h"

#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

/* DER of the object identifiers, which is what CKA_EC_PARAMS has. */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static const struct cli_key_type types[] = {
    {"ec-p256",  256,  CKK_EC,         CKM_EC_KEY_PAIR_GEN,         p256,    sizeof p256   },
    {"ec-p384",  384,  CKK_EC,         CKM_EC_KEY_PAIR_GEN,         p384,    sizeof p384   },
    {"ec-p521",  521,  CKK_EC,         CKM_EC_KEY_PAIR_GEN,         p521,    sizeof p521   },
    {"rsa-2048", 2048, CKK_RSA,        CKM_RSA_PKCS_KEY_PAIR_GEN,   NULL,    0             },
    {"rsa-3072", 3072, CKK_RSA,        CKM_RSA_PKCS_KEY_PAIR_GEN,   NULL,    0             },
    {"rsa-4096", 4096, CKK_RSA,        CKM_RSA_PKCS_KEY_PAIR_GEN,   NULL,    0             },
    {"ed25519",  255,  CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, ed25519, sizeof ed25519},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

static const struct {
    const char *word;
    unsigned usage;
    CK_ATTRIBUTE_TYPE private;
    CK_ATTRIBUTE_TYPE public;
} usages[] = {
    {"sign",    CLI_KEY_SIGN,    CKA_SIGN,    CKA_VERIFY },
    {"decrypt", CLI_KEY_DECRYPT, CKA_DECRYPT, CKA_ENCRYPT},
    {"derive",  CLI_KEY_DERIVE,  CKA_DERIVE,  CKA_DERIVE },
};

#define USAGE_COUNT (sizeof usages / sizeof usages[0])

const struct cli_key_type *cli_key_type_find(const char *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

const char *cli_key_type_names(void)
{
    return "ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096 or ed25519";
}

static unsigned usage_of(const char *word, size_t length)
{
    for (size_t i = 0; i < USAGE_COUNT; i++)
        if (strlen(usages[i].word) == length && memcmp(usages[i].word, word, length) == 0)
            return usages[i].usage;
    return 0;
}

bool cli_key_usage_read(const char *words, unsigned *usage)
{
    *usage = 0;
    for (;;) {
        size_t length = strcspn(words, ",");
        unsigned one = usage_of(words, length);

        if (one == 0)
            return false;
        *usage |= one;
        if (words[length] == '\0')
            return true;
        words += length + 1;
    }
}

static unsigned bits_of(const struct bytes *number)
{
    unsigned bits = (unsigned)number->size * 8;
    const uint8_t *at = number->data;

    while (bits != 0 && *at == 0) {
        bits -= 8;
        at++;
    }
    for (uint8_t top = bits != 0 ? *at : 0x80; (top & 0x80) == 0; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

enum cli_status cli_key_type_of(const struct cli_session *session, const struct cli_object *key,
                                const struct cli_key_type **type, unsigned *bits)
{
    bool rsa = key->key_type == CKK_RSA;
    struct bytes value = BYTES_EMPTY;
    enum cli_status status = cli_object_read(session, key->handle, rsa ? CKA_MODULUS : CKA_EC_PARAMS, &value);

    *type = NULL;
    *bits = rsa ? bits_of(&value) : 0;
    for (size_t i = 0; status == CLI_OK && i < TYPE_COUNT; i++) {
        const struct cli_key_type *row = &types[i];
        bool fits =
            rsa ? row->bits == *bits : bytes_equal(row->curve, row->curve_size, value.data, value.size);

        if (row->key_type == key->key_type && fits)
            *type = row;
    }
    if (*type != NULL)
        *bits = (*type)->bits;
    bytes_free(&value);
    return status;
}

/* ---- generating */

struct template
{
    CK_ATTRIBUTE attributes[12];
    CK_ULONG count;
};

static void add(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    template->attributes[template->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

static void add_common(struct template *template, const char *label, const struct bytes *id)
{
    static const CK_BBOOL yes = CK_TRUE;

    add(template, CKA_TOKEN, &yes, sizeof yes);
    add(template, CKA_LABEL, label, strlen(label));
    if (id->size != 0)
        add(template, CKA_ID, id->data, id->size);
}

static void add_usage(struct template *template, unsigned usage, bool private)
{
    static const CK_BBOOL yes = CK_TRUE;

    for (size_t i = 0; i < USAGE_COUNT; i++)
        if ((usage & usages[i].usage) != 0)
            add(template, private ? usages[i].private : usages[i].public, &yes, sizeof yes);
}

static void add_public(struct template *template, const struct cli_key_type *type, const CK_ULONG *bits)
{
    static const uint8_t exponent[] = {1, 0, 1};

    if (type->curve != NULL) {
        add(template, CKA_EC_PARAMS, type->curve, type->curve_size);
        return;
    }
    add(template, CKA_MODULUS_BITS, bits, sizeof *bits);
    add(template, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
}

static void add_private(struct template *template)
{
    static const CK_BBOOL yes = CK_TRUE;
    static const CK_BBOOL no = CK_FALSE;

    add(template, CKA_PRIVATE, &yes, sizeof yes);
    add(template, CKA_SENSITIVE, &yes, sizeof yes);
    add(template, CKA_EXTRACTABLE, &no, sizeof no);
}

static CK_RV generate(const struct cli_session *session, const struct cli_keypair *pair,
                      CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_MECHANISM mechanism = {.mechanism = pair->type->mechanism};
    struct template public_template = {0};
    struct template private_template = {0};
    CK_ULONG bits = pair->type->bits;

    add_common(&public_template, pair->label, pair->id);
    add_public(&public_template, pair->type, &bits);
    add_usage(&public_template, pair->usage, false);
    add_common(&private_template, pair->label, pair->id);
    add_private(&private_template);
    add_usage(&private_template, pair->usage, true);
    if (pair->pcrs != NULL)
        add(&private_template, CKA_DEVID_POLICY_PCR, pair->pcrs, strlen(pair->pcrs));
    return session->module->functions->C_GenerateKeyPair(
        session->handle, &mechanism, public_template.attributes, public_template.count,
        private_template.attributes, private_template.count, public, private);
}

/* SHA-1 of the public key's bits, as certificates use it for their subject key identifier. */
static enum cli_status digest_id(const struct cli_session *session, const struct cli_object *key,
                                 struct bytes *id)
{
    struct cli_crypto crypto;
    enum cli_status status = cli_crypto_open(false, NULL, &crypto);
    EVP_PKEY *public = NULL;
    X509_PUBKEY *info = NULL;
    const unsigned char *bits = NULL;
    int length = 0;

    if (status == CLI_OK)
        status = cli_crypto_public_key(&crypto, session, key, &public);
    if (status != CLI_OK)
        goto out;
    if (X509_PUBKEY_set(&info, public) != 1 ||
        X509_PUBKEY_get0_param(NULL, &bits, &length, NULL, info) != 1 || !bytes_alloc(id, 20) ||
        EVP_Q_digest(crypto.context, "SHA1", NULL, bits, (size_t)length, id->data, NULL) != 1)
        status = cli_crypto_failed(key->label, "its id cannot be computed");
out:
    X509_PUBKEY_free(info);
    EVP_PKEY_free(public);
    cli_crypto_close(&crypto);
    return status;
}

/* Some modules leave CKA_ID empty; without it nothing ties certificate and key together. */
static enum cli_status complete_id(const struct cli_session *session, struct cli_object *private,
                                   const struct cli_object *public)
{
    CK_FUNCTION_LIST *functions = session->module->functions;
    CK_ATTRIBUTE attribute = {.type = CKA_ID};
    enum cli_status status;
    CK_RV rv;

    bytes_free(&private->id);
    status = digest_id(session, public, &private->id);
    if (status != CLI_OK)
        return status;
    attribute.pValue = private->id.data;
    attribute.ulValueLen = private->id.size;
    rv = functions->C_SetAttributeValue(session->handle, private->handle, &attribute, 1);
    if (rv == CKR_OK)
        rv = functions->C_SetAttributeValue(session->handle, public->handle, &attribute, 1);
    return rv == CKR_OK ? CLI_OK
                        : cli_call_failed(session->module, "C_SetAttributeValue", private->label, rv);
}

enum cli_status cli_keypair_generate(const struct cli_session *session, const struct cli_keypair *pair,
                                     struct cli_objects *key)
{
    struct cli_object public = {.key_type = pair->type->key_type, .label = (char *)(uintptr_t)pair->label};
    CK_OBJECT_HANDLE private;
    enum cli_status status;
    CK_RV rv;

    *key = (struct cli_objects){0};
    rv = generate(session, pair, &public.handle, &private);
    if (rv != CKR_OK)
        return cli_call_failed(session->module, "C_GenerateKeyPair", pair->label, rv);
    key->items = calloc(1, sizeof *key->items);
    if (key->items == NULL)
        return cli_no_memory();
    key->count = 1;
    key->items[0] = (struct cli_object){
        .handle = private, .key_type = pair->type->key_type, .label = strdup(pair->label)};
    if (key->items[0].label == NULL)
        return cli_no_memory();
    status = cli_object_read(session, private, CKA_ID, &key->items[0].id);
    if (status == CLI_OK && key->items[0].id.size == 0)
        status = complete_id(session, &key->items[0], &public);
    return status;
}
