/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "pkcs11:";

bool cli_is_uri(const char *text)
{
    return strncasecmp(text, scheme, sizeof scheme - 1) == 0;
}

/* How much of a URI messages show: not its query, where a PIN could be. */
static int shown(const char *text)
{
    return (int)strcspn(text, "?");
}

enum cli_status cli_uri_parse(const char *text, P11KitUri **uri)
{
    int code;

    *uri = p11_kit_uri_new();
    if (*uri == NULL)
        return cli_no_memory();
    code = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, *uri);
    if (code == P11_KIT_URI_OK && !p11_kit_uri_any_unrecognized(*uri))
        return CLI_OK;
    p11_kit_uri_free(*uri);
    *uri = NULL;
    if (code == P11_KIT_URI_OK)
        return cli_fail(CLI_INPUT, "URI %.*s: has an attribute that RFC 7512 does not know; correct it",
                        shown(text), text);
    return cli_fail(CLI_INPUT, "URI %.*s: is no pkcs11: URI (%s); 'devid key list' shows the keys' URIs",
                    shown(text), text, p11_kit_uri_message(code));
}

struct cli_pin cli_uri_pin(const P11KitUri *uri)
{
    struct cli_pin pin = {p11_kit_uri_get_pin_source(uri), p11_kit_uri_get_pin_value(uri)};

    if (pin.file != NULL && strncasecmp(pin.file, "file:", 5) == 0)
        pin.file += strncmp(pin.file + 5, "//", 2) == 0 ? 7 : 5;
    return pin;
}

static bool set_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    CK_ATTRIBUTE attribute = {type, (void *)(uintptr_t)value, size};

    return p11_kit_uri_set_attribute(uri, &attribute) == P11_KIT_URI_OK;
}

char *cli_uri_token_format(const char *token_label)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *text = NULL;
    CK_TOKEN_INFO *info;

    if (uri == NULL)
        return NULL;
    info = p11_kit_uri_get_token_info(uri);
    memset(info->label, ' ', sizeof info->label);
    memcpy(info->label, token_label, strnlen(token_label, sizeof info->label));
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_TOKEN, &text) != P11_KIT_URI_OK)
        text = NULL;
    p11_kit_uri_free(uri);
    return text;
}

char *cli_uri_format(const char *token_label, CK_OBJECT_CLASS class, const char *label,
                     const struct bytes *id)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *formatted = NULL;
    char *text = NULL;
    CK_TOKEN_INFO *info;
    bool made;

    if (uri == NULL)
        return NULL;
    info = p11_kit_uri_get_token_info(uri);
    memset(info->label, ' ', sizeof info->label);
    memcpy(info->label, token_label, strnlen(token_label, sizeof info->label));
    made = set_attribute(uri, CKA_CLASS, &class, sizeof class);
    if (label[0] != '\0')
        made = made && set_attribute(uri, CKA_LABEL, label, strlen(label));
    if (id != NULL && id->size != 0)
        made = made && set_attribute(uri, CKA_ID, id->data, id->size);
    if (made && p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &formatted) == P11_KIT_URI_OK)
        text = strdup(formatted);
    free(formatted);
    p11_kit_uri_free(uri);
    return text;
}

static bool fits(struct cli_module *module, P11KitUri *uri, const struct cli_token *token)
{
    CK_TOKEN_INFO info;

    return (token->flags & CKF_TOKEN_INITIALIZED) != 0 &&
           module->functions->C_GetTokenInfo(token->slot, &info) == CKR_OK &&
           p11_kit_uri_match_token_info(uri, &info) == 1;
}

enum cli_status cli_uri_token(struct cli_module *module, P11KitUri *uri, const char *text,
                              struct cli_token *token)
{
    struct cli_tokens tokens;
    enum cli_status status = cli_tokens_list(module, &tokens);
    size_t found = 0;

    for (size_t i = 0; i < tokens.count; i++)
        if (fits(module, uri, &tokens.items[i])) {
            *token = tokens.items[i];
            found++;
        }
    cli_tokens_free(&tokens);
    if (found == 1)
        return CLI_OK;
    if (found > 1)
        return cli_fail(CLI_INPUT, "URI %.*s: fits %zu tokens; add token=LABEL or serial=NUMBER to it",
                        shown(text), text, found);
    if (status != CLI_OK)
        return status;
    return cli_fail(CLI_INPUT,
                    "URI %.*s: names a token that is not there; 'devid token list' shows the tokens",
                    shown(text), text);
}

enum cli_status cli_uri_object(P11KitUri *uri, char **label, struct bytes *id)
{
    CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(uri, CKA_LABEL);

    *label = NULL;
    *id = BYTES_EMPTY;
    if (attribute != NULL) {
        *label = strndup(attribute->pValue, attribute->ulValueLen);
        if (*label == NULL)
            return cli_no_memory();
    }
    attribute = p11_kit_uri_get_attribute(uri, CKA_ID);
    if (attribute != NULL && !bytes_copy(id, attribute->pValue, attribute->ulValueLen))
        return cli_no_memory();
    return CLI_OK;
}
