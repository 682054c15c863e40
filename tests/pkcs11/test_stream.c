/* SPDX-License-Identifier: Apache-2.0 */
/* AES: encryption and decryption with secret keys, at once, in parts, in place, and of what is broken. */
#include "common/bytes.h"
#include "tests/support/filetoken.h"
#include "tests/support/module.h"

#include <stdlib.h>
#include <string.h>

static CK_SESSION_HANDLE session;
static CK_BBOOL no = CK_FALSE;

static void up(void)
{
    filetoken_up();
    session = filetoken_session("disk");
}

#define KEY_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY_192 "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
#define KEY_256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define BLOCKS                                                                                               \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                       \
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define IV "000102030405060708090a0b0c0d0e0f"
#define COUNTER "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                                       \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"

/* NIST SP 800-38A, appendix F; the GCM specification of McGrew and Viega, test cases 1, 4 and 6; the padded
 * one by `openssl enc`. */
static const struct known {
    CK_MECHANISM_TYPE mechanism;
    const char *key;
    const char *iv; /* or counter block, or nonce */
    const char *plain;
    const char *encrypted;
    const char *aad;
} known[] = {
    {CKM_AES_ECB,     KEY_128,                            "",                         BLOCKS,
     "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
     "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",                         ""     },
    {CKM_AES_CBC,     KEY_128,                            IV,                         BLOCKS,
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
     "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",                         ""     },
    {CKM_AES_CBC,     KEY_192,                            IV,                         BLOCKS,
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
     "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",                         ""     },
    {CKM_AES_CBC,     KEY_256,                            IV,                         BLOCKS,
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
     "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",                         ""     },
    {CKM_AES_CBC_PAD, KEY_128,                            IV,                         "6bc1bee22e409f96e93d7e117393172aae2d8a571e",
     "7649abac8119b246cee98e9b12e9197d40053932ebc80b58118369062552a01d",                         ""     },
    {CKM_AES_CTR,     KEY_128,                            COUNTER,                    BLOCKS,
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",                         ""     },
    {CKM_AES_CTR,     KEY_128,                            COUNTER,                    "6bc1bee22e409f96e93d7e117393172aae2d8a",
     "874d6191b620e3261bef6864990db6ce9806f6",                                                   ""     },
    {CKM_AES_GCM,     "00000000000000000000000000000000", "000000000000000000000000", "",
     "58e2fccefa7e3061367f1d57a4e7455a",                                                         ""     },
    {CKM_AES_GCM,     GCM_KEY,                            "cafebabefacedbaddecaf888", GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47", GCM_AAD},
    {CKM_AES_GCM,     GCM_KEY,
     "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728"
     "c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",                      GCM_PLAIN,
     "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca7"
     "01e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5619cc5aefffe0bfa462af43c1699d050", GCM_AAD},
};

#define KNOWN ((int)(sizeof known / sizeof known[0]))

enum { ROW_ECB = 0, ROW_CBC = 1, ROW_PAD = 4, ROW_CTR = 5, ROW_GCM = 8 };

struct gcm_params {
    void *iv;
    CK_ULONG iv_size;
    CK_ULONG iv_bits;
    void *aad;
    CK_ULONG aad_size;
    CK_ULONG tag_bits;
};
struct early_gcm_params {
    void *iv;
    CK_ULONG iv_size;
    void *aad;
    CK_ULONG aad_size;
    CK_ULONG tag_bits;
};
struct ctr_params {
    CK_ULONG bits;
    CK_BYTE block[16];
};

/* A row of the table, ready for use. */
static struct trial {
    struct bytes key;
    struct bytes iv;
    struct bytes plain;
    struct bytes encrypted;
    struct bytes aad;
    struct gcm_params gcm;
    struct ctr_params ctr;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE handle;
} trial;

static struct bytes from_hex(const char *hex)
{
    struct bytes bytes;

    ck_assert(bytes_from_hex(hex, strlen(hex), &bytes));
    return bytes;
}

static void set_up(int row)
{
    trial.key = from_hex(known[row].key);
    trial.iv = from_hex(known[row].iv);
    trial.plain = from_hex(known[row].plain);
    trial.encrypted = from_hex(known[row].encrypted);
    trial.aad = from_hex(known[row].aad);
    trial.mechanism = (CK_MECHANISM){known[row].mechanism, NULL, 0};
    if (known[row].mechanism == CKM_AES_GCM) {
        trial.gcm = (struct gcm_params){trial.iv.data,  trial.iv.size,  8 * trial.iv.size,
                                        trial.aad.data, trial.aad.size, 128};
        trial.mechanism.pParameter = &trial.gcm;
        trial.mechanism.ulParameterLen = sizeof trial.gcm;
    } else if (known[row].mechanism == CKM_AES_CTR) {
        trial.ctr.bits = 128;
        memcpy(trial.ctr.block, trial.iv.data, 16);
        trial.mechanism.pParameter = &trial.ctr;
        trial.mechanism.ulParameterLen = sizeof trial.ctr;
    } else if (trial.iv.size != 0) {
        trial.mechanism.pParameter = trial.iv.data;
        trial.mechanism.ulParameterLen = trial.iv.size;
    }
    filetoken_assert_rv(
        filetoken_secret(session, CKK_AES, trial.key.data, trial.key.size, NULL, 0, &trial.handle), CKR_OK);
}

static void tear_down(void)
{
    bytes_free(&trial.key);
    bytes_free(&trial.iv);
    bytes_free(&trial.plain);
    bytes_free(&trial.encrypted);
    bytes_free(&trial.aad);
}

/* The two directions, as a table for loops. */
static const struct way {
    const char *name;
    CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
    CK_RV (*once)(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out, CK_ULONG *size);
    CK_RV (*update)(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_size, CK_BYTE *out, CK_ULONG *size);
    CK_RV (*final)(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *size);
} ways[] = {
    {"encrypt", C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal},
    {"decrypt", C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal},
};

static const struct bytes *input_of(const struct way *way)
{
    return way == &ways[0] ? &trial.plain : &trial.encrypted;
}

static const struct bytes *output_of(const struct way *way)
{
    return way == &ways[0] ? &trial.encrypted : &trial.plain;
}

static void begin(const struct way *way)
{
    filetoken_assert_rv(way->init(session, &trial.mechanism, trial.handle), CKR_OK);
}

START_TEST(known_answers)
{
    set_up(_i);
    for (size_t w = 0; w < 2; w++) {
        const struct bytes *in = input_of(&ways[w]);
        const struct bytes *wanted = output_of(&ways[w]);

        for (int again = 0; again < 2; again++) { /* a context is used again */
            uint8_t out[128];
            CK_ULONG size = 0;

            begin(&ways[w]);
            filetoken_assert_rv(ways[w].once(session, in->data, in->size, NULL, &size), CKR_OK);
            ck_assert_uint_ge(size, wanted->size);
            if (wanted->size != 0) {
                size = wanted->size - 1;
                filetoken_assert_rv(ways[w].once(session, in->data, in->size, out, &size),
                                    CKR_BUFFER_TOO_SMALL);
                ck_assert_uint_eq(size, wanted->size);
            }
            size = wanted->size;
            memset(out, 0xee, sizeof out);
            filetoken_assert_rv(ways[w].once(session, in->data, in->size, out, &size), CKR_OK);
            ck_assert_uint_eq(size, wanted->size);
            ck_assert_mem_eq(out, wanted->data, wanted->size);
            ck_assert_uint_eq(out[wanted->size], 0xee);
            filetoken_assert_rv(ways[w].once(session, in->data, in->size, out, &size),
                                CKR_OPERATION_NOT_INITIALIZED);
        }
    }
    tear_down();
}
END_TEST

/* Feeds a part by the two-call rule: the length that is told is the length that comes. */
static size_t feed(const struct way *way, const uint8_t *in, size_t in_size, uint8_t *out)
{
    CK_BYTE *part = (CK_BYTE *)(uintptr_t)in;
    CK_ULONG told = 0;
    CK_ULONG size;

    filetoken_assert_rv(way->update(session, part, in_size, NULL, &told), CKR_OK);
    if (told != 0) {
        size = told - 1;
        filetoken_assert_rv(way->update(session, part, in_size, out, &size), CKR_BUFFER_TOO_SMALL);
        ck_assert_uint_eq(size, told);
    }
    size = told;
    filetoken_assert_rv(way->update(session, part, in_size, out, &size), CKR_OK);
    ck_assert_uint_eq(size, told);
    return size;
}

static size_t finish(const struct way *way, uint8_t *out, size_t wanted)
{
    CK_ULONG size = 0;

    filetoken_assert_rv(way->final(session, NULL, &size), CKR_OK);
    ck_assert_uint_ge(size, wanted);
    if (wanted != 0) {
        size = wanted - 1;
        filetoken_assert_rv(way->final(session, out, &size), CKR_BUFFER_TOO_SMALL);
        ck_assert_uint_eq(size, wanted);
    }
    size = wanted;
    filetoken_assert_rv(way->final(session, out, &size), CKR_OK);
    ck_assert_uint_eq(size, wanted);
    filetoken_assert_rv(way->final(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    return size;
}

START_TEST(parts_are_the_whole)
{
    set_up(_i);
    for (size_t w = 0; w < 2; w++) {
        const struct bytes *in = input_of(&ways[w]);
        const struct bytes *wanted = output_of(&ways[w]);

        for (size_t first = 0; first <= in->size; first++) {
            for (size_t second = first; second <= in->size; second += 5) {
                uint8_t out[160];
                size_t made = 0;

                begin(&ways[w]);
                made += feed(&ways[w], in->data, first, out);
                made += feed(&ways[w], in->data + first, second - first, out + made);
                made += feed(&ways[w], in->data + second, in->size - second, out + made);
                ck_assert_uint_le(made, wanted->size);
                made += finish(&ways[w], out + made, wanted->size - made);
                ck_assert_uint_eq(made, wanted->size);
                ck_assert_mem_eq(out, wanted->data, wanted->size);
            }
        }
    }
    tear_down();
}
END_TEST

START_TEST(in_place)
{
    set_up(_i);
    for (size_t w = 0; w < 2; w++) {
        const struct bytes *in = input_of(&ways[w]);
        const struct bytes *wanted = output_of(&ways[w]);
        uint8_t buffer[160];
        CK_ULONG size = sizeof buffer;

        memcpy(buffer, in->data, in->size);
        begin(&ways[w]);
        filetoken_assert_rv(ways[w].once(session, buffer, in->size, buffer, &size), CKR_OK);
        ck_assert_uint_eq(size, wanted->size);
        ck_assert_mem_eq(buffer, wanted->data, size);
        for (int shift = -20; shift <= 20; shift++) { /* overlapping, by any distance */
            uint8_t *from = buffer + 32;

            memcpy(from, in->data, in->size);
            size = 96;
            begin(&ways[w]);
            filetoken_assert_rv(ways[w].once(session, from, in->size, from + shift, &size), CKR_OK);
            ck_assert_mem_eq(from + shift, wanted->data, wanted->size);
        }
    }
    tear_down();
}
END_TEST

/* Output goes where the input of the same part was, although it is behind by a part of a block. */
START_TEST(parts_in_place)
{
    set_up(_i);
    for (size_t w = 0; w < 2; w++) {
        const struct bytes *in = input_of(&ways[w]);
        const struct bytes *wanted = output_of(&ways[w]);
        uint8_t out[160];
        size_t made = 0;
        CK_ULONG size;

        begin(&ways[w]);
        for (size_t at = 0; at < in->size;) {
            size_t part = in->size - at < 21 ? in->size - at : 21;
            uint8_t buffer[64];

            memcpy(buffer, in->data + at, part);
            size = sizeof buffer;
            filetoken_assert_rv(ways[w].update(session, buffer, part, buffer, &size), CKR_OK);
            memcpy(out + made, buffer, size);
            made += size;
            at += part;
        }
        size = sizeof out - made;
        filetoken_assert_rv(ways[w].final(session, out + made, &size), CKR_OK);
        ck_assert_uint_eq(made + size, wanted->size);
        ck_assert_mem_eq(out, wanted->data, wanted->size);
    }
    tear_down();
}
END_TEST

/* --- lengths
 * ------------------------------------------------------------------------------------------------------ */

START_TEST(blocks_must_be_whole)
{
    static const int rows[] = {ROW_ECB, ROW_CBC};
    uint8_t out[160];
    CK_ULONG size;

    set_up(rows[_i]);
    for (CK_ULONG length = 0; length <= 48; length++) {
        CK_RV encrypted = length % 16 == 0 ? CKR_OK : CKR_DATA_LEN_RANGE;
        CK_RV decrypted = length % 16 == 0 ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE;

        for (size_t w = 0; w < 2; w++) {
            CK_RV wanted = w == 0 ? encrypted : decrypted;

            size = sizeof out;
            begin(&ways[w]);
            filetoken_assert_rv(ways[w].once(session, trial.plain.data, length, out, &size), wanted);
            size = sizeof out;
            begin(&ways[w]);
            filetoken_assert_rv(ways[w].update(session, trial.plain.data, length, out, &size), CKR_OK);
            ck_assert_uint_eq(size, length - length % 16);
            size = sizeof out;
            filetoken_assert_rv(ways[w].final(session, out, &size), wanted);
            filetoken_assert_rv(ways[w].final(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        }
    }
    tear_down();
}
END_TEST

START_TEST(padding_fits_any_length)
{
    uint8_t encrypted[160];
    uint8_t plain[160];

    set_up(ROW_PAD);
    for (CK_ULONG length = 0; length <= 48; length++) {
        CK_ULONG size = sizeof encrypted;
        uint8_t data[48];

        memset(data, (int)length, sizeof data);
        begin(&ways[0]);
        filetoken_assert_rv(C_Encrypt(session, data, length, encrypted, &size), CKR_OK);
        ck_assert_uint_eq(size, length - length % 16 + 16);
        begin(&ways[1]);
        filetoken_assert_rv(C_Decrypt(session, encrypted, size - 1, plain, &size),
                            CKR_ENCRYPTED_DATA_LEN_RANGE);
        size = length - length % 16 + 16;
        begin(&ways[1]);
        filetoken_assert_rv(C_Decrypt(session, encrypted, size, plain, &size), CKR_OK);
        ck_assert_uint_eq(size, length);
        ck_assert_mem_eq(plain, data, length);
    }
    begin(&ways[1]);
    filetoken_assert_rv(C_Decrypt(session, encrypted, 0, plain, &(CK_ULONG){100}),
                        CKR_ENCRYPTED_DATA_LEN_RANGE);
    begin(&ways[1]);
    filetoken_assert_rv(C_DecryptFinal(session, plain, &(CK_ULONG){100}), CKR_ENCRYPTED_DATA_LEN_RANGE);
    tear_down();
}
END_TEST

/* Every last byte, and every byte of the padding: encrypted without padding, decrypted with. */
START_TEST(only_right_padding_is_taken)
{
    CK_MECHANISM bare;

    set_up(ROW_PAD);
    bare = (CK_MECHANISM){CKM_AES_CBC, trial.iv.data, 16};
    for (unsigned last = 0; last < 256; last++) {
        for (unsigned wrong = 0; wrong <= 16; wrong++) { /* 0: none is */
            bool good = last >= 1 && last <= 16 && (wrong == 0 || wrong > last);
            uint8_t block[16];
            uint8_t out[16];
            CK_ULONG size = 16;

            memset(block, (int)last, sizeof block);
            if (wrong != 0)
                block[16 - wrong] ^= wrong == 1 ? 0x20 : 0x01;
            if (wrong == 1)
                good = block[15] >= 1 && block[15] <= 1;
            filetoken_assert_rv(C_EncryptInit(session, &bare, trial.handle), CKR_OK);
            filetoken_assert_rv(C_Encrypt(session, block, 16, block, &size), CKR_OK);
            memset(out, 0xee, sizeof out);
            begin(&ways[1]);
            ck_assert_rv(C_Decrypt(session, block, 16, out, &size),
                         good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID);
            ck_assert(good || (out[0] == 0xee && out[15] == 0xee));
            size = 16;
            begin(&ways[1]);
            ck_assert_rv(C_DecryptUpdate(session, block, 16, out, &size), CKR_OK);
            ck_assert_uint_eq(size, 0);
            size = 16;
            ck_assert_rv(C_DecryptFinal(session, out, &size), good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID);
        }
    }
    tear_down();
}
END_TEST

/* --- GCM
 * ----------------------------------------------------------------------------------------------------------
 */

START_TEST(a_changed_message_gives_nothing)
{
    set_up(ROW_GCM);
    for (size_t i = 0; i < trial.encrypted.size; i++) {
        uint8_t out[128];
        CK_ULONG size = sizeof out;

        memset(out, 0xee, sizeof out);
        trial.encrypted.data[i] ^= 0x10;
        begin(&ways[1]);
        filetoken_assert_rv(C_Decrypt(session, trial.encrypted.data, trial.encrypted.size, out, &size),
                            CKR_ENCRYPTED_DATA_INVALID);
        begin(&ways[1]);
        size = sizeof out;
        filetoken_assert_rv(C_DecryptUpdate(session, trial.encrypted.data, trial.encrypted.size, out, &size),
                            CKR_OK);
        ck_assert_uint_eq(size, 0);
        size = sizeof out;
        filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_ENCRYPTED_DATA_INVALID);
        for (size_t b = 0; b < sizeof out; b++)
            ck_assert_uint_eq(out[b], 0xee);
        trial.encrypted.data[i] ^= 0x10;
    }
    trial.aad.data[3] ^= 1;
    begin(&ways[1]);
    filetoken_assert_rv(
        C_Decrypt(session, trial.encrypted.data, trial.encrypted.size, trial.plain.data, &(CK_ULONG){60}),
        CKR_ENCRYPTED_DATA_INVALID);
    tear_down();
}
END_TEST

START_TEST(a_message_without_a_tag_is_too_short)
{
    uint8_t out[16];

    set_up(ROW_GCM);
    for (CK_ULONG length = 0; length < 16; length++) {
        CK_ULONG size = sizeof out;

        begin(&ways[1]);
        filetoken_assert_rv(C_Decrypt(session, trial.encrypted.data, length, out, &size),
                            CKR_ENCRYPTED_DATA_LEN_RANGE);
        begin(&ways[1]);
        filetoken_assert_rv(C_DecryptUpdate(session, trial.encrypted.data, length, out, &size), CKR_OK);
        filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    tear_down();
}
END_TEST

START_TEST(short_tags_and_the_early_layout)
{
    static const CK_ULONG bits[] = {32, 64, 96, 104, 112, 120, 128};
    struct early_gcm_params early;

    set_up(ROW_GCM);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        uint8_t out[128];
        CK_ULONG size = sizeof out;

        early =
            (struct early_gcm_params){trial.iv.data, trial.iv.size, trial.aad.data, trial.aad.size, bits[i]};
        trial.mechanism = (CK_MECHANISM){CKM_AES_GCM, &early, sizeof early};
        begin(&ways[0]);
        filetoken_assert_rv(C_Encrypt(session, trial.plain.data, trial.plain.size, out, &size), CKR_OK);
        ck_assert_uint_eq(size, trial.plain.size + bits[i] / 8);
        ck_assert_mem_eq(out, trial.encrypted.data, size);
        begin(&ways[1]);
        filetoken_assert_rv(C_Decrypt(session, out, size, out, &size), CKR_OK);
        ck_assert_uint_eq(size, trial.plain.size);
        ck_assert_mem_eq(out, trial.plain.data, size);
    }
    tear_down();
}
END_TEST

/* --- CTR
 * ----------------------------------------------------------------------------------------------------------
 */

/* How many blocks a counter has until it is at its start again. */
START_TEST(a_counter_does_not_carry_into_the_rest_of_the_block)
{
    static const struct {
        CK_ULONG bits;
        const char *block;
        CK_ULONG blocks; /* that may be encrypted; 99: as many as one likes */
    } rows[] = {
        {1,   "00000000000000000000000000000000", 2 },
        {1,   "00000000000000000000000000000001", 1 },
        {2,   "000000000000000000000000000000fd", 3 },
        {4,   "00000000000000000000000000000000", 16},
        {8,   "000000000000000000000000000000f0", 16},
        {8,   "00000000000000000000000000000100", 99},
        {64,  "0000000000000001fffffffffffffffe", 2 },
        {64,  "00000000000000010000000000000000", 99},
        {65,  "0000000000000000ffffffffffffffff", 99},
        {65,  "0000000000000001ffffffffffffffff", 1 },
        {128, "ffffffffffffffffffffffffffffffff", 99},
        {128, "00000000000000000000000000000000", 99},
    };
    static uint8_t data[100 * 16];
    static uint8_t out[100 * 16];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes block = from_hex(rows[i].block);
        CK_ULONG size = sizeof out;

        set_up(ROW_CTR);
        trial.ctr.bits = rows[i].bits;
        memcpy(trial.ctr.block, block.data, 16);
        begin(&ways[0]);
        filetoken_assert_rv(C_Encrypt(session, data, 16 * rows[i].blocks, out, &size), CKR_OK);
        size = sizeof out;
        if (rows[i].blocks != 99) {
            begin(&ways[0]);
            filetoken_assert_rv(C_Encrypt(session, data, 16 * rows[i].blocks + 1, out, &size),
                                CKR_DATA_LEN_RANGE);
            begin(&ways[1]);
            filetoken_assert_rv(C_DecryptUpdate(session, data, 16 * rows[i].blocks, out, &size), CKR_OK);
            filetoken_assert_rv(C_DecryptUpdate(session, data, 1, out, &size), CKR_ENCRYPTED_DATA_LEN_RANGE);
        }
        bytes_free(&block);
        tear_down();
    }
}
END_TEST

/* --- calls out of order, and arguments that are not there
 * --------------------------------------------------------- */

START_TEST(hostile_calls)
{
    uint8_t out[160];
    CK_ULONG size = sizeof out;

    set_up(ROW_CBC);
    for (size_t w = 0; w < 2; w++) {
        const struct way *way = &ways[w];

        filetoken_assert_rv(way->once(session, out, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        filetoken_assert_rv(way->update(session, out, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        filetoken_assert_rv(way->final(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        filetoken_assert_rv(way->init(session, NULL, trial.handle), CKR_ARGUMENTS_BAD);
        begin(way);
        filetoken_assert_rv(way->init(session, &trial.mechanism, trial.handle), CKR_OPERATION_ACTIVE);
        filetoken_assert_rv(way->once(session, NULL, 16, out, &size), CKR_ARGUMENTS_BAD);
        filetoken_assert_rv(way->once(session, out, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        begin(way);
        filetoken_assert_rv(way->once(session, out, 16, out, NULL), CKR_ARGUMENTS_BAD);
        begin(way);
        filetoken_assert_rv(way->update(session, NULL, 16, out, &size), CKR_ARGUMENTS_BAD);
        begin(way);
        filetoken_assert_rv(way->update(session, out, 16, out, NULL), CKR_ARGUMENTS_BAD);
        begin(way);
        filetoken_assert_rv(way->final(session, out, NULL), CKR_ARGUMENTS_BAD);
        begin(way);
        size = CK_UNAVAILABLE_INFORMATION;
        filetoken_assert_rv(way->update(session, out, CK_UNAVAILABLE_INFORMATION, out, &size),
                            CKR_ARGUMENTS_BAD);
        begin(way);
        filetoken_assert_rv(way->once(session, out, CK_UNAVAILABLE_INFORMATION - 15, out, &size),
                            CKR_ARGUMENTS_BAD);
        begin(way);
        size = sizeof out;
        filetoken_assert_rv(way->update(session, out, 16, out, &size), CKR_OK);
        filetoken_assert_rv(way->once(session, out, 16, out, &size), CKR_OPERATION_ACTIVE);
        filetoken_assert_rv(way->final(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        begin(way);
        filetoken_assert_rv(way->once(session, out, 16, NULL, &size), CKR_OK);
        filetoken_assert_rv(way->update(session, out, 16, out, &size), CKR_OPERATION_ACTIVE);
        filetoken_assert_rv(way->once(session, out, 16, out, &size), CKR_OPERATION_NOT_INITIALIZED);
        begin(way);
        filetoken_assert_rv(way->once(session, out, 16, NULL, &size), CKR_OK);
        filetoken_assert_rv(way->final(session, out, &size), CKR_OPERATION_ACTIVE);
        begin(way);
        size = sizeof out;
        filetoken_assert_rv(way->update(session, out, 16, out, &size), CKR_OK);
        size = sizeof out;
        filetoken_assert_rv(way->final(session, out, &size), CKR_OK);
        ck_assert_uint_eq(size, 0);
    }
    tear_down();
}
END_TEST

START_TEST(keys_that_may_not)
{
    CK_ATTRIBUTE not_encrypt = {CKA_ENCRYPT, &no, sizeof no};
    CK_ATTRIBUTE not_decrypt = {CKA_DECRYPT, &no, sizeof no};
    CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE keys[3];
    CK_OBJECT_HANDLE pair[2];

    set_up(ROW_ECB);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, trial.key.data, 16, &not_encrypt, 1, &keys[0]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_AES, trial.key.data, 16, &not_decrypt, 1, &keys[1]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_secret(session, CKK_GENERIC_SECRET, trial.key.data, 16, NULL, 0, &keys[2]),
                        CKR_OK);
    filetoken_assert_rv(filetoken_generate(session, "RSA-2048", false, NULL, 0, &pair[0], &pair[1]), CKR_OK);
    filetoken_assert_rv(C_EncryptInit(session, &trial.mechanism, keys[0]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_DecryptInit(session, &trial.mechanism, keys[1]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    filetoken_assert_rv(C_EncryptInit(session, &trial.mechanism, keys[2]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_EncryptInit(session, &trial.mechanism, pair[0]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_DecryptInit(session, &trial.mechanism, pair[1]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_EncryptInit(session, &rsa, keys[1]), CKR_KEY_TYPE_INCONSISTENT);
    filetoken_assert_rv(C_SignInit(session, &trial.mechanism, keys[1]), CKR_MECHANISM_INVALID);
    tear_down();
}
END_TEST

/* What is asked for twice is one answer; other data after the end of a padded message was seen is refused. */
START_TEST(nothing_is_added_behind_the_end)
{
    uint8_t out[32];
    CK_ULONG size = sizeof out;

    set_up(ROW_PAD);
    begin(&ways[1]);
    filetoken_assert_rv(C_DecryptUpdate(session, trial.encrypted.data, 32, out, &size), CKR_OK);
    size = 1;
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(size, 5);
    size = sizeof out;
    filetoken_assert_rv(C_DecryptUpdate(session, trial.encrypted.data, 32, out, &size), CKR_OPERATION_ACTIVE);
    filetoken_assert_rv(C_DecryptFinal(session, out, &size), CKR_OPERATION_NOT_INITIALIZED);
    tear_down();
}
END_TEST

Suite *suite(void)
{
    Suite *suite = suite_create("pkcs11/stream");
    TCase *tcase = tcase_create("stream");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, up, filetoken_down);
    tcase_add_loop_test(tcase, known_answers, 0, KNOWN);
    tcase_add_loop_test(tcase, parts_are_the_whole, 0, KNOWN);
    tcase_add_loop_test(tcase, in_place, 0, KNOWN);
    tcase_add_loop_test(tcase, parts_in_place, 0, KNOWN);
    tcase_add_loop_test(tcase, blocks_must_be_whole, 0, 2);
    tcase_add_test(tcase, padding_fits_any_length);
    tcase_add_test(tcase, only_right_padding_is_taken);
    tcase_add_test(tcase, a_changed_message_gives_nothing);
    tcase_add_test(tcase, a_message_without_a_tag_is_too_short);
    tcase_add_test(tcase, short_tags_and_the_early_layout);
    tcase_add_test(tcase, a_counter_does_not_carry_into_the_rest_of_the_block);
    tcase_add_test(tcase, hostile_calls);
    tcase_add_test(tcase, keys_that_may_not);
    tcase_add_test(tcase, nothing_is_added_behind_the_end);
    suite_add_tcase(suite, tcase);
    return suite;
}
