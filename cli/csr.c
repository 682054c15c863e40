/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/crypto.h"
#include "cli/files.h"
#include "cli/subject.h"

#include "common/buffer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string.h>

#define SAN_MAXIMUM 4096

struct csr {
    const char *key;
    const char *subject;
    struct cli_list san;
    const char *out;
    const char *pin_file;
    const char *module;
};

/* "DNS:a,DNS:b" as OpenSSL's extension parser takes it; its own syntax for files and sections is not let in.
 */
static enum cli_status join_names(const struct cli_list *names, struct buffer *joined)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];

        if (strpbrk(name, ",;\n@") != NULL && strncmp(name, "email:", 6) != 0)
            return cli_fail(CLI_INPUT,
                            "alternative name %s: has a character that is not allowed; give each name in a"
                            " --san of its own",
                            name);
        buffer_addf(joined, "%s%s", i != 0 ? "," : "", name);
    }
    return joined->failed ? cli_fail(CLI_INPUT, "alternative names: are too long; give fewer") : CLI_OK;
}

static enum cli_status add_names(const struct cli_list *names, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    struct buffer joined;
    X509_EXTENSION *extension = NULL;
    enum cli_status status;
    X509V3_CTX context;

    buffer_init(&joined, SAN_MAXIMUM);
    status = join_names(names, &joined);
    if (status != CLI_OK)
        goto out;
    X509V3_set_ctx(&context, NULL, NULL, request, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, buffer_text(&joined));
    if (extension == NULL) {
        ERR_clear_error();
        status = cli_fail(CLI_INPUT,
                          "alternative names %s: are not understood; write DNS:name, IP:address, URI:uri or"
                          " email:address",
                          buffer_text(&joined));
        goto out;
    }
    if (extensions == NULL || sk_X509_EXTENSION_push(extensions, extension) == 0) {
        status = cli_no_memory();
        goto out;
    }
    extension = NULL; /* transferred */
    if (X509_REQ_add_extensions(request, extensions) != 1)
        status = cli_no_memory();
out:
    buffer_free(&joined);
    X509_EXTENSION_free(extension);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return status;
}

/* SHA-256, unless the key demands another digest; NULL: it hashes itself, as Ed25519 does. */
static const char *digest_of(EVP_PKEY *key, char *name, size_t size)
{
    if (EVP_PKEY_get_default_digest_name(key, name, size) != 2)
        return "SHA256";
    return strcmp(name, "UNDEF") == 0 ? NULL : name;
}

static enum cli_status sign(const struct cli_crypto *crypto, const char *uri, EVP_PKEY *key,
                            X509_REQ *request)
{
    char digest[64];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *public = NULL;
    enum cli_status status = CLI_OK;
    char thing[256];

    snprintf(thing, sizeof thing, "key %.*s", (int)strcspn(uri, "?"), uri);
    if (context == NULL ||
        EVP_DigestSignInit_ex(context, NULL, digest_of(key, digest, sizeof digest), crypto->context, NULL,
                              key, NULL) != 1 ||
        X509_REQ_sign_ctx(request, context) <= 0)
        status = cli_crypto_failed(thing, "cannot sign the request");
    if (status == CLI_OK)
    public = X509_REQ_get_pubkey(request);
    if (status == CLI_OK &&
        (public == NULL || X509_REQ_verify_ex(request, public, crypto->context, NULL) != 1))
        status = cli_crypto_failed(thing, "made a signature that does not verify; the key is not usable");
    EVP_PKEY_free(public);
    EVP_MD_CTX_free(context);
    return status;
}

static enum cli_status fill(const struct cli_crypto *crypto, const struct csr *options,
                            const X509_NAME *subject, EVP_PKEY *key, X509_REQ *request)
{
    enum cli_status status = CLI_OK;

    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(request, subject) != 1)
        return cli_no_memory();
    if (X509_REQ_set_pubkey(request, key) != 1)
        return cli_crypto_failed("certificate request", "does not take the public key");
    if (options->san.count != 0)
        status = add_names(&options->san, request);
    return status == CLI_OK ? sign(crypto, options->key, key, request) : status;
}

static enum cli_status write_request(const char *path, X509_REQ *request)
{
    BIO *memory = BIO_new(BIO_s_mem());
    enum cli_status status;
    char *text;
    long size;

    if (memory == NULL || PEM_write_bio_X509_REQ(memory, request) != 1) {
        BIO_free(memory);
        return cli_no_memory();
    }
    size = BIO_get_mem_data(memory, &text);
    status = cli_file_write(path, text, (size_t)size, 0644);
    BIO_free(memory);
    return status;
}

static enum cli_status csr(const void *values)
{
    const struct csr *options = values;
    struct cli_crypto crypto = {0};
    X509_REQ *request = NULL;
    X509_NAME *subject = NULL;
    EVP_PKEY *key = NULL;
    enum cli_status status = cli_subject_parse(options->subject, &subject);

    if (status == CLI_OK)
        status = cli_crypto_open(true, options->module, &crypto);
    if (status == CLI_OK)
        status = cli_crypto_key(&crypto, options->key, options->pin_file, &key);
    if (status == CLI_OK) {
        request = X509_REQ_new_ex(crypto.context, NULL);
        status = fill(&crypto, options, subject, key, request);
    }
    if (status == CLI_OK)
        status = write_request(options->out, request);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    X509_NAME_free(subject);
    cli_crypto_close(&crypto);
    return status;
}

static const struct cli_option options[] = {
    {"key",                "URI", "key to certify", CLI_TEXT, offsetof(struct csr, key), true},
    {"subject",    "/CN=NAME", "whom the certificate shall name; the CN is required", CLI_TEXT,
     offsetof(struct csr, subject), true},
    {"san", "TYPE:VALUE", "alternative name: DNS:, IP:, URI: or email:", CLI_LIST, offsetof(struct csr, san)},
    {"out",                "FILE", "where to write it (default: standard output)", CLI_TEXT, offsetof(struct csr, out)},
    CLI_OPTION_PIN_FILE(struct csr),
    CLI_OPTION_MODULE(struct csr),
    {0           },
};

static const struct csr defaults = {0};

const struct cli_command cli_csr = {
    .name = "csr",
    .summary = "make a certificate request (PKCS#10) for a key",
    .details = "Give the request to a certificate authority; 'devid cert import' takes what it answers. For "
               "DPS the CN\n"
               "is the registration id.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = csr,
};
