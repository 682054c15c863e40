/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/uri.h"
#include "provider/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* p11-kit reads past white space wherever it stands, in the middle of a name too. malloc'ed. */
static char *without_space(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    char *end = copy;

    if (copy == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (!isspace((unsigned char)*text))
            *end++ = *text;
    }
    *end = '\0';
    return copy;
}

/* The copy of `text` for messages: every value of pin-value becomes "...". */
static char *blot_out_pin(const char *text)
{
    static const char name[] = "pin-value=";
    char *bare = without_space(text);
    char *copy = bare != NULL ? malloc(4 * strlen(bare) + 1) : NULL;
    const char *rest = bare;
    char *end = copy;
    const char *found;

    while (copy != NULL && (found = strstr(rest, name)) != NULL) {
        found += sizeof name - 1;
        end = mempcpy(end, rest, (size_t)(found - rest));
        end = mempcpy(end, "...", 3);
        rest = found + strcspn(found, "?&;");
    }
    if (copy != NULL)
        strcpy(end, rest);
    if (bare != NULL)
        bytes_wipe(bare, strlen(bare));
    free(bare);
    return copy;
}

/* The PIN moves to memory that is wiped; p11-kit's copy is wiped in place. */
static bool take_pin(struct prov_uri *uri)
{
    const char *pin = p11_kit_uri_get_pin_value(uri->parsed);
    bool ok = pin == NULL || bytes_copy(&uri->pin, pin, strlen(pin));

    if (pin != NULL) {
        bytes_wipe((char *)(uintptr_t)pin, strlen(pin));
        p11_kit_uri_set_pin_value(uri->parsed, NULL);
    }
    return ok;
}

/* Empty when the URI can be used, else what is wrong with it. */
static const char *parse(struct prov_uri *uri, const char *text)
{
    int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri->parsed);

    if (!take_pin(uri))
        return "no memory";
    uri->pin_source = p11_kit_uri_get_pin_source(uri->parsed);
    uri->module_name = p11_kit_uri_get_module_name(uri->parsed);
    uri->module_path = p11_kit_uri_get_module_path(uri->parsed);
    if (result != P11_KIT_URI_OK)
        return p11_kit_uri_message(result);
    return p11_kit_uri_any_unrecognized(uri->parsed) ? "it names an attribute that RFC 7512 does not" : "";
}

/* The scheme may stand twice: "engine:pkcs11:pkcs11:token=..." is what users of libp11's engine wrote, and a
 * part of it is what they bring along. */
static const char *skip_second_scheme(const char *text)
{
    static const char twice[] = "pkcs11:pkcs11:";

    return strncmp(text, twice, sizeof twice - 1) == 0 ? text + (sizeof twice - 1) / 2 : text;
}

struct prov_uri *prov_uri_parse(const struct prov_core *core, const char *given)
{
    const char *text = skip_second_scheme(given);
    struct prov_uri *uri = calloc(1, sizeof *uri);
    const char *wrong;

    if (uri != NULL) {
        atomic_init(&uri->references, 1);
        uri->text = blot_out_pin(text);
        uri->parsed = p11_kit_uri_new();
    }
    if (uri == NULL || uri->text == NULL || uri->parsed == NULL) {
        prov_raise(core, PROV_R_NO_MEMORY, "for a URI");
        prov_uri_free(uri);
        return NULL;
    }
    wrong = parse(uri, text);
    if (wrong[0] == '\0')
        return uri;
    prov_raise(core, PROV_R_BAD_URI, "%s: %s", uri->text, wrong);
    prov_uri_free(uri);
    return NULL;
}

struct prov_uri *prov_uri_share(struct prov_uri *uri)
{
    atomic_fetch_add(&uri->references, 1);
    return uri;
}

void prov_uri_free(struct prov_uri *uri)
{
    if (uri == NULL || atomic_fetch_sub(&uri->references, 1) != 1)
        return;
    p11_kit_uri_free(uri->parsed);
    bytes_free(&uri->pin);
    free(uri->text);
    free(uri);
}

bool prov_uri_equal(const struct prov_uri *a, const struct prov_uri *b)
{
    return strcmp(a->text, b->text) == 0 && bytes_equal(a->pin.data, a->pin.size, b->pin.data, b->pin.size);
}

bool prov_uri_matches_token(const struct prov_uri *uri, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri->parsed);

    return (wanted == (CK_SLOT_ID)-1 || wanted == slot) &&
           p11_kit_uri_match_token_info(uri->parsed, info) == 1;
}

bool prov_uri_names_slot(const struct prov_uri *uri)
{
    const CK_SLOT_INFO *slot = p11_kit_uri_get_slot_info(uri->parsed);

    return slot->slotDescription[0] != '\0' || slot->manufacturerID[0] != '\0';
}

bool prov_uri_matches_slot(const struct prov_uri *uri, const CK_SLOT_INFO *info)
{
    return p11_kit_uri_match_slot_info(uri->parsed, info) == 1;
}

bool prov_uri_names_library(const struct prov_uri *uri)
{
    const CK_INFO *info = p11_kit_uri_get_module_info(uri->parsed);

    return info->libraryDescription[0] != '\0' || info->manufacturerID[0] != '\0' ||
           info->libraryVersion.major != (CK_BYTE)-1;
}

bool prov_uri_matches_library(const struct prov_uri *uri, const CK_INFO *info)
{
    return p11_kit_uri_match_module_info(uri->parsed, info) == 1;
}

bool prov_uri_names_class(const struct prov_uri *uri, CK_OBJECT_CLASS class)
{
    const CK_ATTRIBUTE *named = p11_kit_uri_get_attribute(uri->parsed, CKA_CLASS);

    return named != NULL && named->ulValueLen == sizeof class &&
           memcmp(named->pValue, &class, sizeof class) == 0;
}

bool prov_uri_admits_class(const struct prov_uri *uri, CK_OBJECT_CLASS class)
{
    return p11_kit_uri_get_attribute(uri->parsed, CKA_CLASS) == NULL || prov_uri_names_class(uri, class);
}

CK_ULONG prov_uri_add_to_template(const struct prov_uri *uri, CK_ATTRIBUTE *attributes)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_LABEL};
    CK_ULONG count = 0;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(uri->parsed, types[i]);

        if (attribute != NULL)
            attributes[count++] = *attribute;
    }
    return count;
}

static bool add_attribute(P11KitUri *uri, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    CK_ATTRIBUTE attribute = {type, (void *)(uintptr_t)value, size};

    return size == 0 || p11_kit_uri_set_attribute(uri, &attribute) == P11_KIT_URI_OK;
}

char *prov_uri_format(const CK_TOKEN_INFO *token, CK_OBJECT_CLASS class, const struct bytes *id,
                      const struct bytes *label)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *formatted = NULL;
    char *text = NULL;

    if (uri == NULL)
        return NULL;
    *p11_kit_uri_get_token_info(uri) = *token;
    if (add_attribute(uri, CKA_CLASS, &class, sizeof class) &&
        add_attribute(uri, CKA_ID, id->data, id->size) &&
        add_attribute(uri, CKA_LABEL, label->data, label->size) &&
        p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &formatted) == P11_KIT_URI_OK)
        text = strdup(formatted);
    free(formatted);
    p11_kit_uri_free(uri);
    return text;
}
