/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/endorsement.h"

#include "common/buffer.h"
#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/soft/der.h"
#include "pkcs11/soft/x509.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/nv.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/template.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>

#include <stdlib.h>
#include <string.h>

/* --- templates: TCG EK Credential Profile 2.x, B.3.3 (L-1) and B.3.4 (L-2)
 * ------------------------------------- */

#define EK_ATTRIBUTES                                                                                        \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* PolicyA: TPM2_PolicySecret by the endorsement hierarchy. */
#define EK_POLICY                                                                                            \
    {                                                                                                        \
        .size = 32, .buffer = {                                                                              \
            0x83,                                                                                            \
            0x71,                                                                                            \
            0x97,                                                                                            \
            0x67,                                                                                            \
            0x44,                                                                                            \
            0x84,                                                                                            \
            0xb3,                                                                                            \
            0xf8,                                                                                            \
            0x1a,                                                                                            \
            0x90,                                                                                            \
            0xcc,                                                                                            \
            0x8d,                                                                                            \
            0x46,                                                                                            \
            0xa5,                                                                                            \
            0xd7,                                                                                            \
            0x24,                                                                                            \
            0xfd,                                                                                            \
            0x52,                                                                                            \
            0xd7,                                                                                            \
            0x6e,                                                                                            \
            0x06,                                                                                            \
            0x52,                                                                                            \
            0x0b,                                                                                            \
            0x64,                                                                                            \
            0xf2,                                                                                            \
            0xa1,                                                                                            \
            0xda,                                                                                            \
            0x1b,                                                                                            \
            0x33,                                                                                            \
            0x14,                                                                                            \
            0x69,                                                                                            \
            0xaa                                                                                             \
        }                                                                                                    \
    }

/* The unique fields are zeros of the size that the key's own will have: an empty one makes another key. */
static const TPM2B_PUBLIC rsa_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_RSA,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = EK_ATTRIBUTES,
                     .authPolicy = EK_POLICY,
                     .parameters.rsaDetail = {.symmetric = TPM_AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .keyBits = 2048},
                     .unique.rsa.size = 256,
                     },
};

static const TPM2B_PUBLIC ecc_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_ECC,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = EK_ATTRIBUTES,
                     .authPolicy = EK_POLICY,
                     .parameters.eccDetail = {.symmetric = TPM_AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .curveID = TPM2_ECC_NIST_P256,
                                     .kdf.scheme = TPM2_ALG_NULL},
                     .unique.ecc = {.x.size = 32, .y.size = 32},
                     },
};

/* Handles: TCG Registry of Reserved TPM 2.0 Handles and Localities. NV indexes: EK Credential
 * Profile, 2.2.1.4. */
static const struct row {
    TPM2_HANDLE handle;
    TPM2_HANDLE certificate;
    const TPM2B_PUBLIC *template;
    const char *name;
    const char *label;
} rows[] = {
    {0x81010001, 0x01c00002, &rsa_template, "tpm-ek-rsa", "TPM endorsement key (RSA)"},
    {0x81010002, 0x01c0000a, &ecc_template, "tpm-ek-ec",  "TPM endorsement key (EC)" },
};

#define ROWS (sizeof rows / sizeof rows[0])

#define FIRST_CERTIFICATE 0x01c00000U
#define FIRST_CHAIN 0x01c00100U
#define LAST_CHAIN 0x01c001ffU
#define CHAIN_MAXIMUM 8

/* --- endorsement keys
 * ------------------------------------------------------------------------------------------ */

struct ek {
    TPM2B_PUBLIC area;
    TPM2_HANDLE handle; /* 0: it is not persistent */
};

static bool is_endorsement_area(const TPMT_PUBLIC *area)
{
    const TPMA_OBJECT needed = TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;

    return (area->objectAttributes & needed) == needed && area->authPolicy.size != 0;
}

bool tpm_is_endorsement(const struct tpm_key *key)
{
    return is_endorsement_area(&key->public_area.publicArea);
}

/* Keeps the key that was made at the row's handle, which is empty. */
static TSS2_RC make_persistent(const struct tpm_token *token, const struct row *row,
                               const struct tpm_primary *made, struct ek *ek)
{
    TPM2B_NAME name;
    TSS2_RC rc;

    if (tpm_public_name(&made->area, &name) != CKR_OK)
        return TSS2_SYS_RC_GENERAL_FAILURE;
    rc = tpm_evict(token->tpm, &token->bus, made->handle, &name, row->handle);
    if (rc == TSS2_RC_SUCCESS)
        ek->handle = row->handle;
    return rc;
}

static TSS2_RC make_ek(const struct tpm_token *token, const struct row *row, bool persist, struct ek *ek)
{
    struct tpm_primary made;
    TSS2_RC rc = tpm_create_primary(token->tpm, &token->bus, TPM2_RH_ENDORSEMENT, row->template, &made);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    ek->area = made.area;
    if (persist)
        rc = make_persistent(token, row, &made, ek);
    tpm_flush(token->tpm, made.handle);
    return rc;
}

/* What is at the handle is read and never replaced; a key of another kind there is left alone. */
static TSS2_RC find_ek(const struct tpm_token *token, const struct row *row, bool persist, struct ek *ek)
{
    TSS2_RC rc = tpm_read_public(token->tpm, row->handle, &ek->area);

    if (rc == TSS2_RC_SUCCESS && is_endorsement_area(&ek->area.publicArea)) {
        ek->handle = row->handle;
        return rc;
    }
    if (rc == TSS2_RC_SUCCESS)
        log_warning("the key at 0x%08x is no endorsement key; it is left alone", row->handle);
    else if (!tpm_rc_is_stale(rc))
        return rc;
    return make_ek(token, row, persist && rc != TSS2_RC_SUCCESS, ek);
}

static CK_RV read_ek(const struct tpm_token *token, const struct row *row, bool persist, struct ek *ek)
{
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    *ek = (struct ek){.handle = 0};
    if (rv != CKR_OK)
        return rv;
    rc = find_ek(token, row, persist, ek);
    tpm_leave(token->tpm);
    if (tpm_rc_is_auth(rc))
        return tpm_hierarchy_refused(token->tpm, persist ? TPM2_RH_OWNER : TPM2_RH_ENDORSEMENT,
                                     "read the endorsement key");
    return rc == TSS2_RC_SUCCESS ? CKR_OK : tpm_failed(token->tpm, "read its endorsement key", rc);
}

static CK_RV add_key(const char *name, const char *label, const TPM2B_PUBLIC *area, TPM2_HANDLE handle,
                     device_object_sink *add, void *data)
{
    uint8_t wire[sizeof *area];
    struct public_key public;
    struct device_object object = {
        .name = name, .label = label, .public = &public, .area = {wire, 0},
                   .handle = handle
    };
    CK_RV rv = tpm_public_key(area, &public);

    if (rv != CKR_OK)
        return p11_fail(rv, "%s is of a type or curve that is not supported", label);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, wire, sizeof wire, &object.area.size) != TSS2_RC_SUCCESS)
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK)
        rv = add(data, &object);
    public_key_free(&public);
    return rv;
}

/* --- certificates
 * ------------------------------------------------------------------------------------------------ */

static CK_RV nv_read(const struct tpm_token *token, TPM2_HANDLE index, struct bytes *content)
{
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    *content = BYTES_EMPTY;
    if (rv != CKR_OK)
        return rv;
    rc = tpm_nv_read(token->tpm, &token->bus, index, content);
    tpm_leave(token->tpm);
    return rc == TSS2_RC_SUCCESS ? CKR_OK
                                 : tpm_failed(token->tpm, "read a certificate from its NV memory", rc);
}

/* Manufacturers leave the end of an index as it was: only what DER counts is the certificate. */
static size_t split(const struct bytes *content, struct bytes certificates[CHAIN_MAXIMUM])
{
    struct reader reader;
    size_t count = 0;

    reader_init(&reader, content->data, content->size);
    while (count < CHAIN_MAXIMUM && der_next_is(&reader, DER_SEQUENCE)) {
        certificates[count] = der_element(&reader);
        if (reader.failed || !soft_certificate_valid(&certificates[count]))
            break;
        count++;
    }
    return count;
}

static CK_RV add_certificates(const char *name, const char *label, const struct bytes *content,
                              size_t maximum, device_object_sink *add, void *data)
{
    struct bytes certificates[CHAIN_MAXIMUM];
    struct device_object object = {.name = name, .label = label, .certificates = certificates};

    object.certificate_count = split(content, certificates);
    if (object.certificate_count > maximum)
        object.certificate_count = maximum;
    if (object.certificate_count == 0)
        return p11_fail(CKR_DATA_INVALID, "the TPM's NV memory holds no X.509 certificate for %s", label);
    return add(data, &object);
}

static CK_RV read_certificate(const struct tpm_token *token, const struct row *row, device_object_sink *add,
                              void *data)
{
    struct bytes content;
    CK_RV rv = nv_read(token, row->certificate, &content);

    if (rv == CKR_OK)
        rv = add_certificates(row->name, row->label, &content, 1, add, data);
    bytes_free(&content);
    return rv;
}

/* The certificates of the issuers stand one behind the other, over as many indexes as it takes. */
static CK_RV read_chain(const struct tpm_token *token, const struct tpm_nv_list *list,
                        device_object_sink *add, void *data)
{
    struct buffer all;
    struct bytes chain = BYTES_EMPTY;
    CK_RV rv = CKR_OK;

    buffer_init(&all, 65536);
    for (size_t i = 0; rv == CKR_OK && i < list->count; i++) {
        struct bytes content = BYTES_EMPTY;

        if (list->indexes[i] >= FIRST_CHAIN)
            rv = nv_read(token, list->indexes[i], &content);
        if (rv == CKR_OK && content.size != 0)
            buffer_add(&all, content.data, content.size);
        bytes_free(&content);
    }
    if (rv == CKR_OK && all.size != 0)
        rv = buffer_take(&all, &chain) ? add_certificates("tpm-ek-chain", "TPM endorsement key chain", &chain,
                                                          CHAIN_MAXIMUM, add, data)
                                       : CKR_HOST_MEMORY;
    bytes_free(&chain);
    buffer_free(&all);
    return rv;
}

static CK_RV list_certificates(const struct tpm_token *token, struct tpm_nv_list *list)
{
    TSS2_RC rc;
    CK_RV rv = tpm_enter(token->tpm);

    list->count = 0;
    if (rv != CKR_OK)
        return rv;
    rc = tpm_nv_list(token->tpm, FIRST_CERTIFICATE, LAST_CHAIN, list);
    tpm_leave(token->tpm);
    return rc == TSS2_RC_SUCCESS ? CKR_OK : tpm_failed(token->tpm, "list its NV memory", rc);
}

/* --- all of them
 * -------------------------------------------------------------------------------------------------- */

/* What cannot be had is left out: a token is of use without it. What cannot be written is a failure. */
struct collection {
    device_object_sink *add;
    void *data;
    CK_RV written;
};

static CK_RV pass_on(void *data, const struct device_object *object)
{
    struct collection *collection = data;

    collection->written = collection->add(collection->data, object);
    return collection->written;
}

static void note(const struct collection *collection, const char *thing, CK_RV rv)
{
    if (rv != CKR_OK && collection->written == CKR_OK)
        p11_failure_to_note(thing, rv, "'devid tpm setup' reads it again");
}

static void collect_keys(const struct tpm_token *token, const struct row *row, bool persist,
                         struct collection *collection)
{
    struct ek ek;
    CK_RV rv = read_ek(token, row, persist, &ek);

    if (rv == CKR_OK)
        rv = add_key(row->name, row->label, &ek.area, ek.handle, pass_on, collection);
    note(collection, row->label, rv);
}

static void collect_certificates(const struct tpm_token *token, struct collection *collection)
{
    struct tpm_nv_list list;
    CK_RV rv = list_certificates(token, &list);

    note(collection, "EK certificates", rv);
    for (size_t i = 0; i < ROWS && collection->written == CKR_OK; i++)
        if (tpm_nv_listed(&list, rows[i].certificate))
            note(collection, rows[i].label, read_certificate(token, &rows[i], pass_on, collection));
    if (collection->written == CKR_OK)
        note(collection, "EK certificate chain", read_chain(token, &list, pass_on, collection));
}

CK_RV tpm_device_objects(void *instance, bool persist, device_object_sink *add, void *data)
{
    const struct tpm_token *token = instance;
    struct collection collection = {add, data, CKR_OK};

    for (size_t i = 0; i < ROWS && collection.written == CKR_OK; i++)
        collect_keys(token, &rows[i], persist, &collection);
    if (collection.written == CKR_OK && token->bus.area.size != 0)
        note(&collection, "TPM storage root key",
             add_key("tpm-srk", "TPM storage root key", &token->bus.area,
                     token->parent != TPM2_RH_OWNER ? token->parent : 0, pass_on, &collection));
    if (collection.written == CKR_OK)
        collect_certificates(token, &collection);
    return collection.written;
}

/* --- a key that a file states
 * ----------------------------------------------------------------------------------- */

static CK_RV read_area(const struct bytes *area, const struct public_key *public, struct tpm_key *key)
{
    size_t used = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(area->data, area->size, &used, &key->public_area) != TSS2_RC_SUCCESS ||
        used != area->size || tpm_public_key(&key->public_area, &key->public) != CKR_OK ||
        tpm_public_name(&key->public_area, &key->name) != CKR_OK)
        return p11_fail(CKR_DATA_INVALID, "'TPM2B-Public' is not the public area of a key");
    return public_key_equal(&key->public, public)
               ? CKR_OK
               : p11_fail(CKR_DATA_INVALID, "'TPM2B-Public' is not the key of the block below it");
}

CK_RV tpm_adopt(void *instance, const struct bytes *area, CK_ULONG handle, const struct public_key *public,
                void **out)
{
    struct tpm_key *key = calloc(1, sizeof *key);
    CK_RV rv;

    (void)instance;
    if (key == NULL)
        return CKR_HOST_MEMORY;
    rv = read_area(area, public, key);
    key->persistent = (TPM2_HANDLE)handle;
    key->parent = tpm_is_endorsement(key) ? TPM2_RH_ENDORSEMENT : TPM2_RH_OWNER;
    if (rv == CKR_OK)
        *out = key;
    else
        tpm_key_free(key);
    return rv;
}

static bool holds(const TPM2B_PUBLIC *area, const struct tpm_key *key)
{
    TPM2B_NAME name;

    return tpm_public_name(area, &name) == CKR_OK &&
           bytes_equal(name.name, name.size, key->name.name, key->name.size);
}

TSS2_RC tpm_endorsement_handle(const struct tpm_token *token, const struct tpm_key *key, bool anew,
                               TPM2_HANDLE *handle, bool *transient)
{
    const struct row *row = &rows[key->public.type == CKK_RSA ? 0 : 1];
    struct tpm_primary made;
    TSS2_RC rc;

    *transient = false;
    *handle = key->persistent;
    if (key->persistent != 0 && !anew)
        return TSS2_RC_SUCCESS;
    rc = tpm_create_primary(token->tpm, &token->bus, TPM2_RH_ENDORSEMENT, row->template, &made);
    if (rc == TSS2_RC_SUCCESS && !holds(&made.area, key)) {
        tpm_flush(token->tpm, made.handle);
        return TPM_RC_OTHER_KEY;
    }
    *transient = rc == TSS2_RC_SUCCESS;
    *handle = made.handle;
    return rc;
}
