/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/tpm_crypto.h"

#include "common/buffer.h"

#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <limits.h>
#include <string.h>

#define KDFA_INPUT_MAXIMUM 512

bool emu_tpm_kdfa(const uint8_t key[static EMU_TPM_HASH_SIZE], const char *label, const struct bytes *context,
                  size_t size, uint8_t *out)
{
    uint8_t mac[EMU_TPM_HASH_SIZE];
    unsigned length = sizeof mac;
    struct buffer input;
    bool made;

    if (size > sizeof mac)
        return false;
    buffer_init(&input, KDFA_INPUT_MAXIMUM);
    buffer_add_u32(&input, 1);
    buffer_add(&input, label, strlen(label) + 1);
    if (context != NULL)
        buffer_add(&input, context->data, context->size);
    buffer_add_u32(&input, (uint32_t)size * 8);
    made = !input.failed &&
           HMAC(EVP_sha256(), key, EMU_TPM_HASH_SIZE, input.data, input.size, mac, &length) != NULL;
    if (made)
        memcpy(out, mac, size);
    bytes_wipe(mac, sizeof mac);
    buffer_free(&input);
    return made;
}

bool emu_tpm_cfb(const uint8_t key[static EMU_TPM_AES_SIZE], const void *data, size_t size, uint8_t *out)
{
    static const uint8_t iv[EMU_TPM_AES_SIZE];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length = 0;
    bool done = context != NULL && size <= INT_MAX &&
                EVP_EncryptInit_ex(context, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
                EVP_EncryptUpdate(context, out, &length, data, (int)size) == 1 && (size_t)length == size;

    EVP_CIPHER_CTX_free(context);
    return done;
}

/* a followed by b in one run. */
static bool join(const struct bytes *a, const struct bytes *b, struct bytes *out)
{
    if (!bytes_alloc(out, a->size + b->size))
        return false;
    if (a->size != 0)
        memcpy(out->data, a->data, a->size);
    if (b->size != 0)
        memcpy(out->data + a->size, b->data, b->size);
    return true;
}

bool emu_tpm_hmac(const uint8_t key[static EMU_TPM_HASH_SIZE], const struct bytes *a, const struct bytes *b,
                  uint8_t out[static EMU_TPM_HASH_SIZE])
{
    unsigned length = EMU_TPM_HASH_SIZE;
    struct bytes both;
    bool made = join(a, b, &both) &&
                HMAC(EVP_sha256(), key, EMU_TPM_HASH_SIZE, both.data, both.size, out, &length) != NULL;

    bytes_free(&both);
    return made;
}

bool emu_tpm_hash(const struct bytes *a, const struct bytes *b, uint8_t out[static EMU_TPM_HASH_SIZE])
{
    struct bytes both;
    bool made = join(a, b, &both) && EVP_Digest(both.data, both.size, out, NULL, EVP_sha256(), NULL) == 1;

    bytes_free(&both);
    return made;
}

bool emu_tpm_oaep(EVP_PKEY *key, const char *label, const void *data, size_t size, struct bytes *out)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    void *copy = OPENSSL_memdup(label, strlen(label) + 1);
    size_t length = 0;
    bool done = false;

    *out = BYTES_EMPTY;
    if (context == NULL || copy == NULL || EVP_PKEY_encrypt_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)strlen(label) + 1) != 1)
        goto out;
    copy = NULL; /* transferred */
    done = EVP_PKEY_encrypt(context, NULL, &length, data, size) == 1 && bytes_alloc(out, length) &&
           EVP_PKEY_encrypt(context, out->data, &length, data, size) == 1;
    if (done)
        out->size = length;
    else
        bytes_free(out);
out:
    OPENSSL_free(copy);
    EVP_PKEY_CTX_free(context);
    return done;
}
