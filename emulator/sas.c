/* SPDX-License-Identifier: Apache-2.0 */
#include "emulator/sas.h"

#include "emulator/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "SharedAccessSignature"
#define MAC_SIZE 32

static bool read_expiry(const char *text, long long *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* One name=value of the token. False: unknown, twice, or malformed. */
static bool take_field(struct emu_sas *sas, const char *name, size_t length, const char *value, size_t size)
{
    const struct {
        const char *name;
        char **sent;
        char **decoded;
    } fields[] = {
        {"sr",  &sas->resource_sent, &sas->resource},
        {"se",  &sas->expiry_sent,   NULL          },
        {"skn", NULL,                &sas->policy  },
    };
    char *signature;
    bool taken;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strlen(fields[i].name) != length || strncmp(fields[i].name, name, length) != 0)
            continue;
        if ((fields[i].sent != NULL && *fields[i].sent != NULL) ||
            (fields[i].decoded != NULL && *fields[i].decoded != NULL))
            return false;
        if (fields[i].sent != NULL && (*fields[i].sent = strndup(value, size)) == NULL)
            return false;
        return fields[i].decoded == NULL || (*fields[i].decoded = emu_percent_decode(value, size)) != NULL;
    }
    if (length != 3 || strncmp(name, "sig", 3) != 0 || sas->signature.size != 0)
        return false;
    signature = emu_percent_decode(value, size);
    taken = signature != NULL && emu_base64_decode(signature, &sas->signature);
    free(signature);
    return taken;
}

static bool take_fields(struct emu_sas *sas, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, "&");
        const char *equals = memchr(text, '=', size);

        if (equals == NULL ||
            !take_field(sas, text, (size_t)(equals - text), equals + 1, size - (size_t)(equals + 1 - text)))
            return false;
        text += size;
        text += *text == '&' ? 1 : 0;
    }
    return sas->resource_sent != NULL && sas->resource_sent[0] != '\0' && sas->expiry_sent != NULL &&
           sas->signature.size != 0 && read_expiry(sas->expiry_sent, &sas->expiry);
}

bool emu_sas_parse(const char *authorization, struct emu_sas *out)
{
    *out = (struct emu_sas){0};
    if (strncasecmp(authorization, SCHEME, strlen(SCHEME)) != 0)
        return false;
    authorization += strlen(SCHEME);
    if (*authorization != ' ')
        return false;
    authorization += strspn(authorization, " ");
    if (take_fields(out, authorization))
        return true;
    emu_sas_free(out);
    return false;
}

void emu_sas_free(struct emu_sas *sas)
{
    free(sas->resource_sent);
    free(sas->resource);
    free(sas->expiry_sent);
    free(sas->policy);
    bytes_free(&sas->signature);
    *sas = (struct emu_sas){0};
}

static bool hmac(const struct bytes *key, const void *data, size_t size, unsigned char out[static MAC_SIZE])
{
    unsigned length = MAC_SIZE;

    return key->size <= INT_MAX &&
           HMAC(EVP_sha256(), key->data, (int)key->size, data, size, out, &length) != NULL &&
           length == MAC_SIZE;
}

/* The key signed "resource\nexpiry", both as sent. */
static bool signed_with(const struct emu_sas *sas, const struct bytes *key)
{
    size_t resource = strlen(sas->resource_sent);
    size_t expiry = strlen(sas->expiry_sent);
    unsigned char mac[MAC_SIZE];
    struct bytes text;
    bool equal;

    if (key->size == 0 || !bytes_alloc(&text, resource + 1 + expiry))
        return false;
    memcpy(text.data, sas->resource_sent, resource);
    text.data[resource] = '\n';
    memcpy(text.data + resource + 1, sas->expiry_sent, expiry);
    equal = hmac(key, text.data, text.size, mac) &&
            bytes_equal(mac, sizeof mac, sas->signature.data, sas->signature.size);
    bytes_free(&text);
    bytes_wipe(mac, sizeof mac);
    return equal;
}

enum emu_sas_result emu_sas_verify(const struct emu_sas *sas, const struct bytes *keys, size_t key_count,
                                   time_t now)
{
    bool known = false;

    for (size_t i = 0; i < key_count; i++)
        known |= signed_with(sas, &keys[i]);
    if (!known)
        return EMU_SAS_WRONG_KEY;
    return sas->expiry < (long long)now - EMU_SAS_SKEW_SECONDS ? EMU_SAS_EXPIRED : EMU_SAS_VALID;
}

bool emu_sas_covers(const struct emu_sas *sas, const char *resource)
{
    size_t length = strlen(sas->resource);

    if (length != 0 && sas->resource[length - 1] == '/')
        length--;
    return length != 0 && strncasecmp(sas->resource, resource, length) == 0 &&
           (resource[length] == '\0' || resource[length] == '/');
}
