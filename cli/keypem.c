/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/crypto.h"
#include "cli/files.h"
#include "cli/uri.h"
#include "cli/uripem.h"

#include "common/buffer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <string.h>

#define FILE_MAXIMUM (1024 * 1024)
#define CHAIN_MAXIMUM 16

struct pem {
    const char *key;
    const char *out;
    const char *pin_file;
    const char *module;
    bool certificate;
    bool chain;
    bool no_check;
    bool force;
};

/* What goes into the file, and what that is checked with. */
struct work {
    const struct pem *options;
    struct cli_crypto crypto;
    char thing[256];   /* the key, in messages */
    struct bytes text; /* the PEM block of the key */
    EVP_PKEY *key;     /* as a program that reads that block gets it; NULL: not checked */
    struct buffer file;
};

/* ---- the check */

/* The public half in a key of its own, which no token has a part in. */
static EVP_PKEY *public_half(const struct work *work)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(work->key, &der);
    const unsigned char *position = der;
    EVP_PKEY *public =
        size > 0 ? d2i_PUBKEY_ex(NULL, &position, size, work->crypto.context, "provider=default") : NULL;

    OPENSSL_free(der);
    return public;
}

static enum cli_status check_signature(struct work *work)
{
    static const unsigned char text[] = "a signature that shows that the file works";
    const char *digest = EVP_PKEY_is_a(work->key, "ED25519") ? NULL : "SHA256";
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    EVP_MD_CTX *verifying = EVP_MD_CTX_new();
    EVP_PKEY *public = public_half(work);
    unsigned char signature[1024];
    size_t size = sizeof signature;
    enum cli_status status = CLI_OK;

    if (signing == NULL || verifying == NULL || public == NULL ||
        EVP_DigestSignInit_ex(signing, NULL, digest, work->crypto.context, NULL, work->key, NULL) != 1 ||
        EVP_DigestSign(signing, signature, &size, text, sizeof text) != 1)
        status = cli_crypto_failed(work->thing, "does not sign; if it is for something else, say --no-check");
    else if (EVP_DigestVerifyInit_ex(verifying, NULL, digest, work->crypto.context, NULL, public, NULL) !=
                 1 ||
             EVP_DigestVerify(verifying, signature, size, text, sizeof text) != 1)
        status =
            cli_crypto_failed(work->thing, "made a signature that does not verify; the key is not usable");
    EVP_PKEY_free(public);
    EVP_MD_CTX_free(verifying);
    EVP_MD_CTX_free(signing);
    return status;
}

static enum cli_status read_back(struct work *work)
{
    const struct pem *options = work->options;
    enum cli_status status = cli_crypto_open(true, options->module, &work->crypto);

    if (status == CLI_OK)
        status = cli_crypto_pem_key(&work->crypto, work->thing, &work->text, options->pin_file, &work->key);
    return status;
}

/* ---- certificates */

/* The URI of all certificates of the key's token. malloc'ed; NULL: no memory. */
static char *certificates_uri(P11KitUri *uri)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE attribute = {CKA_CLASS, &class, sizeof class};
    char *text = NULL;

    p11_kit_uri_clear_attributes(uri);
    if (p11_kit_uri_set_attribute(uri, &attribute) != P11_KIT_URI_OK ||
        p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &text) != P11_KIT_URI_OK)
        return NULL;
    return text;
}

/* The one that certifies the key for the longest time; NULL: there is none. */
static X509 *find_leaf(const STACK_OF(X509) * all, const EVP_PKEY *key)
{
    X509 *leaf = NULL;

    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *each = sk_X509_value(all, i);

        if (EVP_PKEY_eq(X509_get0_pubkey(each), key) != 1)
            continue;
        if (leaf == NULL || ASN1_TIME_compare(X509_get0_notAfter(leaf), X509_get0_notAfter(each)) < 0)
            leaf = each;
    }
    return leaf;
}

/* NULL: it is not there, or it would be the root, which whoever verifies has. */
static X509 *find_issuer(const STACK_OF(X509) * all, X509 *subject)
{
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509 *each = sk_X509_value(all, i);

        if (X509_self_signed(each, 0) != 1 && X509_check_issued(each, subject) == X509_V_OK &&
            X509_verify(subject, X509_get0_pubkey(each)) == 1)
            return each;
    }
    return NULL;
}

static bool add_certificate(struct buffer *file, X509 *certificate)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool added = memory != NULL && PEM_write_bio_X509(memory, certificate) == 1;

    if (added)
        added = buffer_add(file, text, (size_t)BIO_get_mem_data(memory, &text));
    BIO_free(memory);
    return added;
}

static enum cli_status add_certificates(struct work *work, const STACK_OF(X509) * all)
{
    X509 *certificate = find_leaf(all, work->key);

    if (certificate == NULL)
        return cli_fail(CLI_INPUT,
                        "%s: has no certificate on its token; 'devid cert import' stores one, and without"
                        " --certificate and --chain none is needed",
                        work->thing);
    for (int i = 0; certificate != NULL && i < CHAIN_MAXIMUM; i++) {
        if (!add_certificate(&work->file, certificate))
            return cli_no_memory();
        certificate = work->options->chain ? find_issuer(all, certificate) : NULL;
    }
    ERR_clear_error();
    return CLI_OK;
}

static enum cli_status read_certificates(struct work *work, P11KitUri *uri)
{
    STACK_OF(X509) *all = NULL;
    char *text = certificates_uri(uri);
    enum cli_status status = text != NULL ? CLI_OK : cli_no_memory();

    if (status == CLI_OK)
        status = cli_crypto_certificates(&work->crypto, text, &all);
    if (status == CLI_OK)
        status = add_certificates(work, all);
    cli_crypto_chain_free(all);
    free(text);
    return status;
}

/* ---- the command */

static enum cli_status make(struct work *work, P11KitUri *uri)
{
    const struct pem *options = work->options;
    bool certificates = options->certificate || options->chain;
    enum cli_status status = cli_uri_pem(options->key, &work->text) ? CLI_OK : cli_no_memory();

    if (status == CLI_OK && (!options->no_check || certificates))
        status = read_back(work);
    if (status == CLI_OK && !options->no_check && !EVP_PKEY_is_a(work->key, "X25519"))
        status = check_signature(work);
    if (status == CLI_OK && certificates)
        status = read_certificates(work, uri);
    if (status == CLI_OK && !buffer_add(&work->file, work->text.data, work->text.size))
        status = cli_no_memory();
    return status == CLI_OK ? cli_file_write(options->out, work->file.data, work->file.size, 0644) : status;
}

static enum cli_status pem(const void *values)
{
    const struct pem *options = values;
    struct work work = {.options = options};
    P11KitUri *uri = NULL;
    enum cli_status status = cli_uri_parse(options->key, &uri);

    buffer_init(&work.file, FILE_MAXIMUM);
    snprintf(work.thing, sizeof work.thing, "key %.*s", (int)strcspn(options->key, "?"), options->key);
    if (status == CLI_OK && p11_kit_uri_get_pin_value(uri) != NULL && !options->force)
        status = cli_fail(CLI_INPUT,
                          "URI: has a pin-value, which anybody could read from the file; use pin-source, or"
                          " say --force");
    if (status == CLI_OK)
        status = make(&work, uri);
    EVP_PKEY_free(work.key);
    buffer_free(&work.file);
    bytes_free(&work.text);
    cli_crypto_close(&work.crypto);
    p11_kit_uri_free(uri);
    return status;
}

static const struct cli_option options[] = {
    {"key",                                           "URI", "pkcs11: URI of the key", CLI_TEXT, offsetof(struct pem, key), true},
    {"out",                       "FILE", "where to write it (default: standard output)", CLI_TEXT, offsetof(struct pem, out)},
    {"certificate",                            NULL, "put the key's certificate before it", CLI_FLAG, offsetof(struct pem, certificate)},
    {"chain",                                           NULL, "and the certificates of its issuers on the token", CLI_FLAG,
     offsetof(struct pem, chain)},
    {"no-check",                                           NULL, "do not try a signature with it", CLI_FLAG, offsetof(struct pem, no_check)},
    {"force", NULL, "write it even with a PIN inside", CLI_FLAG, offsetof(struct pem, force)},
    CLI_OPTION_PIN_FILE(struct pem),
    CLI_OPTION_MODULE(struct pem),
    {0                           },
};

static const struct pem defaults = {0};

const struct cli_command cli_key_pem = {
    .name = "key pem",
    .summary = "write a file that stands for a key",
    .details =
        "For programs that take a private key only as a PEM file: nginx, curl, mosquitto, Python. The "
        "file holds\n"
        "the key's URI, no secret; OpenSSL with the DevID provider reads the key through it. Before the "
        "file is\n"
        "written the key is read through it and signs, and the signature is verified.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = pem,
};
