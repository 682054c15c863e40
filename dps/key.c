/* SPDX-License-Identifier: Apache-2.0 */
#include "dps/key.h"

#include "dps/token.h"

#include <string.h>

#define TEMPLATE_MAXIMUM 12
#define OBJECTS_MAXIMUM 256
#define PUBLIC_MAXIMUM 4096

/* What a TPM2B_PUBLIC says (TPM 2.0 Library, part 2). */
#define TPM_ALG_RSA 0x0001
#define TPMA_USER_WITH_AUTH 0x00000040U
#define TPMA_ADMIN_WITH_POLICY 0x00000080U
#define TPMA_RESTRICTED 0x00010000U
#define TPMA_DECRYPT 0x00020000U

static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_OBJECT_CLASS public_class = CKO_PUBLIC_KEY;
static CK_KEY_TYPE generic_type = CKK_GENERIC_SECRET;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* ---- secret keys ---- */

/* Adds the URI's label and id, if it has them, behind count attributes. Answers the new count. */
static CK_ULONG add_identity(const struct dps_token *token, CK_ATTRIBUTE *template, CK_ULONG count)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        CK_ATTRIBUTE *attribute = p11_kit_uri_get_attribute(token->uri, types[i]);

        if (attribute != NULL)
            template[count++] = *attribute;
    }
    return count;
}

dps_status dps_key_find(struct dps_token *token, dps_key_handle *out)
{
    CK_ATTRIBUTE template[TEMPLATE_MAXIMUM] = {
        {CKA_CLASS, &secret_class, sizeof secret_class}
    };
    CK_ULONG count = add_identity(token, template, 1);
    CK_OBJECT_HANDLE objects[2];
    CK_ULONG found;
    CK_RV rv = dps_token_find(token, template, count, objects, 2, &found);

    if (rv != CKR_OK)
        return dps_token_fail(token, "looking for the key", rv);
    if (found == 1) {
        *out = objects[0];
        return DPS_OK;
    }
    return dps_report_fail(
        token->settings.report, DPS_KEY,
        found == 0 ? "%s: there is no such secret key in the token \"%s\": import it, or name another"
                   : "%s fits several secret keys of the token \"%s\": add object=LABEL or id=ID to it",
        token->name, token->label);
}

static CK_RV find_label(struct dps_token *token, const char *label, CK_OBJECT_HANDLE *objects,
                        CK_ULONG capacity, CK_ULONG *found)
{
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &secret_class,            sizeof secret_class},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)      },
    };

    return dps_token_find(token, template, 2, objects, capacity, found);
}

dps_status dps_key_find_label(struct dps_token *token, const char *label, bool *found, dps_key_handle *out)
{
    CK_OBJECT_HANDLE objects[2];
    CK_ULONG count;
    CK_RV rv = find_label(token, label, objects, 2, &count);

    *found = rv == CKR_OK && count > 0;
    if (rv != CKR_OK)
        return dps_token_fail(token, "looking for the key", rv);
    if (count > 1)
        return dps_report_fail(
            token->settings.report, DPS_KEY,
            "%s: the token \"%s\" has several keys \"%s\": register again, which leaves one", token->name,
            token->label, label);
    if (count == 1)
        *out = objects[0];
    return DPS_OK;
}

dps_status dps_key_exists(struct dps_token *token, bool *there)
{
    CK_ATTRIBUTE template[TEMPLATE_MAXIMUM] = {
        {CKA_CLASS, &secret_class, sizeof secret_class}
    };
    CK_ULONG count = add_identity(token, template, 1);
    CK_OBJECT_HANDLE object;
    CK_ULONG found;
    CK_RV rv;

    *there = false;
    if (count == 1)
        return dps_report_fail(token->settings.report, DPS_KEY,
                               "%s names no key: add object=LABEL, under which it is to be kept",
                               token->name);
    rv = dps_token_find(token, template, count, &object, 1, &found);
    *there = rv == CKR_OK && found > 0;
    return rv == CKR_OK ? DPS_OK : dps_token_fail(token, "looking for the key", rv);
}

dps_status dps_key_import(struct dps_token *token, const struct bytes *value, dps_key_handle *out)
{
    CK_ATTRIBUTE template[TEMPLATE_MAXIMUM] = {
        {CKA_CLASS,       &secret_class, sizeof secret_class},
        {CKA_KEY_TYPE,    &generic_type, sizeof generic_type},
        {CKA_TOKEN,       &yes,          sizeof yes         },
        {CKA_SIGN,        &yes,          sizeof yes         },
        {CKA_SENSITIVE,   &yes,          sizeof yes         },
        {CKA_EXTRACTABLE, &no,           sizeof no          },
        {CKA_VALUE,       value->data,   value->size        },
    };
    CK_ULONG count = add_identity(token, template, 7);
    CK_OBJECT_HANDLE object;
    CK_RV rv = token->functions->C_CreateObject(token->session, template, count, &object);

    if (rv != CKR_OK)
        return dps_token_fail(token, "taking the key in", rv);
    *out = object;
    return DPS_OK;
}

dps_status dps_key_hmac(struct dps_token *token, dps_key_handle key, const void *data, size_t size,
                        uint8_t out[DPS_SHA256_SIZE])
{
    CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
    CK_ULONG length = DPS_SHA256_SIZE;
    CK_RV rv = token->functions->C_SignInit(token->session, &mechanism, key);

    if (rv == CKR_OK)
        rv = token->functions->C_Sign(token->session, (CK_BYTE *)(uintptr_t)data, size, out, &length);
    if (rv == CKR_OK && length != DPS_SHA256_SIZE)
        rv = CKR_GENERAL_ERROR;
    return rv == CKR_OK ? DPS_OK : dps_token_fail(token, "signing with the key", rv);
}

void dps_key_destroy(struct dps_token *token, dps_key_handle key)
{
    (void)token->functions->C_DestroyObject(token->session, key);
}

/* ---- a TPM's own keys ---- */

/* Reads the vendor attribute. False: the object has none, which is no error, or there is no memory. */
static bool read_public(struct dps_token *token, CK_OBJECT_HANDLE object, struct bytes *out)
{
    uint8_t value[PUBLIC_MAXIMUM];
    CK_ATTRIBUTE attribute = {CKA_DEVID_TPM2B_PUBLIC, value, sizeof value};

    *out = BYTES_EMPTY;
    return token->functions->C_GetAttributeValue(token->session, object, &attribute, 1) == CKR_OK &&
           attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION && bytes_copy(out, value, attribute.ulValueLen);
}

/* Which of the two the public area is of; NULL: another key. They tell themselves apart: both are restricted
 * decryption keys, and only the storage root key is used with an authorisation value. */
static struct bytes *place_for(const struct bytes *area, struct dps_tpm_publics *out)
{
    const uint32_t storage = TPMA_RESTRICTED | TPMA_DECRYPT;
    struct reader reader;
    uint32_t attributes;
    uint16_t type;

    reader_init(&reader, area->data, area->size);
    if (reader_u16(&reader) + 2U != area->size)
        return NULL;
    type = reader_u16(&reader);
    (void)reader_u16(&reader); /* the name's algorithm: the service's concern */
    attributes = reader_u32(&reader);
    if (reader.failed || type != TPM_ALG_RSA || (attributes & storage) != storage)
        return NULL;
    if ((attributes & TPMA_USER_WITH_AUTH) != 0)
        return &out->storage_root_key;
    return (attributes & TPMA_ADMIN_WITH_POLICY) != 0 ? &out->endorsement_key : NULL;
}

struct tpm_objects {
    CK_OBJECT_HANDLE endorsement_key;
    CK_OBJECT_HANDLE storage_root_key;
};

/* The first RSA key of each kind. *out is freed by the caller in any case. */
static CK_RV find_tpm(struct dps_token *token, struct dps_tpm_publics *out, struct tpm_objects *handles)
{
    CK_ATTRIBUTE template = {CKA_CLASS, &public_class, sizeof public_class};
    CK_OBJECT_HANDLE objects[OBJECTS_MAXIMUM];
    CK_ULONG found;
    CK_RV rv = dps_token_find(token, &template, 1, objects, OBJECTS_MAXIMUM, &found);

    for (CK_ULONG i = 0; rv == CKR_OK && i < found; i++) {
        struct bytes area;
        struct bytes *place = read_public(token, objects[i], &area) ? place_for(&area, out) : NULL;

        if (place != NULL && place->size == 0) {
            bytes_move(place, &area);
            *(place == &out->endorsement_key ? &handles->endorsement_key : &handles->storage_root_key) =
                objects[i];
        }
        bytes_free(&area);
    }
    return rv;
}

static dps_status find_tpm_or_fail(struct dps_token *token, struct dps_tpm_publics *out,
                                   struct tpm_objects *handles)
{
    CK_RV rv;

    *out = (struct dps_tpm_publics){0};
    rv = find_tpm(token, out, handles);
    if (rv == CKR_OK && out->endorsement_key.size != 0 && out->storage_root_key.size != 0)
        return DPS_OK;
    if (rv != CKR_OK) {
        dps_tpm_publics_free(out);
        return dps_token_fail(token, "looking for the TPM's keys", rv);
    }
    dps_report_fail(
        token->settings.report, DPS_KEY,
        "%s: the token \"%s\" shows no RSA %s key, which the service needs: it must be a token of a "
        "TPM whose endorsement key and RSA storage root key are set up",
        token->name, token->label, out->endorsement_key.size == 0 ? "endorsement" : "storage root");
    dps_tpm_publics_free(out);
    return DPS_KEY;
}

dps_status dps_key_read_tpm(struct dps_token *token, struct dps_tpm_publics *out)
{
    struct tpm_objects handles = {0};

    return find_tpm_or_fail(token, out, &handles);
}

void dps_tpm_publics_free(struct dps_tpm_publics *publics)
{
    bytes_free(&publics->endorsement_key);
    bytes_free(&publics->storage_root_key);
}

/* ---- what the service wrapped ---- */

static CK_RV unwrap(struct dps_token *token, const struct tpm_objects *tpm, const struct bytes *wrapped,
                    const char *label, CK_OBJECT_HANDLE *out)
{
    CK_OBJECT_HANDLE parent = tpm->storage_root_key;
    CK_MECHANISM mechanism = {CKM_DEVID_TPM2_CREDENTIAL, &parent, sizeof parent};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS,    &secret_class,              sizeof secret_class              },
        {CKA_KEY_TYPE, &generic_type,              sizeof generic_type              },
        {CKA_SIGN,     &yes,                       sizeof yes                       },
        {CKA_TOKEN,    label != NULL ? &yes : &no, sizeof yes                       },
        {CKA_LABEL,    (void *)(uintptr_t)label,   label != NULL ? strlen(label) : 0},
    };

    return token->functions->C_UnwrapKey(token->session, &mechanism, tpm->endorsement_key, wrapped->data,
                                         wrapped->size, template, label != NULL ? 5 : 4, out);
}

/* Whether the token may yet take in for a session what it did not keep. */
static bool keeps_nothing(CK_RV rv)
{
    return rv == CKR_TOKEN_WRITE_PROTECTED || rv == CKR_SESSION_READ_ONLY ||
           rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_DEVICE_MEMORY;
}

/* Takes the key in under the label; only then goes what had it before. */
static CK_RV unwrap_and_replace(struct dps_token *token, const struct tpm_objects *tpm,
                                const struct bytes *wrapped, const char *label, CK_OBJECT_HANDLE *out)
{
    CK_OBJECT_HANDLE old[OBJECTS_MAXIMUM];
    CK_ULONG found;
    CK_RV rv = find_label(token, label, old, OBJECTS_MAXIMUM, &found);

    if (rv == CKR_OK)
        rv = unwrap(token, tpm, wrapped, label, out);
    for (CK_ULONG i = 0; rv == CKR_OK && i < found; i++)
        rv = token->functions->C_DestroyObject(token->session, old[i]);
    return rv;
}

dps_status dps_key_unwrap(struct dps_token *token, const struct bytes *wrapped, const char *label,
                          dps_key_handle *out, bool *kept)
{
    struct dps_tpm_publics publics;
    struct tpm_objects tpm = {0};
    dps_status status = find_tpm_or_fail(token, &publics, &tpm);
    CK_OBJECT_HANDLE object = 0;
    bool keep = label != NULL;
    CK_RV rv;

    if (status != DPS_OK)
        return status;
    dps_tpm_publics_free(&publics);
    rv = keep ? unwrap_and_replace(token, &tpm, wrapped, label, &object)
              : unwrap(token, &tpm, wrapped, NULL, &object);
    if (keep && keeps_nothing(rv)) {
        keep = false;
        rv = unwrap(token, &tpm, wrapped, NULL, &object);
    }
    if (kept != NULL)
        *kept = keep;
    if (rv != CKR_OK)
        return dps_token_fail(token, "taking in the key that the service wrapped for this TPM", rv);
    *out = object;
    return DPS_OK;
}
