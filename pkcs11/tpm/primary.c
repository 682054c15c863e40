/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/primary.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

#include <tss2/tss2_rc.h>

#include <stdlib.h>
#include <string.h>

/* TCG TPM v2.0 Provisioning Guidance, 7.5.1; the Windows, Azure and systemd tools make it so too. */
#define STORAGE_ATTRIBUTES                                                                                   \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |                      \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

#define AES_128_CFB                                                                                          \
    {                                                                                                        \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB                              \
    }

/* The storage primary of a hierarchy in a TSS2 key file: ECC P-256 with an empty unique field. */
static const TPM2B_PUBLIC ecc_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_ECC,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = STORAGE_ATTRIBUTES,
                     .parameters.eccDetail = {.symmetric = AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .curveID = TPM2_ECC_NIST_P256,
                                     .kdf.scheme = TPM2_ALG_NULL},
                     },
};

/* The storage root key at TPM_SRK_HANDLE: RSA-2048, unique 256 zero bytes, as Azure's clients expect it
 * there. */
static const TPM2B_PUBLIC rsa_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_RSA,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = STORAGE_ATTRIBUTES,
                     .parameters.rsaDetail = {.symmetric = AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .keyBits = 2048},
                     .unique.rsa.size = 256,
                     },
};

/* --- commands
 * ------------------------------------------------------------------------------------------------ */

static TSS2_RC prepare_read_public(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *handle = arguments;

    return Tss2_Sys_ReadPublic_Prepare(sys, *handle);
}

static TSS2_RC complete_read_public(TSS2_SYS_CONTEXT *sys, void *result)
{
    return Tss2_Sys_ReadPublic_Complete(sys, result, NULL, NULL);
}

static TSS2_RC read_public(struct tpm *tpm, TPM2_HANDLE handle, TPM2B_PUBLIC *area)
{
    static const struct tpm_command command = {"ReadPublic", prepare_read_public, complete_read_public, 0};

    memset(area, 0, sizeof *area);
    return tpm_execute(tpm, &command, &handle, area);
}

static TSS2_RC prepare_create_primary(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_SENSITIVE_CREATE empty;
    static const TPM2B_DATA no_data;
    static const TPML_PCR_SELECTION no_pcrs;

    return Tss2_Sys_CreatePrimary_Prepare(sys, TPM2_RH_OWNER, &empty, arguments, &no_data, &no_pcrs);
}

struct created_primary {
    TPM2_HANDLE handle;
    TPM2B_PUBLIC area;
};

static TSS2_RC complete_create_primary(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct created_primary *created = result;

    return Tss2_Sys_CreatePrimary_Complete(sys, &created->handle, &created->area, NULL, NULL, NULL, NULL);
}

static TSS2_RC create_primary(struct tpm *tpm, const TPM2B_PUBLIC *template, struct created_primary *created)
{
    static const struct tpm_command command = {"CreatePrimary", prepare_create_primary,
                                               complete_create_primary, 1};

    memset(created, 0, sizeof *created);
    return tpm_execute(tpm, &command, template, created);
}

static TSS2_RC prepare_evict(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const TPM2_HANDLE *object = arguments;

    return Tss2_Sys_EvictControl_Prepare(sys, TPM2_RH_OWNER, *object, TPM_SRK_HANDLE);
}

static TSS2_RC make_persistent(struct tpm *tpm, TPM2_HANDLE object)
{
    static const struct tpm_command command = {"EvictControl", prepare_evict, NULL, 1};

    return tpm_execute(tpm, &command, &object, NULL);
}

/* --- choosing a parent
 * --------------------------------------------------------------------------------------- */

/* A storage key that any program may use as a parent. noDA is not asked for: tpm2-tools' default leaves it
 * out. */
static bool is_storage_key(const TPMT_PUBLIC *area)
{
    const TPMA_OBJECT needed = STORAGE_ATTRIBUTES & ~(TPMA_OBJECT)TPMA_OBJECT_NODA;
    const TPMT_SYM_DEF_OBJECT *symmetric = area->type == TPM2_ALG_RSA ? &area->parameters.rsaDetail.symmetric
                                                                      : &area->parameters.eccDetail.symmetric;

    return (area->type == TPM2_ALG_RSA || area->type == TPM2_ALG_ECC) && area->nameAlg == TPM2_ALG_SHA256 &&
           (area->objectAttributes & ~(TPMA_OBJECT)TPMA_OBJECT_NODA) == needed &&
           area->authPolicy.size == 0 && symmetric->algorithm == TPM2_ALG_AES &&
           symmetric->mode.aes == TPM2_ALG_CFB;
}

static CK_RV write_parent(struct token_conf *conf, TPM2_HANDLE parent, const TPM2B_PUBLIC *area)
{
    char hex[2 * sizeof(TPM2B_NAME) + 1];
    TPM2B_NAME name;
    CK_RV rv = tpm_public_name(area, &name);

    if (rv != CKR_OK)
        return p11_fail(CKR_DEVICE_ERROR, "the storage key 0x%08x has a name algorithm that is not supported",
                        parent);
    bytes_to_hex(name.name, name.size, hex);
    rv = token_conf_setf(conf, "parent", "0x%08x", parent);
    return rv == CKR_OK ? token_conf_set(conf, "parent-name", hex) : rv;
}

/* Nobody was asked for this password, so it is no PIN that was wrong. */
static CK_RV parent_has_password(const struct tpm *tpm, TPM2_HANDLE parent)
{
    if (parent != TPM2_RH_OWNER)
        return p11_fail(CKR_DEVICE_ERROR,
                        "the storage key 0x%08x of TPM %s has a password; keys can be made and used only "
                        "under one without",
                        parent, tpm_name(tpm));
    return p11_fail(CKR_DEVICE_ERROR,
                    "the owner hierarchy of TPM %s has a password, and no storage key can be made without it; "
                    "make a persistent one at 0x%08x (tpm2_createprimary, tpm2_evictcontrol)",
                    tpm_name(tpm), TPM_SRK_HANDLE);
}

/* The hierarchy itself: its primary is made anew in every process. */
static CK_RV choose_transient(struct tpm *tpm, struct token_conf *conf)
{
    struct created_primary created;
    TSS2_RC rc = create_primary(tpm, &ecc_template, &created);

    if (tpm_rc_is_auth(rc))
        return parent_has_password(tpm, TPM2_RH_OWNER);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_failed(tpm, "make a storage key under the owner hierarchy", rc);
    tpm_flush(tpm, created.handle);
    return write_parent(conf, TPM2_RH_OWNER, &created.area);
}

/* Nothing at the handle: the standard key is made there, unless the owner has a password or the TPM is full.
 */
static CK_RV choose_new(struct tpm *tpm, struct token_conf *conf)
{
    struct created_primary created;
    TSS2_RC rc = create_primary(tpm, &rsa_template, &created);

    if (rc != TSS2_RC_SUCCESS)
        return choose_transient(tpm, conf);
    rc = make_persistent(tpm, created.handle);
    tpm_flush(tpm, created.handle);
    if (rc == TSS2_RC_SUCCESS)
        return write_parent(conf, TPM_SRK_HANDLE, &created.area);
    log_warning("no storage key at 0x%08x, and none can be made there (%s); keys go under a transient one",
                TPM_SRK_HANDLE, Tss2_RC_Decode(rc));
    return choose_transient(tpm, conf);
}

static CK_RV choose_handle(struct tpm *tpm, struct token_conf *conf, TPM2_HANDLE handle)
{
    TPM2B_PUBLIC area;
    TSS2_RC rc = read_public(tpm, handle, &area);

    if (tpm_rc_is_stale(rc))
        return p11_fail(CKR_ARGUMENTS_BAD,
                        "TPM %s has no key 0x%08x to be the parent; make one, or use 'parent = auto'",
                        tpm_name(tpm), handle);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_failed(tpm, "read the parent key", rc);
    if (!is_storage_key(&area.publicArea))
        return p11_fail(CKR_ARGUMENTS_BAD, "key 0x%08x is not a storage key that can be the parent of others",
                        handle);
    return write_parent(conf, handle, &area);
}

static CK_RV choose_automatically(struct tpm *tpm, struct token_conf *conf)
{
    TPM2B_PUBLIC area;
    TSS2_RC rc = read_public(tpm, TPM_SRK_HANDLE, &area);

    if (tpm_rc_is_stale(rc))
        return choose_new(tpm, conf);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_failed(tpm, "read its storage root key", rc);
    if (is_storage_key(&area.publicArea))
        return write_parent(conf, TPM_SRK_HANDLE, &area);
    log_warning("the key at 0x%08x is no standard storage key; keys go under a transient one",
                TPM_SRK_HANDLE);
    return choose_transient(tpm, conf);
}

CK_RV tpm_primary_choose(struct tpm *tpm, struct token_conf *conf)
{
    const char *wanted = token_conf_get(conf, "parent");
    unsigned long handle;

    if (wanted == NULL || strcmp(wanted, "auto") == 0)
        return choose_automatically(tpm, conf);
    if (strcmp(wanted, "owner") == 0)
        return choose_transient(tpm, conf);
    if (token_conf_get_number(conf, "parent", UINT32_MAX, &handle) &&
        handle >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT)
        return choose_handle(tpm, conf, (TPM2_HANDLE)handle);
    return p11_fail(CKR_ARGUMENTS_BAD,
                    "'parent = %s' is not auto, owner or a persistent handle such as 0x81000001", wanted);
}

/* --- using it
 * ------------------------------------------------------------------------------------------------ */

TSS2_RC tpm_primary_handle(struct tpm *tpm, TPM2_HANDLE parent, TPM2_HANDLE *handle)
{
    struct created_primary created;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    *handle = parent;
    if (parent != TPM2_RH_OWNER)
        return TSS2_RC_SUCCESS;
    if (tpm->primary == 0) {
        rc = create_primary(tpm, &ecc_template, &created);
        if (rc == TSS2_RC_SUCCESS)
            tpm->primary = created.handle;
    }
    *handle = tpm->primary;
    return rc;
}

CK_RV tpm_primary_explain(const struct tpm_token *token, TPM2_HANDLE parent, TSS2_RC rc)
{
    TPM2B_PUBLIC area;
    TPM2B_NAME name;

    if (tpm_rc_is_auth(rc))
        return parent_has_password(token->tpm, parent);
    if (parent != token->parent || parent == TPM2_RH_OWNER ||
        !(tpm_rc_is_integrity(rc) || tpm_rc_is_stale(rc)))
        return tpm_failed(token->tpm, "load the key", rc);
    if (tpm_rc_is_stale(read_public(token->tpm, parent, &area)))
        return p11_fail(CKR_DEVICE_ERROR,
                        "TPM %s has no storage key 0x%08x, under which the keys of %s were made; it was "
                        "cleared, or it is "
                        "another TPM: make a new token, or provision the storage key again",
                        tpm_name(token->tpm), parent, token->path);
    if (tpm_public_name(&area, &name) == CKR_OK &&
        !bytes_equal(name.name, name.size, token->parent_name.data, token->parent_name.size))
        return p11_fail(CKR_DEVICE_ERROR,
                        "the storage key 0x%08x of TPM %s is not the one that the keys of %s were made "
                        "under; the TPM was "
                        "cleared, or it is another one: make a new token",
                        parent, tpm_name(token->tpm), token->path);
    return tpm_failed(token->tpm, "load the key", rc);
}
