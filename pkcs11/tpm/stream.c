/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buffer.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/cipher.h"
#include "pkcs11/tpm/hmac.h"

#include <stdlib.h>
#include <string.h>

/* Work with a secret key from one call to the next. Nothing of it is in the TPM between the calls: a MAC's
 * message is collected, and a cipher's chaining value is kept here. */

/* A thousand commands. */
#define MESSAGE_MAXIMUM ((size_t)1 << 20)

struct stream {
    const struct scheme_row *row;
    const struct p11_parameters *parameters;
    struct tpm_cipher cipher;
    struct buffer message;
};

static CK_RV collect(struct stream *stream, const uint8_t *input, size_t size, uint8_t *out)
{
    (void)out;
    return buffer_add(&stream->message, input, size)
               ? CKR_OK
               : p11_fail(CKR_DATA_LEN_RANGE, "the TPM makes MACs of messages of up to %zu bytes",
                          MESSAGE_MAXIMUM);
}

static CK_RV crypt_update(struct stream *stream, const uint8_t *input, size_t size, uint8_t *out)
{
    return tpm_cipher_run(&stream->cipher, input, size, out);
}

static const struct scheme_row {
    enum p11_scheme scheme;
    TPMI_ALG_SYM_MODE mode;
    bool iv;
    CK_RV (*update)(struct stream *stream, const uint8_t *input, size_t size, uint8_t *out);
} rows[] = {
    {SCHEME_HMAC, TPM2_ALG_NULL, false, collect     },
    {SCHEME_ECB,  TPM2_ALG_ECB,  false, crypt_update},
    {SCHEME_CBC,  TPM2_ALG_CBC,  true,  crypt_update},
    {SCHEME_CTR,  TPM2_ALG_CTR,  true,  crypt_update},
};

static CK_RV set_up(struct stream *stream, const struct p11_parameters *parameters)
{
    if (!stream->row->iv)
        return CKR_OK;
    if (parameters->iv.size != TPM_AES_BLOCK)
        return p11_fail(CKR_MECHANISM_PARAM_INVALID, "an initialisation vector of %d bytes is needed",
                        TPM_AES_BLOCK);
    stream->cipher.iv.size = TPM_AES_BLOCK;
    memcpy(stream->cipher.iv.buffer, parameters->iv.data, TPM_AES_BLOCK);
    return CKR_OK;
}

CK_RV tpm_stream_begin(void *instance, void *key, enum p11_scheme scheme,
                       const struct p11_parameters *parameters, bool encrypt, void **out)
{
    struct stream *stream = calloc(1, sizeof *stream);
    CK_RV rv = CKR_MECHANISM_INVALID;

    if (stream == NULL)
        return CKR_HOST_MEMORY;
    stream->parameters = parameters;
    buffer_init(&stream->message, MESSAGE_MAXIMUM);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].scheme == scheme)
            stream->row = &rows[i];
    if (stream->row != NULL) {
        stream->cipher = (struct tpm_cipher){.token = instance,
                                             .key = key,
                                             .auth = &parameters->auth,
                                             .mode = stream->row->mode,
                                             .encrypt = encrypt};
        rv = set_up(stream, parameters);
    }
    if (rv == CKR_OK)
        *out = stream;
    else
        tpm_stream_end(stream);
    return rv;
}

CK_RV tpm_stream_update(void *data, const uint8_t *input, size_t size, uint8_t *out)
{
    struct stream *stream = data;

    return stream->row->update(stream, input, size, out);
}

CK_RV tpm_stream_final(void *data, uint8_t *tag, size_t size)
{
    struct stream *stream = data;

    return tpm_hmac(stream->cipher.token, stream->cipher.key, stream->parameters,
                    (const uint8_t *)buffer_text(&stream->message), stream->message.size, tag, size);
}

void tpm_stream_end(void *data)
{
    struct stream *stream = data;

    buffer_free(&stream->message);
    bytes_wipe(stream, sizeof *stream);
    free(stream);
}
