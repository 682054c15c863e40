/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/stream.h"

#include "pkcs11/failure.h"

#include <string.h>

#define INPUT_MAXIMUM ((size_t)1 << 40) /* of one call: no caller has more, and sums do not overflow */

/* One row a scheme. */
static const struct mode {
    enum p11_scheme scheme; /* for the backend */
    bool blocks;            /* whole ones only */
    bool pads;
    bool tag;
} modes[] = {
    [SCHEME_ECB] = {SCHEME_ECB, true,  false, false},
      [SCHEME_CBC] = {SCHEME_CBC, true,  false, false},
    [SCHEME_CBC_PAD] = {SCHEME_CBC, true,  true,  false},
      [SCHEME_CTR] = {SCHEME_CTR, false, false, false},
    [SCHEME_GCM] = {SCHEME_GCM, false, false, true },
};

static const struct mode *mode_of(const struct operation *operation)
{
    return &modes[operation->row->scheme];
}

/* --- lengths
 * ------------------------------------------------------------------------------------------------------ */

static CK_RV wrong_length(const struct operation *operation, bool encrypt)
{
    return p11_fail(encrypt ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE,
                    "%s cannot be done on data of this length", operation->row->name);
}

static uint64_t number(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof value; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t low_bits(uint64_t value, size_t bits)
{
    return bits >= 64 ? value : value & (((uint64_t)1 << bits) - 1);
}

/* Bytes until the counter is at its start again, where backends would carry into the rest of the block;
 * UINT64_MAX: farther than anybody comes. That is 16 * (2^bits - counter). */
static uint64_t counter_limit(const struct p11_parameters *parameters)
{
    size_t bits = parameters->counter_width;
    uint64_t low = ~number(parameters->iv.data + 8) + 1;
    uint64_t high = ~number(parameters->iv.data) + (low == 0);

    high = bits > 64 ? low_bits(high, bits - 64) : 0;
    low = low_bits(low, bits);
    if (bits == 128 || high != 0 || low >> 59 != 0 || (low == 0 && bits > 58))
        return UINT64_MAX;
    return OPERATION_BLOCK * (low != 0 ? low : (uint64_t)1 << bits);
}

static CK_RV check_length(struct operation *operation, size_t size, bool encrypt)
{
    if (size > INPUT_MAXIMUM)
        return wrong_length(operation, encrypt);
    if (operation->row->scheme == SCHEME_CTR && operation->fed + size > counter_limit(&operation->parameters))
        return wrong_length(operation, encrypt);
    return CKR_OK;
}

/* What comes out of an update: whole blocks; the last one stays when it may hold the padding. */
static size_t update_size(const struct operation *operation, size_t size, bool encrypt)
{
    const struct mode *mode = mode_of(operation);
    size_t total = operation->held_size + size;
    size_t kept = mode->blocks ? total % OPERATION_BLOCK : 0;

    if (mode->pads && !encrypt && kept == 0 && total != 0)
        kept = OPERATION_BLOCK;
    return total - kept;
}

/* --- work
 * ---------------------------------------------------------------------------------------------------------
 */

static CK_RV begin(struct operation *operation, bool encrypt)
{
    CK_RV rv = operation_may_use_key(operation);

    if (rv == CKR_OK && operation->stream == NULL)
        rv = operation_begin_stream(operation, mode_of(operation)->scheme, encrypt);
    return rv;
}

static CK_RV run(struct operation *operation, const uint8_t *input, size_t size, uint8_t *out)
{
    return size != 0 ? operation->object->key->backend->stream_update(operation->stream, input, size, out)
                     : CKR_OK;
}

/* Writes `needed` bytes, as update_size has it, and holds the rest of the input. */
static CK_RV process(struct operation *operation, const uint8_t *input, size_t size, uint8_t *out,
                     size_t needed)
{
    CK_RV rv = CKR_OK;

    operation->fed += size;
    if (needed != 0 && operation->held_size != 0) {
        size_t taken = OPERATION_BLOCK - operation->held_size;

        if (taken != 0)
            memcpy(operation->held + operation->held_size, input, taken);
        rv = run(operation, operation->held, OPERATION_BLOCK, out);
        operation->held_size = 0;
        input += taken;
        size -= taken;
        out += OPERATION_BLOCK;
        needed -= OPERATION_BLOCK;
    }
    if (rv == CKR_OK)
        rv = run(operation, input, needed, out);
    if (rv == CKR_OK && size != needed) {
        memcpy(operation->held + operation->held_size, input + needed, size - needed);
        operation->held_size += size - needed;
    }
    return rv;
}

/* Input and output may be the same memory. What is behind by a part of a block, or otherwise shifted, would
 * write over input that is yet to be read: that is copied first. */
static CK_RV process_anywhere(struct operation *operation, const uint8_t *input, size_t size, uint8_t *out,
                              size_t needed)
{
    uintptr_t from = (uintptr_t)input;
    uintptr_t to = (uintptr_t)out;
    struct bytes copy = BYTES_EMPTY;
    CK_RV rv = CKR_HOST_MEMORY;

    if ((from == to && operation->held_size == 0) || from + size <= to || to + needed <= from)
        return process(operation, input, size, out, needed);
    if (bytes_copy(&copy, input, size))
        rv = process(operation, copy.data, size, out, needed);
    bytes_free(&copy);
    return rv;
}

static CK_RV make_tag(struct operation *operation, uint8_t *tag)
{
    return operation->object->key->backend->stream_final(operation->stream, tag,
                                                         operation->parameters.mac_size);
}

/* PKCS#7: the block is filled with bytes that say how many they are. */
static CK_RV pad(struct operation *operation, uint8_t *out)
{
    size_t missing = OPERATION_BLOCK - operation->held_size;

    memset(operation->held + operation->held_size, (int)missing, missing);
    return run(operation, operation->held, OPERATION_BLOCK, out);
}

/* The time that this takes does not tell where the padding is wrong. */
static CK_RV unpad(const uint8_t block[OPERATION_BLOCK], size_t *size)
{
    unsigned count = block[OPERATION_BLOCK - 1];
    unsigned wrong = (count - 1U) & ~(unsigned)(OPERATION_BLOCK - 1);

    for (unsigned i = 0; i < OPERATION_BLOCK; i++) {
        unsigned padded = ((OPERATION_BLOCK - 1 - i) - count) >> 31; /* 1: the byte is of the padding */

        wrong |= (block[i] ^ count) & (0U - padded);
    }
    if (wrong != 0)
        return p11_fail(CKR_ENCRYPTED_DATA_INVALID, "the data does not end with the padding of PKCS#7");
    *size = OPERATION_BLOCK - count;
    return CKR_OK;
}

/* --- encryption
 * --------------------------------------------------------------------------------------------------- */

static size_t trailer_size(const struct operation *operation)
{
    const struct mode *mode = mode_of(operation);

    if (mode->pads)
        return OPERATION_BLOCK;
    return mode->tag ? operation->parameters.mac_size : 0;
}

static CK_RV write_trailer(struct operation *operation, uint8_t *out)
{
    const struct mode *mode = mode_of(operation);

    if (mode->pads)
        return pad(operation, out);
    return mode->tag ? make_tag(operation, out) : CKR_OK;
}

static CK_RV encrypt_once(struct operation *operation, const struct call *call)
{
    size_t body = update_size(operation, call->input_size, true);
    CK_RV rv;

    if (mode_of(operation)->blocks && !mode_of(operation)->pads && body != call->input_size)
        return wrong_length(operation, true);
    if (!operation_has_room(body + trailer_size(operation), call->out, call->size, &rv))
        return rv;
    rv = begin(operation, true);
    if (rv == CKR_OK)
        rv = process_anywhere(operation, call->input, call->input_size, call->out, body);
    return rv == CKR_OK ? write_trailer(operation, call->out + body) : rv;
}

static CK_RV encrypt_final(struct operation *operation, const struct call *call)
{
    CK_RV rv;

    if (!mode_of(operation)->pads && operation->held_size != 0)
        return wrong_length(operation, true);
    if (!operation_has_room(trailer_size(operation), call->out, call->size, &rv))
        return rv;
    rv = begin(operation, true);
    return rv == CKR_OK ? write_trailer(operation, call->out) : rv;
}

/* --- decryption
 * --------------------------------------------------------------------------------------------------- */

/* Everything into memory of our own, by a stream of its own: so that a call with too little room can come
 * again, and nothing is given out before it is known to be good. */
static CK_RV open_message(struct operation *operation, const uint8_t *input, size_t size, size_t body,
                          struct bytes *plain)
{
    uint8_t tag[OPERATION_BLOCK];
    size_t kept = body;
    size_t last = 0;
    CK_RV rv = bytes_alloc(plain, body) ? begin(operation, false) : CKR_HOST_MEMORY;

    operation->held_size = 0;
    if (rv == CKR_OK)
        rv = run(operation, input, body, plain->data);
    if (rv == CKR_OK && mode_of(operation)->tag) {
        memcpy(tag, input + body, size - body);
        rv = make_tag(operation, tag);
    }
    if (rv == CKR_OK && mode_of(operation)->pads) {
        rv = unpad(plain->data + body - OPERATION_BLOCK, &last);
        kept = body - OPERATION_BLOCK + last;
    }
    if (operation->stream != NULL)
        operation->object->key->backend->stream_end(operation->stream);
    operation->stream = NULL;
    if (rv != CKR_OK)
        bytes_free(plain);
    else
        plain->size = kept;
    return rv;
}

static CK_RV decrypt_message(struct operation *operation, const uint8_t *input, size_t size,
                             const struct call *call)
{
    size_t tag = mode_of(operation)->tag ? operation->parameters.mac_size : 0;
    struct bytes plain = BYTES_EMPTY;
    CK_RV rv;

    if (size < tag || (mode_of(operation)->pads && (size == 0 || size % OPERATION_BLOCK != 0)))
        return wrong_length(operation, false);
    if (call->out == NULL || (tag != 0 && *call->size < size - tag)) {
        operation_has_room(size - tag, call->out, call->size, &rv);
        return rv;
    }
    rv = open_message(operation, input, size, size - tag, &plain);
    if (rv == CKR_OK && operation_has_room(plain.size, call->out, call->size, &rv) && plain.size != 0)
        memcpy(call->out, plain.data, plain.size);
    bytes_free(&plain);
    return rv;
}

static CK_RV decrypt_once(struct operation *operation, const struct call *call)
{
    size_t body = call->input_size;
    CK_RV rv;

    if (mode_of(operation)->tag || mode_of(operation)->pads)
        return decrypt_message(operation, call->input, call->input_size, call);
    if (mode_of(operation)->blocks && body % OPERATION_BLOCK != 0)
        return wrong_length(operation, false);
    if (!operation_has_room(body, call->out, call->size, &rv))
        return rv;
    rv = begin(operation, false);
    return rv == CKR_OK ? process_anywhere(operation, call->input, body, call->out, body) : rv;
}

/* The block that was held is decrypted once, whatever room the first call has. */
static CK_RV open_last_block(struct operation *operation, const struct call *call)
{
    CK_RV rv = CKR_OK;

    if (call->out == NULL) {
        *call->size = OPERATION_BLOCK;
        return CKR_OK;
    }
    if (!operation->opened)
        rv = begin(operation, false);
    if (rv == CKR_OK && !operation->opened)
        rv = run(operation, operation->held, OPERATION_BLOCK, operation->held);
    if (rv == CKR_OK && !operation->opened)
        rv = unpad(operation->held, &operation->held_size);
    operation->opened = rv == CKR_OK;
    if (rv == CKR_OK && operation_has_room(operation->held_size, call->out, call->size, &rv))
        memcpy(call->out, operation->held, operation->held_size);
    return rv;
}

static CK_RV decrypt_final(struct operation *operation, const struct call *call)
{
    const struct mode *mode = mode_of(operation);

    if (mode->tag)
        return decrypt_message(operation, (const uint8_t *)buffer_text(&operation->data),
                               operation->data.size, call);
    if (!operation->opened && operation->held_size != (mode->pads ? OPERATION_BLOCK : 0))
        return wrong_length(operation, false);
    if (mode->pads)
        return open_last_block(operation, call);
    *call->size = 0;
    return CKR_OK;
}

/* --- steps
 * -------------------------------------------------------------------------------------------------------- */

CK_RV stream_once(struct operation *operation, const struct call *call, bool encrypt)
{
    CK_RV rv;

    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    rv = check_length(operation, call->input_size, encrypt);
    if (rv != CKR_OK)
        return rv;
    return encrypt ? encrypt_once(operation, call) : decrypt_once(operation, call);
}

static CK_RV collect(struct operation *operation, const struct call *call)
{
    *call->size = 0;
    if (call->out == NULL || buffer_add(&operation->data, call->input, call->input_size))
        return CKR_OK;
    return p11_fail(CKR_ENCRYPTED_DATA_LEN_RANGE,
                    "%s decrypts up to %u bytes in parts: nothing is given out before the tag is checked",
                    operation->row->name, STREAM_COLLECTED_MAXIMUM);
}

CK_RV stream_update(struct operation *operation, const struct call *call, bool encrypt)
{
    size_t needed;
    CK_RV rv;

    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    if (operation->opened)
        return p11_fail(CKR_OPERATION_ACTIVE, "the end of the data was asked for already");
    rv = check_length(operation, call->input_size, encrypt);
    if (rv != CKR_OK)
        return rv;
    if (mode_of(operation)->tag && !encrypt)
        return collect(operation, call);
    needed = update_size(operation, call->input_size, encrypt);
    if (!operation_has_room(needed, call->out, call->size, &rv))
        return rv;
    rv = begin(operation, encrypt);
    return rv == CKR_OK ? process_anywhere(operation, call->input, call->input_size, call->out, needed) : rv;
}

CK_RV stream_final(struct operation *operation, const struct call *call, bool encrypt)
{
    if (call->size == NULL)
        return CKR_ARGUMENTS_BAD;
    return encrypt ? encrypt_final(operation, call) : decrypt_final(operation, call);
}
