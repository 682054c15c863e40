/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/crypto.h"
#include "cli/uri.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

struct import {
    const char *file;
    const char *token;
    const char *key;
    const char *label;
    const char *pin_file;
    const char *module;
    bool replace;
};

/* What an import works on: the key's session and object, the file's certificates. */
struct work {
    const struct import *options;
    struct cli_crypto crypto;
    struct cli_session session;
    struct cli_objects keys; /* exactly one after find_key */
    STACK_OF(X509) * chain;
};

/* ---- checks, before anything is stored */

/* Opens a session with the token that --key or --token names, and finds the one key there. */
static enum cli_status find_key(struct cli_module *module, struct work *work)
{
    const struct import *options = work->options;
    struct cli_pin pin = {.file = options->pin_file};
    struct bytes id = BYTES_EMPTY;
    struct cli_token token;
    P11KitUri *uri = NULL;
    char *label = NULL;
    enum cli_status status = CLI_OK;

    if (options->key != NULL)
        status = cli_uri_parse(options->key, &uri);
    if (status == CLI_OK && uri != NULL)
        status = cli_uri_object(uri, &label, &id);
    if (status == CLI_OK)
        status = uri != NULL ? cli_uri_token(module, uri, options->key, &token)
                             : cli_token_find(module, options->token, &token);
    if (status == CLI_OK)
        status = cli_session_open(module, &token, true, &work->session);
    if (uri != NULL && pin.file == NULL)
        pin = cli_uri_pin(uri);
    if (status == CLI_OK)
        status = cli_session_login(&work->session, &pin);
    if (status == CLI_OK)
        status = cli_objects_find(&work->session, CKO_PRIVATE_KEY, uri != NULL ? label : options->label,
                                  id.size != 0 ? &id : NULL, &work->keys);
    if (status == CLI_OK && work->keys.count != 1)
        status =
            cli_fail(CLI_INPUT, "token '%s': %s; 'devid key list' shows the keys and their URIs", token.label,
                     work->keys.count == 0 ? "has no such key" : "has more than one such key");
    free(label);
    bytes_free(&id);
    p11_kit_uri_free(uri);
    return status;
}

static enum cli_status check_leaf(struct work *work)
{
    const struct cli_object *key = &work->keys.items[0];
    X509 *leaf = sk_X509_value(work->chain, 0);
    EVP_PKEY *public = NULL;
    enum cli_status status = cli_crypto_public_key(&work->crypto, &work->session, key, &public);

    if (status == CLI_OK && EVP_PKEY_eq(X509_get0_pubkey(leaf), public) != 1)
        status = cli_fail(CLI_INPUT,
                          "certificate file %s: its first certificate does not belong to key '%s'; put the"
                          " certificate made from this key's request first",
                          work->options->file, key->label);
    if (status == CLI_OK && X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
        status =
            cli_fail(CLI_INPUT, "certificate file %s: its first certificate has expired; ask for a new one",
                     work->options->file);
    ERR_clear_error();
    EVP_PKEY_free(public);
    return status;
}

/* Each certificate after the leaf must have issued the one before it, or DPS would miss a link. */
static enum cli_status check_chain(const struct work *work)
{
    for (int i = 1; i < sk_X509_num(work->chain); i++) {
        X509 *issuer = sk_X509_value(work->chain, i);
        X509 *subject = sk_X509_value(work->chain, i - 1);

        if (X509_check_issued(issuer, subject) != X509_V_OK ||
            X509_verify(subject, X509_get0_pubkey(issuer)) != 1) {
            ERR_clear_error();
            return cli_fail(CLI_INPUT,
                            "certificate file %s: certificate number %d did not issue number %d; order them"
                            " leaf first, each followed by its issuer",
                            work->options->file, i + 1, i);
        }
    }
    return CLI_OK;
}

/* ---- storing */

static enum cli_status remove_objects(const struct work *work, const struct cli_objects *objects)
{
    enum cli_status status = CLI_OK;

    for (size_t i = 0; i < objects->count; i++) {
        CK_RV rv =
            work->session.module->functions->C_DestroyObject(work->session.handle, objects->items[i].handle);

        if (rv != CKR_OK)
            status = cli_call_failed(work->session.module, "C_DestroyObject", "certificate", rv);
    }
    return status;
}

/* The DER of a certificate and of those parts of it that PKCS#11 wants beside it. */
struct fields {
    unsigned char *value, *subject, *issuer, *serial;
    int value_size, subject_size, issuer_size, serial_size;
};

static bool encode_fields(X509 *certificate, struct fields *fields)
{
    fields->value_size = i2d_X509(certificate, &fields->value);
    fields->subject_size = i2d_X509_NAME(X509_get_subject_name(certificate), &fields->subject);
    fields->issuer_size = i2d_X509_NAME(X509_get_issuer_name(certificate), &fields->issuer);
    fields->serial_size = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &fields->serial);
    return fields->value_size > 0 && fields->subject_size > 0 && fields->issuer_size > 0 &&
           fields->serial_size > 0;
}

static enum cli_status store_certificate(const struct work *work, X509 *certificate, const char *label,
                                         const struct bytes *id, CK_OBJECT_HANDLE *handle)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    struct fields fields = {0};
    enum cli_status status = encode_fields(certificate, &fields) ? CLI_OK : cli_no_memory();
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,            &class,                   sizeof class                 },
        {CKA_CERTIFICATE_TYPE, &type,                    sizeof type                  },
        {CKA_TOKEN,            &yes,                     sizeof yes                   },
        {CKA_PRIVATE,          &no,                      sizeof no                    },
        {CKA_LABEL,            (void *)(uintptr_t)label, strlen(label)                },
        {CKA_VALUE,            fields.value,             (CK_ULONG)fields.value_size  },
        {CKA_SUBJECT,          fields.subject,           (CK_ULONG)fields.subject_size},
        {CKA_ISSUER,           fields.issuer,            (CK_ULONG)fields.issuer_size },
        {CKA_SERIAL_NUMBER,    fields.serial,            (CK_ULONG)fields.serial_size },
        {CKA_ID,               id->data,                 id->size                     },
    };
    CK_ULONG count = sizeof template / sizeof template[0] - (id->size == 0 ? 1 : 0);
    CK_RV rv;

    if (status == CLI_OK) {
        rv = work->session.module->functions->C_CreateObject(work->session.handle, template, count, handle);
        if (rv != CKR_OK)
            status = cli_call_failed(work->session.module, "C_CreateObject", label, rv);
    }
    OPENSSL_free(fields.value);
    OPENSSL_free(fields.subject);
    OPENSSL_free(fields.issuer);
    OPENSSL_free(fields.serial);
    return status;
}

/*
 * All certificates get the key's label, so that one URI finds the chain; the key's id ties the leaf alone to
 * the key. *stored are the new objects, also after a failure.
 */
static enum cli_status store_chain(const struct work *work, struct cli_objects *stored)
{
    const struct cli_object *key = &work->keys.items[0];
    const struct bytes none = BYTES_EMPTY;
    enum cli_status status = CLI_OK;

    stored->items = calloc((size_t)sk_X509_num(work->chain), sizeof *stored->items);
    if (stored->items == NULL)
        return cli_no_memory();
    for (int i = 0; status == CLI_OK && i < sk_X509_num(work->chain); i++) {
        status = store_certificate(work, sk_X509_value(work->chain, i), key->label, i == 0 ? &key->id : &none,
                                   &stored->items[stored->count].handle);
        stored->count += status == CLI_OK;
    }
    return status;
}

/* The new chain first, then away with the old one; a failure leaves the old one as it was. */
static enum cli_status store_and_replace(const struct work *work, const struct cli_objects *old)
{
    struct cli_objects stored = {0};
    enum cli_status status = store_chain(work, &stored);

    if (status == CLI_OK)
        status = remove_objects(work, old);
    else
        (void)remove_objects(work, &stored);
    cli_objects_free(&stored);
    return status;
}

static enum cli_status store(const struct work *work)
{
    const struct cli_object *key = &work->keys.items[0];
    struct cli_objects old;
    enum cli_status status = cli_objects_find(&work->session, CKO_CERTIFICATE, key->label, NULL, &old);

    if (status == CLI_OK && old.count != 0 && !work->options->replace)
        status = cli_fail(
            CLI_INPUT, "key '%s': has a certificate already; say --replace to put the new one in its place",
            key->label);
    if (status == CLI_OK)
        status = store_and_replace(work, &old);
    cli_objects_free(&old);
    return status;
}

/* ---- the command */

static enum cli_status tell(const struct work *work)
{
    const struct cli_object *key = &work->keys.items[0];
    char *uri = cli_uri_format(work->session.token.label, CKO_CERTIFICATE, key->label, NULL);

    if (uri == NULL)
        return cli_no_memory();
    printf("%s\n", uri);
    free(uri);
    return CLI_OK;
}

static enum cli_status import_in(struct cli_module *module, struct work *work)
{
    enum cli_status status = find_key(module, work);

    if (status == CLI_OK)
        status = check_leaf(work);
    if (status == CLI_OK)
        status = check_chain(work);
    if (status == CLI_OK)
        status = store(work);
    if (status == CLI_OK)
        status = tell(work);
    cli_objects_free(&work->keys);
    cli_session_close(&work->session);
    return status;
}

static enum cli_status import(const void *values)
{
    const struct import *options = values;
    struct work work = {.options = options};
    struct cli_module module = {0};
    enum cli_status status;

    if ((options->key == NULL) == (options->token == NULL || options->label == NULL))
        return cli_fail(CLI_USAGE, "key: name it by --key URI, or by --token and --label");
    status = cli_crypto_open(false, NULL, &work.crypto);
    if (status == CLI_OK)
        status = cli_crypto_chain(&work.crypto, options->file, &work.chain);
    if (status == CLI_OK)
        status = cli_module_open(options->module, &module);
    if (status == CLI_OK)
        status = import_in(&module, &work);
    cli_module_close(&module);
    cli_crypto_chain_free(work.chain);
    cli_crypto_close(&work.crypto);
    return status;
}

static const struct cli_option options[] = {
    {"key",                                  "URI", "key that the certificate belongs to", CLI_TEXT, offsetof(struct import, key)},
    {"token", "LABEL", "or its token ...", CLI_TEXT, offsetof(struct import, token)},
    {"label",                "LABEL", "... and its label", CLI_TEXT, offsetof(struct import, label)},
    {"replace",                                      NULL, "take the place of a certificate that is there", CLI_FLAG,
     offsetof(struct import, replace)},
    CLI_OPTION_PIN_FILE(struct import),
    CLI_OPTION_MODULE(struct import),
    {0                              },
};

static const struct import defaults = {0};

const struct cli_command cli_cert_import = {
    .name = "cert import",
    .argument = "FILE.pem",
    .argument_field = offsetof(struct import, file),
    .summary = "put the certificate of a key beside it on the token",
    .details =
        "The file holds the key's certificate first, then the intermediate ones up to the one that the "
        "service\n"
        "knows, each followed by its issuer. What does not fit is refused before anything is stored. Prints\n"
        "the URI of the certificate.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = import,
};
