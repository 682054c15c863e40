/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/object.h"
#include "provider/error.h"
#include "provider/guard.h"

#include <stdlib.h>
#include <string.h>

/* The attributes that are asked for, and how large each may be: more than any key or sensible certificate
 * needs. */
struct row {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG maximum;
    size_t offset;
    bool fixed; /* the field is the value itself, not a struct bytes */
    bool of_keys;
    bool of_certificates;
};

#define FIXED(type, member)                                                                                  \
    {                                                                                                        \
        type, sizeof(((struct prov_object *)0)->member), offsetof(struct prov_object, member), true, true,   \
            false                                                                                            \
    }
#define BYTES(type, maximum, member, keys, certificates)                                                     \
    {                                                                                                        \
        type, maximum, offsetof(struct prov_object, member), false, keys, certificates                       \
    }

static const struct row rows[] = {
    FIXED(CKA_KEY_TYPE, key_type),
    FIXED(CKA_ALWAYS_AUTHENTICATE, always_authenticate),
    BYTES(CKA_ID, 1024, id, true, true),
    BYTES(CKA_LABEL, 1024, label, true, true),
    BYTES(CKA_MODULUS, 2048, modulus, true, false),
    BYTES(CKA_PUBLIC_EXPONENT, 64, exponent, true, false),
    BYTES(CKA_EC_PARAMS, 1024, ec_params, true, false),
    BYTES(CKA_EC_POINT, 512, ec_point, true, false),
    BYTES(CKA_PUBLIC_KEY_INFO, 4096, public_info, true, false),
    BYTES(CKA_ALLOWED_MECHANISMS, 1024, allowed, true, false),
    BYTES(CKA_VALUE, 65536, value, false, true),
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static bool wanted(const struct prov_config *config, const struct row *row, CK_OBJECT_CLASS class)
{
    if (row->type == CKA_ALLOWED_MECHANISMS && (config->quirks & PROV_QUIRK_NO_ALLOWED_MECHANISMS) != 0)
        return false;
    return class == CKO_CERTIFICATE ? row->of_certificates : row->of_keys;
}

/* Everything that the search which was begun finds. *handles grows; it is freed by the caller. */
static CK_RV collect(struct prov_session *session, CK_OBJECT_HANDLE **handles, CK_ULONG *count)
{
    CK_ULONG got = PROV_OBJECTS_AT_ONCE;
    CK_RV rv = CKR_OK;

    while (rv == CKR_OK && got == PROV_OBJECTS_AT_ONCE) {
        CK_OBJECT_HANDLE *more = realloc(*handles, (*count + PROV_OBJECTS_AT_ONCE) * sizeof *more);

        if (more == NULL)
            return CKR_HOST_MEMORY;
        *handles = more;
        got = 0;
        rv = session->token->module->functions->C_FindObjects(session->handle, more + *count,
                                                              PROV_OBJECTS_AT_ONCE, &got);
        *count += rv == CKR_OK ? got : 0;
    }
    return rv;
}

CK_RV prov_object_find(struct prov_session *session, CK_ATTRIBUTE *template, CK_ULONG template_count,
                       CK_OBJECT_HANDLE **handles, CK_ULONG *count)
{
    CK_FUNCTION_LIST *functions = session->token->module->functions;
    const char *call = "C_FindObjectsInit";
    CK_RV rv;

    *handles = NULL;
    *count = 0;
    prov_guard_enter();
    rv = functions->C_FindObjectsInit(session->handle, template, template_count);
    if (rv == CKR_OK) {
        prov_error_note(session->token->module, session->note, sizeof session->note);
        call = "C_FindObjects";
        rv = collect(session, handles, count);
        if (rv == CKR_OK)
            rv = functions->C_FindObjectsFinal(session->handle);
        else
            functions->C_FindObjectsFinal(session->handle);
    }
    prov_guard_leave();
    session->broken = session->broken || rv != CKR_OK;
    if (rv == CKR_OK)
        return rv;
    free(*handles);
    *handles = NULL;
    *count = 0;
    prov_raise_rv(session->token->module, rv, call, session->token->module->name);
    return rv;
}

/* The attributes of the class, all pointing into one block of memory. */
static CK_ULONG prepare(const struct prov_config *config, CK_OBJECT_CLASS class, CK_ATTRIBUTE *attributes,
                        struct bytes *memory)
{
    CK_ULONG count = 0;
    size_t size = 0;

    for (size_t i = 0; i < ROWS; i++)
        size += wanted(config, &rows[i], class) ? rows[i].maximum : 0;
    if (!bytes_alloc(memory, size))
        return 0;
    size = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!wanted(config, &rows[i], class))
            continue;
        attributes[count++] = (CK_ATTRIBUTE){rows[i].type, memory->data + size, rows[i].maximum};
        size += rows[i].maximum;
    }
    return count;
}

static bool keep(struct prov_object *object, const struct row *row, const CK_ATTRIBUTE *attribute)
{
    void *field = (char *)object + row->offset;

    if (attribute->ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute->ulValueLen > row->maximum ||
        attribute->ulValueLen == 0)
        return true;
    if (!row->fixed)
        return bytes_copy(field, attribute->pValue, attribute->ulValueLen);
    if (attribute->ulValueLen == row->maximum)
        memcpy(field, attribute->pValue, row->maximum);
    return true;
}

/* These answers still fill in whatever the object does have. */
static bool is_partial(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV prov_object_read(struct prov_session *session, CK_OBJECT_HANDLE handle, CK_OBJECT_CLASS class,
                       struct prov_object *object)
{
    struct prov_module *module = session->token->module;
    const struct prov_config *config = &module->provider->config;
    struct bytes memory = BYTES_EMPTY;
    CK_ATTRIBUTE attributes[ROWS];
    CK_ULONG count = prepare(config, class, attributes, &memory);
    CK_RV rv = CKR_HOST_MEMORY;

    *object = (struct prov_object){.handle = handle, .class = class, .key_type = CK_UNAVAILABLE_INFORMATION};
    if (count > 0) {
        prov_guard_enter();
        rv = module->functions->C_GetAttributeValue(session->handle, handle, attributes, count);
        prov_guard_leave();
    }
    if (is_partial(rv))
        rv = CKR_OK;
    for (size_t i = 0, n = 0; rv == CKR_OK && i < ROWS; i++) {
        if (wanted(config, &rows[i], class) && !keep(object, &rows[i], &attributes[n++]))
            rv = CKR_HOST_MEMORY;
    }
    bytes_free(&memory);
    if (rv != CKR_OK)
        prov_raise_rv(module, rv, "C_GetAttributeValue", module->name);
    return rv;
}

void prov_object_free(struct prov_object *object)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].fixed)
            bytes_free((struct bytes *)(void *)((char *)object + rows[i].offset));
    }
}
