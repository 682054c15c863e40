/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/object.h"

#include <stdlib.h>
#include <string.h>

#define FIND_BATCH 64
#define ATTRIBUTE_MAXIMUM (1024 * 1024)

/* ---- attributes */

static bool absent(CK_RV rv, const CK_ATTRIBUTE *attribute)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
           (rv == CKR_OK && attribute->ulValueLen == CK_UNAVAILABLE_INFORMATION);
}

enum cli_status cli_object_read(const struct cli_session *session, CK_OBJECT_HANDLE object,
                                CK_ATTRIBUTE_TYPE type, struct bytes *value)
{
    CK_FUNCTION_LIST *functions = session->module->functions;
    CK_ATTRIBUTE attribute = {.type = type};
    char thing[CLI_THING_SIZE];
    CK_RV rv = functions->C_GetAttributeValue(session->handle, object, &attribute, 1);

    *value = BYTES_EMPTY;
    if (absent(rv, &attribute))
        return CLI_OK;
    if (rv == CKR_OK && attribute.ulValueLen > ATTRIBUTE_MAXIMUM)
        return cli_fail(CLI_TOKEN, "token '%s': an attribute of %lu bytes; the module is broken",
                        session->token.label, (unsigned long)attribute.ulValueLen);
    if (rv == CKR_OK) {
        if (!bytes_alloc(value, attribute.ulValueLen + 1))
            return cli_no_memory();
        attribute.pValue = value->data;
        value->size = attribute.ulValueLen;
        rv = functions->C_GetAttributeValue(session->handle, object, &attribute, 1);
    }
    if (rv == CKR_OK) {
        value->size = attribute.ulValueLen < value->size ? attribute.ulValueLen : value->size;
        value->data[value->size] = '\0';
        return CLI_OK;
    }
    cli_token_thing(session->token.label, thing);
    return cli_call_failed(session->module, "C_GetAttributeValue", thing, rv);
}

static bool has_key_type(CK_OBJECT_CLASS class)
{
    return class == CKO_PRIVATE_KEY || class == CKO_PUBLIC_KEY || class == CKO_SECRET_KEY;
}

static enum cli_status read_object(const struct cli_session *session, CK_OBJECT_CLASS class,
                                   CK_OBJECT_HANDLE handle, struct cli_object *object)
{
    struct bytes label = BYTES_EMPTY;
    struct bytes type = BYTES_EMPTY;
    enum cli_status status = cli_object_read(session, handle, CKA_LABEL, &label);

    *object = (struct cli_object){.handle = handle, .key_type = CK_UNAVAILABLE_INFORMATION};
    if (status == CLI_OK)
        status = cli_object_read(session, handle, CKA_ID, &object->id);
    if (status == CLI_OK && has_key_type(class))
        status = cli_object_read(session, handle, CKA_KEY_TYPE, &type);
    if (status == CLI_OK && type.size == sizeof object->key_type)
        memcpy(&object->key_type, type.data, sizeof object->key_type);
    if (status == CLI_OK) {
        object->label = strdup(label.data != NULL ? (const char *)label.data : "");
        status = object->label != NULL ? CLI_OK : cli_no_memory();
    }
    bytes_free(&label);
    bytes_free(&type);
    return status;
}

/* ---- finding */

static bool grow(struct cli_objects *objects, CK_ULONG by)
{
    struct cli_object *grown = realloc(objects->items, (objects->count + by) * sizeof *grown);

    if (grown == NULL)
        return false;
    objects->items = grown;
    memset(grown + objects->count, 0, by * sizeof *grown);
    return true;
}

/* Handles first: a module may not like attribute reads while a search is open. */
static CK_RV collect(const struct cli_session *session, struct cli_objects *objects)
{
    CK_OBJECT_HANDLE batch[FIND_BATCH];
    CK_ULONG got = 0;

    for (;;) {
        CK_RV rv = session->module->functions->C_FindObjects(session->handle, batch, FIND_BATCH, &got);

        if (rv != CKR_OK || got == 0)
            return rv;
        if (!grow(objects, got))
            return CKR_HOST_MEMORY;
        for (CK_ULONG i = 0; i < got; i++)
            objects->items[objects->count++].handle = batch[i];
    }
}

static CK_RV search(const struct cli_session *session, CK_ATTRIBUTE *template, CK_ULONG count,
                    struct cli_objects *objects)
{
    CK_FUNCTION_LIST *functions = session->module->functions;
    CK_RV rv = functions->C_FindObjectsInit(session->handle, template, count);
    CK_RV final;

    if (rv != CKR_OK)
        return rv;
    cli_module_warn(session->module);
    rv = collect(session, objects);
    final = functions->C_FindObjectsFinal(session->handle);
    return rv != CKR_OK ? rv : final;
}

enum cli_status cli_objects_find(const struct cli_session *session, CK_OBJECT_CLASS class, const char *label,
                                 const struct bytes *id, struct cli_objects *objects)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE template[4] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_TOKEN, &yes,   sizeof yes  }
    };
    CK_ULONG count = 2;
    enum cli_status status = CLI_OK;
    char thing[CLI_THING_SIZE];
    CK_RV rv;

    *objects = (struct cli_objects){0};
    if (label != NULL)
        template[count++] = (CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)label, strlen(label)};
    if (id != NULL)
        template[count++] = (CK_ATTRIBUTE){CKA_ID, id->data, id->size};
    rv = search(session, template, count, objects);
    if (rv != CKR_OK) {
        cli_token_thing(session->token.label, thing);
        return cli_call_failed(session->module, "C_FindObjects", thing, rv);
    }
    for (size_t i = 0; status == CLI_OK && i < objects->count; i++)
        status = read_object(session, class, objects->items[i].handle, &objects->items[i]);
    return status;
}

void cli_objects_free(struct cli_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        free(objects->items[i].label);
        bytes_free(&objects->items[i].id);
    }
    free(objects->items);
    *objects = (struct cli_objects){0};
}
