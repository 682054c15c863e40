/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file/key.h"
#include "pkcs11/soft/stream.h"

#include <stdlib.h>

/* The key in plain is held for as long as the stream is under way; whether it may still be used is asked for
 * by the layer above. */
struct file_stream {
    struct file_plain *plain;
    struct soft_stream *running;
};

CK_RV file_stream_begin(void *instance, void *key, enum p11_scheme scheme,
                        const struct p11_parameters *parameters, bool encrypt, void **out)
{
    struct file_stream *stream = malloc(sizeof *stream); /* for every short message: not cleared */
    CK_RV rv = stream != NULL ? file_key_take(key, &stream->plain) : CKR_HOST_MEMORY;

    (void)instance;
    if (rv == CKR_OK) {
        rv = soft_stream_begin(stream->plain->private, scheme, parameters, encrypt, &stream->running);
        if (rv != CKR_OK)
            file_key_return(stream->plain);
    }
    if (rv != CKR_OK)
        free(stream);
    else
        *out = stream;
    return rv;
}

CK_RV file_stream_update(void *stream, const uint8_t *input, size_t size, uint8_t *out)
{
    return soft_stream_update(((struct file_stream *)stream)->running, input, size, out);
}

CK_RV file_stream_final(void *stream, uint8_t *tag, size_t size)
{
    return soft_stream_final(((struct file_stream *)stream)->running, tag, size);
}

void file_stream_end(void *data)
{
    struct file_stream *stream = data;

    soft_stream_end(stream->running);
    file_key_return(stream->plain);
    free(stream);
}
