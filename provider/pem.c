/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/pem.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

typedef struct prov_pem_content {
    ASN1_VISIBLESTRING *description;
    ASN1_UTF8STRING *uri;
} PROV_PEM_CONTENT;

ASN1_SEQUENCE(PROV_PEM_CONTENT) =
    {
        ASN1_SIMPLE(PROV_PEM_CONTENT, description, ASN1_VISIBLESTRING),
        ASN1_SIMPLE(PROV_PEM_CONTENT, uri, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(PROV_PEM_CONTENT)

        static const char description[] = "PKCS#11 Provider URI v1.0";
enum { URI_MAXIMUM = 16384 };

/* Of a line that begins a block: which of ours it is; NULL: none. */
static const char *kind_of(const char *line)
{
    static const char *const names[] = {PROV_PEM_NAME, PROV_PEM_TSS2};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);

        if (strncmp(line, names[i], length) == 0 && strncmp(line + length, "-----", 5) == 0)
            return names[i];
    }
    return NULL;
}

/* Which of our blocks the next one is; NULL: another, or none. The place in the BIO stays what it was. */
static const char *next_kind(BIO *in)
{
    static const char begin[] = "-----BEGIN ";
    const char *kind = NULL;
    int start = BIO_tell(in);
    char line[256];

    while (BIO_gets(in, line, sizeof line) > 0) {
        if (strncmp(line, begin, sizeof begin - 1) == 0) {
            kind = kind_of(line + sizeof begin - 1);
            break;
        }
    }
    bytes_wipe(line, sizeof line); /* it may be of somebody's private key */
    return BIO_seek(in, start) >= 0 ? kind : NULL;
}

enum prov_pem_result prov_pem_read(BIO *in, const char **kind, struct bytes *der)
{
    enum prov_pem_result result;
    unsigned char *data = NULL;
    char *name = NULL;
    char *header = NULL;
    long size = 0;

    *der = BYTES_EMPTY;
    ERR_set_mark();
    *kind = next_kind(in);
    result = *kind != NULL ? PROV_PEM_BROKEN : PROV_PEM_FOREIGN;
    if (PEM_read_bio(in, &name, &header, &data, &size) == 1 && *kind != NULL && strcmp(name, *kind) == 0 &&
        bytes_copy(der, data, (size_t)size))
        result = PROV_PEM_FOUND;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, size > 0 ? (size_t)size : 0);
    ERR_pop_to_mark();
    return result;
}

static bool is_description(const ASN1_VISIBLESTRING *string)
{
    return ASN1_STRING_length(string) == (int)sizeof description - 1 &&
           memcmp(ASN1_STRING_get0_data(string), description, sizeof description - 1) == 0;
}

static char *copy_uri(const ASN1_UTF8STRING *string)
{
    const unsigned char *data = ASN1_STRING_get0_data(string);
    int length = ASN1_STRING_length(string);

    if (length <= 0 || length > URI_MAXIMUM || memchr(data, '\0', (size_t)length) != NULL)
        return NULL;
    return strndup((const char *)data, (size_t)length);
}

char *prov_pem_parse(const void *der, size_t size)
{
    const unsigned char *next = der;
    PROV_PEM_CONTENT *content = NULL;
    char *uri = NULL;

    if (size == 0 || size > URI_MAXIMUM + 64)
        return NULL;
    ERR_set_mark();
    content = (PROV_PEM_CONTENT *)ASN1_item_d2i(NULL, &next, (long)size, ASN1_ITEM_rptr(PROV_PEM_CONTENT));
    if (content != NULL && next == (const unsigned char *)der + size && is_description(content->description))
        uri = copy_uri(content->uri);
    ASN1_item_free((ASN1_VALUE *)content, ASN1_ITEM_rptr(PROV_PEM_CONTENT));
    ERR_pop_to_mark();
    return uri;
}

bool prov_pem_write(BIO *out, const char *uri)
{
    PROV_PEM_CONTENT *content = (PROV_PEM_CONTENT *)ASN1_item_new(ASN1_ITEM_rptr(PROV_PEM_CONTENT));
    unsigned char *der = NULL;
    int size = -1;
    bool ok;

    if (content != NULL && ASN1_STRING_set(content->description, description, -1) &&
        ASN1_STRING_set(content->uri, uri, -1))
        size = ASN1_item_i2d((const ASN1_VALUE *)content, &der, ASN1_ITEM_rptr(PROV_PEM_CONTENT));
    ok = size > 0 && PEM_write_bio(out, PROV_PEM_NAME, "", der, size) > 0;
    OPENSSL_free(der);
    ASN1_item_free((ASN1_VALUE *)content, ASN1_ITEM_rptr(PROV_PEM_CONTENT));
    return ok;
}

bool prov_pem_write_tss2(BIO *out, const struct bytes *der)
{
    return PEM_write_bio(out, PROV_PEM_TSS2, "", der->data, (long)der->size) > 0;
}
