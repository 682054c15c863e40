/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/credential.h"

#include "common/buffer.h"

#include <openssl/rand.h>
#include <string.h>

#define TPM_ALG_HMAC 0x0005
#define TPM_ALG_KEYEDHASH 0x0008
#define TPM_ALG_SHA256 0x000b

/* userWithAuth, noDA, sign: no fixedTPM, as it comes from outside */
#define KEY_ATTRIBUTES 0x00040440U

#define BLOB_MAXIMUM 4096

static bool add_sized(struct buffer *buffer, const void *data, size_t size)
{
    return size <= UINT16_MAX && buffer_add_u16(buffer, (uint16_t)size) && buffer_add(buffer, data, size);
}

/* Wraps the buffer's content the way of an outer wrapper: encrypted and authenticated under the seed, bound
 * to the name. Gives 2B(2B(HMAC) || ciphertext). */
static bool wrap(const uint8_t seed[static EMU_TPM_HASH_SIZE], const struct bytes *name, struct buffer *plain,
                 struct bytes *out)
{
    uint8_t cipher_key[EMU_TPM_AES_SIZE];
    uint8_t mac_key[EMU_TPM_HASH_SIZE];
    uint8_t mac[EMU_TPM_HASH_SIZE];
    struct bytes cipher = BYTES_EMPTY;
    struct buffer wrapped;
    bool made;

    buffer_init(&wrapped, BLOB_MAXIMUM);
    made = !plain->failed && emu_tpm_kdfa(seed, "STORAGE", name, sizeof cipher_key, cipher_key) &&
           emu_tpm_kdfa(seed, "INTEGRITY", NULL, sizeof mac_key, mac_key) &&
           bytes_alloc(&cipher, plain->size) &&
           emu_tpm_cfb(cipher_key, plain->data, plain->size, cipher.data) &&
           emu_tpm_hmac(mac_key, &cipher, name, mac) &&
           buffer_add_u16(&wrapped, (uint16_t)(2 + sizeof mac + cipher.size)) &&
           add_sized(&wrapped, mac, sizeof mac) && buffer_add(&wrapped, cipher.data, cipher.size) &&
           buffer_take(&wrapped, out);
    bytes_wipe(cipher_key, sizeof cipher_key);
    bytes_wipe(mac_key, sizeof mac_key);
    bytes_free(&cipher);
    buffer_free(&wrapped);
    if (!made)
        *out = BYTES_EMPTY;
    return made;
}

bool emu_credential_identity(const struct emu_credential_secrets *secrets,
                             const uint8_t name[static EMU_TPM_NAME_SIZE], struct bytes *out)
{
    uint8_t copy[EMU_TPM_NAME_SIZE];
    struct bytes bound = {.data = copy, .size = sizeof copy};
    struct buffer plain;
    bool made;

    memcpy(copy, name, sizeof copy);
    buffer_init(&plain, BLOB_MAXIMUM);
    add_sized(&plain, secrets->inner_key, sizeof secrets->inner_key);
    made = wrap(secrets->seed, &bound, &plain, out);
    buffer_free(&plain);
    return made;
}

bool emu_credential_public(const struct emu_credential_secrets *secrets,
                           const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE], struct bytes *out)
{
    uint8_t joined[EMU_TPM_HASH_SIZE + EMU_CREDENTIAL_KEY_SIZE];
    struct bytes joined_bytes = {.data = joined, .size = sizeof joined};
    static const struct bytes nothing;
    uint8_t unique[EMU_TPM_HASH_SIZE];
    struct buffer area;
    struct buffer sized;
    bool made;

    memcpy(joined, secrets->seed_value, EMU_TPM_HASH_SIZE);
    memcpy(joined + EMU_TPM_HASH_SIZE, key, EMU_CREDENTIAL_KEY_SIZE);
    made = emu_tpm_hash(&joined_bytes, &nothing, unique);
    bytes_wipe(joined, sizeof joined);
    buffer_init(&area, BLOB_MAXIMUM);
    buffer_init(&sized, BLOB_MAXIMUM);
    buffer_add_u16(&area, TPM_ALG_KEYEDHASH);
    buffer_add_u16(&area, TPM_ALG_SHA256);
    buffer_add_u32(&area, KEY_ATTRIBUTES);
    buffer_add_u16(&area, 0); /* no policy */
    buffer_add_u16(&area, TPM_ALG_HMAC);
    buffer_add_u16(&area, TPM_ALG_SHA256);
    add_sized(&area, unique, sizeof unique);
    *out = BYTES_EMPTY;
    made = made && !area.failed && add_sized(&sized, area.data, area.size) && buffer_take(&sized, out);
    buffer_free(&area);
    buffer_free(&sized);
    return made;
}

/* TPM2B_SENSITIVE, with an empty authValue. */
static void add_sensitive(struct buffer *buffer, const struct emu_credential_secrets *secrets,
                          const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE])
{
    buffer_add_u16(buffer, 2 + 2 + 2 + EMU_TPM_HASH_SIZE + 2 + EMU_CREDENTIAL_KEY_SIZE);
    buffer_add_u16(buffer, TPM_ALG_KEYEDHASH);
    buffer_add_u16(buffer, 0);
    add_sized(buffer, secrets->seed_value, EMU_TPM_HASH_SIZE);
    add_sized(buffer, key, EMU_CREDENTIAL_KEY_SIZE);
}

/* The inner wrapper: 2B(SHA-256(sensitive || name)) || sensitive, encrypted with the inner key. */
static bool wrap_inner(const struct emu_credential_secrets *secrets, const struct bytes *name,
                       const struct buffer *sensitive, struct buffer *out)
{
    struct bytes plain = {.data = sensitive->data, .size = sensitive->size};
    uint8_t digest[EMU_TPM_HASH_SIZE];
    struct buffer joined;
    struct bytes cipher = BYTES_EMPTY;
    bool made;

    buffer_init(&joined, BLOB_MAXIMUM);
    made = !sensitive->failed && emu_tpm_hash(&plain, name, digest) &&
           add_sized(&joined, digest, sizeof digest) && buffer_add(&joined, plain.data, plain.size) &&
           bytes_alloc(&cipher, joined.size) &&
           emu_tpm_cfb(secrets->inner_key, joined.data, joined.size, cipher.data) &&
           buffer_add(out, cipher.data, cipher.size);
    buffer_free(&joined);
    bytes_free(&cipher);
    return made;
}

bool emu_credential_duplicate(const struct emu_credential_secrets *secrets,
                              const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE], const struct bytes *public,
                              struct bytes *out)
{
    static const struct bytes nothing;
    uint8_t name_data[EMU_TPM_NAME_SIZE] = {TPM_ALG_SHA256 >> 8, TPM_ALG_SHA256 & 0xff};
    struct bytes name = {.data = name_data, .size = sizeof name_data};
    struct bytes area = {.data = public->data + 2, .size = public->size - 2};
    struct buffer sensitive;
    struct buffer inner;
    bool made;

    buffer_init(&sensitive, BLOB_MAXIMUM);
    buffer_init(&inner, BLOB_MAXIMUM);
    *out = BYTES_EMPTY;
    add_sensitive(&sensitive, secrets, key);
    made = emu_tpm_hash(&area, &nothing, name_data + 2) && wrap_inner(secrets, &name, &sensitive, &inner) &&
           wrap(secrets->duplicate_seed, &name, &inner, out);
    buffer_free(&sensitive);
    buffer_free(&inner);
    return made;
}

static bool make_blob(const struct emu_tpm_public *ek, const struct emu_tpm_public *srk,
                      const struct emu_credential_secrets *secrets,
                      const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE], struct bytes *out)
{
    enum { IDENTITY, DUPLICATE, PUBLIC, SEED, DUPLICATE_SEED, COUNT };
    struct bytes parts[COUNT] = {BYTES_EMPTY, BYTES_EMPTY, BYTES_EMPTY, BYTES_EMPTY, BYTES_EMPTY};
    struct buffer blob;
    bool made;

    buffer_init(&blob, BLOB_MAXIMUM);
    *out = BYTES_EMPTY;
    made = emu_credential_identity(secrets, srk->name, &parts[IDENTITY]) &&
           emu_credential_public(secrets, key, &parts[PUBLIC]) &&
           emu_credential_duplicate(secrets, key, &parts[PUBLIC], &parts[DUPLICATE]) &&
           emu_tpm_oaep(ek->key, "IDENTITY", secrets->seed, sizeof secrets->seed, &parts[SEED]) &&
           emu_tpm_oaep(srk->key, "DUPLICATE", secrets->duplicate_seed, sizeof secrets->duplicate_seed,
                        &parts[DUPLICATE_SEED]) &&
           buffer_add(&blob, parts[IDENTITY].data, parts[IDENTITY].size) &&
           add_sized(&blob, parts[SEED].data, parts[SEED].size) &&
           buffer_add(&blob, parts[DUPLICATE].data, parts[DUPLICATE].size) &&
           add_sized(&blob, parts[DUPLICATE_SEED].data, parts[DUPLICATE_SEED].size) &&
           buffer_add(&blob, parts[PUBLIC].data, parts[PUBLIC].size) &&
           buffer_add_u16(&blob, 0) && /* no user data */
           buffer_take(&blob, out);
    for (size_t i = 0; i < COUNT; i++)
        bytes_free(&parts[i]);
    buffer_free(&blob);
    return made;
}

bool emu_credential_make(const struct emu_tpm_public *ek, const struct emu_tpm_public *srk,
                         const uint8_t key[static EMU_CREDENTIAL_KEY_SIZE], struct bytes *out)
{
    struct emu_credential_secrets secrets;
    bool made =
        RAND_bytes((unsigned char *)&secrets, sizeof secrets) == 1 && make_blob(ek, srk, &secrets, key, out);

    if (!made)
        *out = BYTES_EMPTY;
    bytes_wipe(&secrets, sizeof secrets);
    return made;
}
