/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/primary.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"
#include "pkcs11/tpm/template.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>

#include <stdlib.h>
#include <string.h>

/* The storage root key at TPM_SRK_HANDLE: RSA-2048, unique 256 zero bytes, as Azure's clients expect it
 * there. */
static const TPM2B_PUBLIC rsa_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_RSA,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = TPM_STORAGE_ATTRIBUTES,
                     .parameters.rsaDetail = {.symmetric = TPM_AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .keyBits = 2048},
                     .unique.rsa.size = 256,
                     },
};

/* --- choosing a parent
 * --------------------------------------------------------------------------------------- */

/* A storage key that any program may use as a parent. noDA is not asked for: tpm2-tools' default leaves it
 * out. */
static bool is_storage_key(const TPMT_PUBLIC *area)
{
    const TPMA_OBJECT needed = TPM_STORAGE_ATTRIBUTES & ~(TPMA_OBJECT)TPMA_OBJECT_NODA;
    const TPMT_SYM_DEF_OBJECT *symmetric = area->type == TPM2_ALG_RSA ? &area->parameters.rsaDetail.symmetric
                                                                      : &area->parameters.eccDetail.symmetric;

    return (area->type == TPM2_ALG_RSA || area->type == TPM2_ALG_ECC) && area->nameAlg == TPM2_ALG_SHA256 &&
           (area->objectAttributes & ~(TPMA_OBJECT)TPMA_OBJECT_NODA) == needed &&
           area->authPolicy.size == 0 && symmetric->algorithm == TPM2_ALG_AES &&
           symmetric->mode.aes == TPM2_ALG_CFB;
}

/* Sessions are salted to what stands here, so that nobody on the bus can pass off a key of his own. */
static CK_RV write_public(struct token_conf *conf, const TPM2B_PUBLIC *area)
{
    uint8_t wire[sizeof(TPM2B_PUBLIC)];
    char hex[2 * sizeof wire + 1];
    size_t size = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, wire, sizeof wire, &size) != TSS2_RC_SUCCESS)
        return p11_fail(CKR_DEVICE_ERROR, "the storage key's public area cannot be written down");
    bytes_to_hex(wire, size, hex);
    return token_conf_set(conf, "parent-public", hex);
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
    if (rv == CKR_OK)
        rv = token_conf_set(conf, "parent-name", hex);
    return rv == CKR_OK ? write_public(conf, area) : rv;
}

/* Nobody was asked for this password, so it is no PIN that was wrong. */
static CK_RV parent_has_password(const struct tpm *tpm, TPM2_HANDLE parent)
{
    if (tpm_is_persistent(parent))
        return p11_fail(CKR_DEVICE_ERROR,
                        "the storage key 0x%08x of TPM %s has a password; keys can be made and used only "
                        "under one without",
                        parent, tpm_name(tpm));
    return tpm_hierarchy_refused(tpm, TPM2_RH_OWNER, "make a storage key");
}

/* The hierarchy itself: its primary is made anew in every process. */
static CK_RV choose_transient(struct tpm *tpm, struct token_conf *conf)
{
    struct tpm_primary created;
    TSS2_RC rc = tpm_create_primary(tpm, NULL, TPM2_RH_OWNER, &tpm_storage_ecc, &created);

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
    struct tpm_primary created;
    TPM2B_NAME name;
    TSS2_RC rc = tpm_create_primary(tpm, NULL, TPM2_RH_OWNER, &rsa_template, &created);

    if (rc != TSS2_RC_SUCCESS)
        return choose_transient(tpm, conf);
    rc = tpm_public_name(&created.area, &name) == CKR_OK
             ? tpm_evict(tpm, NULL, created.handle, &name, TPM_SRK_HANDLE)
             : TSS2_SYS_RC_GENERAL_FAILURE;
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
    TSS2_RC rc = tpm_read_public(tpm, handle, &area);

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
    TSS2_RC rc = tpm_read_public(tpm, TPM_SRK_HANDLE, &area);

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

/* The RSA storage primary that TSS2 key files mean: the template of the one at TPM_SRK_HANDLE, but for an
 * empty unique field, as with the ECC one. */
static const TPM2B_PUBLIC rsa_storage_template = {
    .publicArea =
        {
                     .type = TPM2_ALG_RSA,
                     .nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = TPM_STORAGE_ATTRIBUTES,
                     .parameters.rsaDetail = {.symmetric = TPM_AES_128_CFB,
                                     .scheme.scheme = TPM2_ALG_NULL,
                                     .keyBits = 2048},
                     },
};

/* One primary is there at a time: a TPM may have three slots in all. */
TSS2_RC tpm_primary_handle(struct tpm *tpm, TPM2_HANDLE parent, TPM2_HANDLE *handle)
{
    struct tpm_primary created;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    *handle = parent;
    if (parent != TPM2_RH_OWNER && parent != TPM_OWNER_RSA) /* persistent, or somebody's transient one */
        return TSS2_RC_SUCCESS;
    if (tpm->primary != 0 && tpm->primary_parent != parent) {
        tpm_flush(tpm, tpm->primary);
        tpm->primary = 0;
    }
    if (tpm->primary == 0) {
        rc = tpm_create_primary(tpm, NULL, TPM2_RH_OWNER,
                                parent == TPM_OWNER_RSA ? &rsa_storage_template : &tpm_storage_ecc, &created);
        if (rc == TSS2_RC_SUCCESS) {
            tpm->primary = created.handle;
            tpm->primary_parent = parent;
        }
    }
    *handle = tpm->primary;
    return rc;
}

/* Whether the persistent parent is another one than the token was made under; then that is said. */
static bool parent_changed(const struct tpm_token *token)
{
    TPM2B_PUBLIC area;
    TPM2B_NAME name;

    if (tpm_rc_is_stale(tpm_read_public(token->tpm, token->parent, &area))) {
        p11_fail(CKR_DEVICE_ERROR,
                 "TPM %s has no storage key 0x%08x, under which the keys of %s were made; it was cleared, or "
                 "it is "
                 "another TPM: make a new token, or provision the storage key again",
                 tpm_name(token->tpm), token->parent, token->path);
        return true;
    }
    if (tpm_public_name(&area, &name) != CKR_OK ||
        bytes_equal(name.name, name.size, token->parent_name.data, token->parent_name.size))
        return false;
    p11_fail(
        CKR_DEVICE_ERROR,
        "the storage key 0x%08x of TPM %s is not the one that the keys of %s were made under; the TPM was "
        "cleared, or it is another one: make a new token",
        token->parent, tpm_name(token->tpm), token->path);
    return true;
}

CK_RV tpm_primary_explain(const struct tpm_token *token, TPM2_HANDLE parent, const char *step, TSS2_RC rc)
{
    bool own = parent == token->parent && tpm_is_persistent(parent);

    if (own && (tpm_rc_is_integrity(rc) || tpm_rc_is_stale(rc) || tpm_rc_is_salt(rc)) &&
        parent_changed(token))
        return CKR_DEVICE_ERROR;
    if (tpm_rc_is_auth(rc))
        return parent_has_password(token->tpm, parent);
    return tpm_failed(token->tpm, step, rc);
}
