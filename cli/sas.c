/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sas.h"

#include "common/buffer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#define TOKEN_MAXIMUM 4096
#define MAC_SIZE 32
#define MAC_TEXT_SIZE (4 * ((MAC_SIZE + 2) / 3) + 1)

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
