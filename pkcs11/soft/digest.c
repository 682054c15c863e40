/* SPDX-License-Identifier: Apache-2.0 */
/* EVP keeps a digest's state to itself; these structures, deprecated as an interface and stable since
 * decades, are the only way to save one. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "pkcs11/soft/digest.h"
#include "pkcs11/soft/hash.h"

#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

struct soft_digest {
    enum p11_hash hash;
    union {
        SHA_CTX sha1;
        SHA256_CTX sha256; /* and SHA-224 */
        SHA512_CTX sha512; /* and SHA-384 */
        struct soft_hash *other;
    } state;
};

/* --- one family each: libcrypto's calls, and the state as words, length and the unfinished block
 * ------------ */

static int start_sha1(struct soft_digest *running)
{
    return SHA1_Init(&running->state.sha1);
}

static int start_sha224(struct soft_digest *running)
{
    return SHA224_Init(&running->state.sha256);
}

static int start_sha256(struct soft_digest *running)
{
    return SHA256_Init(&running->state.sha256);
}

static int start_sha384(struct soft_digest *running)
{
    return SHA384_Init(&running->state.sha512);
}

static int start_sha512(struct soft_digest *running)
{
    return SHA512_Init(&running->state.sha512);
}

static int start_other(struct soft_digest *running)
{
    return soft_hash_new(running->hash, &running->state.other) == CKR_OK;
}

static int update_sha1(struct soft_digest *running, const void *data, size_t size)
{
    return SHA1_Update(&running->state.sha1, data, size);
}

static int update_sha256(struct soft_digest *running, const void *data, size_t size)
{
    return SHA256_Update(&running->state.sha256, data, size);
}

static int update_sha512(struct soft_digest *running, const void *data, size_t size)
{
    return SHA512_Update(&running->state.sha512, data, size);
}

static int update_other(struct soft_digest *running, const void *data, size_t size)
{
    return soft_hash_update(running->state.other, data, size) == CKR_OK;
}

static int final_sha1(struct soft_digest *running, uint8_t *digest)
{
    return SHA1_Final(digest, &running->state.sha1);
}

static int final_sha256(struct soft_digest *running, uint8_t *digest)
{
    return SHA256_Final(digest, &running->state.sha256);
}

static int final_sha512(struct soft_digest *running, uint8_t *digest)
{
    return SHA512_Final(digest, &running->state.sha512);
}

static int final_other(struct soft_digest *running, uint8_t *digest)
{
    return soft_hash_final(running->state.other, digest) == CKR_OK;
}

/* What a state consists of, whatever the family. */
struct words {
    uint64_t word[8];
    uint64_t bits_high;
    uint64_t bits_low;
    const uint8_t *block;
};

static void get_sha1(const struct soft_digest *running, struct words *out)
{
    const SHA_CTX *sha = &running->state.sha1;

    *out = (struct words){
        .word = {sha->h0, sha->h1, sha->h2, sha->h3, sha->h4},
        .bits_low = (uint64_t)sha->Nh << 32 | sha->Nl,
        .block = (const uint8_t *)sha->data,
    };
}

static void set_sha1(struct soft_digest *running, const struct words *in, size_t filled)
{
    SHA_CTX *sha = &running->state.sha1;

    sha->h0 = (SHA_LONG)in->word[0];
    sha->h1 = (SHA_LONG)in->word[1];
    sha->h2 = (SHA_LONG)in->word[2];
    sha->h3 = (SHA_LONG)in->word[3];
    sha->h4 = (SHA_LONG)in->word[4];
    sha->Nl = (SHA_LONG)in->bits_low;
    sha->Nh = (SHA_LONG)(in->bits_low >> 32);
    sha->num = (unsigned)filled;
    memcpy(sha->data, in->block, filled);
}

static void get_sha256(const struct soft_digest *running, struct words *out)
{
    const SHA256_CTX *sha = &running->state.sha256;

    *out = (struct words){.bits_low = (uint64_t)sha->Nh << 32 | sha->Nl, .block = (const uint8_t *)sha->data};
    for (size_t i = 0; i < 8; i++)
        out->word[i] = sha->h[i];
}

static void set_sha256(struct soft_digest *running, const struct words *in, size_t filled)
{
    SHA256_CTX *sha = &running->state.sha256;

    for (size_t i = 0; i < 8; i++)
        sha->h[i] = (SHA_LONG)in->word[i];
    sha->Nl = (SHA_LONG)in->bits_low;
    sha->Nh = (SHA_LONG)(in->bits_low >> 32);
    sha->num = (unsigned)filled;
    memcpy(sha->data, in->block, filled);
}

static void get_sha512(const struct soft_digest *running, struct words *out)
{
    const SHA512_CTX *sha = &running->state.sha512;

    *out = (struct words){.bits_high = sha->Nh, .bits_low = sha->Nl, .block = sha->u.p};
    for (size_t i = 0; i < 8; i++)
        out->word[i] = sha->h[i];
}

static void set_sha512(struct soft_digest *running, const struct words *in, size_t filled)
{
    SHA512_CTX *sha = &running->state.sha512;

    for (size_t i = 0; i < 8; i++)
        sha->h[i] = in->word[i];
    sha->Nl = in->bits_low;
    sha->Nh = in->bits_high;
    sha->num = (unsigned)filled;
    memcpy(sha->u.p, in->block, filled);
}

#define SHA1 update_sha1, final_sha1, get_sha1, set_sha1
#define SHA256 update_sha256, final_sha256, get_sha256, set_sha256
#define SHA512 update_sha512, final_sha512, get_sha512, set_sha512
#define OTHER start_other, update_other, final_other, NULL, NULL

static const struct family {
    int (*start)(struct soft_digest *running);
    int (*update)(struct soft_digest *running, const void *data, size_t size);
    int (*final)(struct soft_digest *running, uint8_t *digest);
    void (*get)(const struct soft_digest *running, struct words *out);
    void (*set)(struct soft_digest *running, const struct words *in, size_t filled);
    size_t words;     /* in the state; 0: it cannot be saved */
    size_t word_size; /* in bytes; a block has sixteen of them */
} families[HASH_COUNT] = {
    [HASH_SHA1] = {start_sha1,   SHA1,   5,           4},
    [HASH_SHA224] = {start_sha224,            SHA256,       8, 4},
    [HASH_SHA256] = {start_sha256,           SHA256,                 8,                 4},
    [HASH_SHA384] = {start_sha384,           SHA512,8,8},
    [HASH_SHA512] = {start_sha512,SHA512,  8,                  8},
    [HASH_SHA3_224] = {OTHER, 0,      0              },
    [HASH_SHA3_256] = {OTHER,            0,              0                       },
    [HASH_SHA3_384] = {OTHER,            0,              0},
    [HASH_SHA3_512] = {OTHER,            0,              0},
};

/* --- the digest
 * ---------------------------------------------------------------------------------------------- */

CK_RV soft_digest_new(enum p11_hash hash, struct soft_digest **out)
{
    struct soft_digest *running = calloc(1, sizeof *running);

    *out = NULL;
    if (running == NULL)
        return CKR_HOST_MEMORY;
    running->hash = hash;
    if (families[hash].start(running) != 1) {
        free(running);
        return CKR_GENERAL_ERROR;
    }
    *out = running;
    return CKR_OK;
}

CK_RV soft_digest_update(struct soft_digest *running, const void *data, size_t size)
{
    if (size == 0)
        return CKR_OK;
    return families[running->hash].update(running, data, size) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}

CK_RV soft_digest_final(struct soft_digest *running, uint8_t *digest)
{
    return families[running->hash].final(running, digest) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}

void soft_digest_free(struct soft_digest *running)
{
    if (running == NULL)
        return;
    if (families[running->hash].words == 0)
        soft_hash_free(running->state.other);
    bytes_wipe(running, sizeof *running);
    free(running);
}

/* --- its state: the words, the length in bits, and what is in the unfinished block
 * -------------------------- */

static void add_word(struct buffer *out, uint64_t word, size_t size)
{
    if (size == 8)
        buffer_add_u32(out, (uint32_t)(word >> 32));
    buffer_add_u32(out, (uint32_t)word);
}

static uint64_t read_word(struct reader *state, size_t size)
{
    uint64_t high = size == 8 ? reader_u32(state) : 0;

    return high << 32 | reader_u32(state);
}

/* How much of the last block a message of so many bits has filled. */
static size_t filled_by(const struct family *family, uint64_t bits)
{
    return (size_t)(bits / 8 % (16 * family->word_size));
}

CK_RV soft_digest_save(const struct soft_digest *running, struct buffer *out)
{
    const struct family *family = &families[running->hash];
    struct words words;

    if (family->words == 0)
        return CKR_STATE_UNSAVEABLE;
    family->get(running, &words);
    for (size_t i = 0; i < family->words; i++)
        add_word(out, words.word[i], family->word_size);
    add_word(out, words.bits_high, 8);
    add_word(out, words.bits_low, 8);
    buffer_add(out, words.block, filled_by(family, words.bits_low));
    return out->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV soft_digest_restore(enum p11_hash hash, struct reader *state, struct soft_digest **out)
{
    const struct family *family = &families[hash];
    struct words words = {0};
    size_t filled;
    CK_RV rv;

    *out = NULL;
    for (size_t i = 0; i < family->words; i++)
        words.word[i] = read_word(state, family->word_size);
    words.bits_high = read_word(state, 8);
    words.bits_low = read_word(state, 8);
    filled = filled_by(family, words.bits_low);
    words.block = reader_take(state, filled);
    if (family->words == 0 || !reader_done(state) || words.bits_low % 8 != 0 ||
        (family->word_size == 4 && words.bits_high != 0))
        return CKR_SAVED_STATE_INVALID;
    rv = soft_digest_new(hash, out);
    if (rv == CKR_OK)
        family->set(*out, &words, filled);
    return rv;
}
