/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sas.h"

#include "common/buffer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_MAXIMUM 4096
#define KEY_TEXT_MAXIMUM 4096
#define MAC_SIZE 32
#define MAC_TEXT_SIZE (4 * ((MAC_SIZE + 2) / 3) + 1)

bool cli_sas_key(const char *text, struct bytes *out)
{
    size_t length = strlen(text);
    size_t padding = 0;
    int decoded;

    *out = BYTES_EMPTY;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    if (length == 0 || length % 4 != 0 || length > KEY_TEXT_MAXIMUM ||
        memchr(text, '=', length - padding) != NULL || strpbrk(text, " \t\r\n-_") != NULL ||
        !bytes_alloc(out, length))
        return false;
    decoded = EVP_DecodeBlock(out->data, (const unsigned char *)text, (int)length);
    if (decoded < 0 || (size_t)decoded <= padding) {
        bytes_free(out);
        return false;
    }
    out->size = (size_t)decoded - padding;
    return true;
}

static void add_encoded(struct buffer *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            buffer_add_u8(out, (uint8_t)*text);
        else
            buffer_addf(out, "%%%02X", (unsigned char)*text);
    }
}

/* The MAC over "resource\nexpiry", in base64. */
static bool sign(const struct bytes *key, const char *resource, long long expiry,
                 char out[static MAC_TEXT_SIZE])
{
    unsigned char mac[MAC_SIZE];
    unsigned length = sizeof mac;
    struct buffer text;
    bool made;

    buffer_init(&text, TOKEN_MAXIMUM);
    buffer_addf(&text, "%s\n%lld", resource, expiry);
    made = !text.failed && key->size <= INT_MAX &&
           HMAC(EVP_sha256(), key->data, (int)key->size, text.data, text.size, mac, &length) != NULL;
    buffer_free(&text);
    if (made)
        EVP_EncodeBlock((unsigned char *)out, mac, sizeof mac);
    bytes_wipe(mac, sizeof mac);
    return made;
}

enum cli_status cli_sas_make(const struct bytes *key, const char *resource, const char *policy,
                             unsigned seconds, char **token)
{
    long long expiry = (long long)time(NULL) + seconds;
    char signature[MAC_TEXT_SIZE] = "";
    struct buffer encoded;
    struct buffer out;

    *token = NULL;
    buffer_init(&encoded, TOKEN_MAXIMUM);
    buffer_init(&out, TOKEN_MAXIMUM);
    add_encoded(&encoded, resource);
    if (!encoded.failed && sign(key, buffer_text(&encoded), expiry, signature)) {
        buffer_addf(&out, "SharedAccessSignature sr=%s&sig=", buffer_text(&encoded));
        add_encoded(&out, signature);
        buffer_addf(&out, "&se=%lld", expiry);
        if (policy != NULL) {
            buffer_add_text(&out, "&skn=");
            add_encoded(&out, policy);
        }
        *token = buffer_take_text(&out);
    }
    bytes_wipe(signature, sizeof signature);
    buffer_free(&encoded);
    buffer_free(&out);
    return *token != NULL ? CLI_OK : cli_no_memory();
}

bool cli_sas_derive(const struct bytes *group_key, const char *registration_id, struct bytes *key)
{
    unsigned length = MAC_SIZE;

    *key = BYTES_EMPTY;
    if (group_key->size > INT_MAX || !bytes_alloc(key, MAC_SIZE))
        return false;
    if (HMAC(EVP_sha256(), group_key->data, (int)group_key->size, (const unsigned char *)registration_id,
             strlen(registration_id), key->data, &length) != NULL)
        return true;
    bytes_free(key);
    return false;
}

/* The value of "&NAME=" in a token, as it stands there; malloc'ed, NULL: it has none. */
static char *part_of(const char *token, const char *name)
{
    const char *found = strstr(token, name);

    return found != NULL ? strndup(found + strlen(name), strcspn(found + strlen(name), "&")) : NULL;
}

bool cli_sas_is_by(const char *token, const struct bytes *key)
{
    char *resource = part_of(token, " sr=");
    char *signature = part_of(token, "&sig=");
    char *expiry = part_of(token, "&se=");
    char made[MAC_TEXT_SIZE] = "";
    struct buffer encoded;
    bool same = false;

    buffer_init(&encoded, TOKEN_MAXIMUM);
    if (resource != NULL && signature != NULL && expiry != NULL &&
        sign(key, resource, strtoll(expiry, NULL, 10), made)) {
        add_encoded(&encoded, made);
        same = !encoded.failed && encoded.size == strlen(signature) &&
               CRYPTO_memcmp(encoded.data, signature, encoded.size) == 0;
    }
    bytes_wipe(made, sizeof made);
    buffer_free(&encoded);
    free(resource);
    free(signature);
    free(expiry);
    return same;
}
