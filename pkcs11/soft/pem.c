/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/soft/pem.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include <limits.h>

CK_RV soft_pem_decode(const char *text, size_t size, struct bytes *der)
{
    BIO *bio = size <= INT_MAX ? BIO_new_mem_buf(text, (int)size) : NULL;
    unsigned char *data = NULL;
    char *label = NULL;
    char *header = NULL;
    long length = 0;
    CK_RV rv = CKR_DATA_INVALID;

    *der = BYTES_EMPTY;
    if (bio == NULL)
        return CKR_HOST_MEMORY;
    if (PEM_read_bio(bio, &label, &header, &data, &length) == 1 && header[0] == '\0')
        rv = bytes_copy(der, data, (size_t)length) ? CKR_OK : CKR_HOST_MEMORY;
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)length);
    BIO_free(bio);
    return rv;
}

CK_RV soft_pem_encode(const char *label, const struct bytes *der, struct buffer *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text;
    long size;
    CK_RV rv = CKR_HOST_MEMORY;

    if (bio == NULL)
        return CKR_HOST_MEMORY;
    if (PEM_write_bio(bio, label, "", der->data, (long)der->size) > 0) {
        size = BIO_get_mem_data(bio, &text);
        if (size > 0 && buffer_add(out, text, (size_t)size))
            rv = CKR_OK;
    }
    BIO_free(bio);
    return rv;
}
