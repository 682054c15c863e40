/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/uripem.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <string.h>

typedef struct {
    ASN1_VISIBLESTRING *description;
    ASN1_UTF8STRING *uri;
} URI_PEM;

ASN1_SEQUENCE(URI_PEM) =
    {
        ASN1_SIMPLE(URI_PEM, description, ASN1_VISIBLESTRING),
        ASN1_SIMPLE(URI_PEM, uri, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(URI_PEM)

        static bool encode(const char *uri, unsigned char **der, int *length)
{
    URI_PEM *value = (URI_PEM *)ASN1_item_new(ASN1_ITEM_rptr(URI_PEM));

    *length = -1;
    if (value != NULL && ASN1_STRING_set(value->description, "PKCS#11 Provider URI v1.0", -1) == 1 &&
        ASN1_STRING_set(value->uri, uri, -1) == 1)
        *length = ASN1_item_i2d((ASN1_VALUE *)value, der, ASN1_ITEM_rptr(URI_PEM));
    ASN1_item_free((ASN1_VALUE *)value, ASN1_ITEM_rptr(URI_PEM));
    return *length > 0;
}

bool cli_uri_pem(const char *uri, struct bytes *pem)
{
    unsigned char *der = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    bool made = false;
    char *text;
    int length;

    *pem = BYTES_EMPTY;
    if (memory != NULL && encode(uri, &der, &length) &&
        PEM_write_bio(memory, "PKCS#11 PROVIDER URI", "", der, length) > 0) {
        long size = BIO_get_mem_data(memory, &text);

        made = size > 0 && bytes_copy(pem, text, (size_t)size);
    }
    OPENSSL_free(der);
    BIO_free(memory);
    return made;
}
