/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/credential.h"

#include "common/log.h"
#include "pkcs11/failure.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/create.h"
#include "pkcs11/tpm/endorsement.h"
#include "pkcs11/tpm/hierarchy.h"
#include "pkcs11/tpm/loaded.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/rc.h"

#include <tss2/tss2_mu.h>

#include <string.h>

#define BLOB_MAXIMUM 4096
#define STEP "open the credential"

/* --- the blob
 * ------------------------------------------------------------------------------------------------------ */

/* tss2-mu checks what it writes to, not that a size says what is there. */
static bool read_public(const struct bytes *blob, size_t *offset, TPM2B_PUBLIC *area)
{
    size_t start = *offset;
    struct reader reader;
    size_t size;

    reader_init(&reader, blob->data + start, blob->size - start);
    size = reader_u16(&reader);
    return reader_take(&reader, size) != NULL && size != 0 &&
           Tss2_MU_TPM2B_PUBLIC_Unmarshal(blob->data, start + 2 + size, offset, area) == TSS2_RC_SUCCESS &&
           *offset == start + 2 + size;
}

static bool read_user_data(const struct bytes *blob, size_t offset)
{
    struct reader reader;

    reader_init(&reader, blob->data + offset, blob->size - offset);
    reader_take(&reader, reader_u16(&reader));
    return reader_done(&reader);
}

/* Concatenated, each with its size in front; nothing around them, nothing behind. */
static bool read_fields(const struct bytes *blob, struct tpm_credential *out)
{
    size_t offset = 0;

    return Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(blob->data, blob->size, &offset, &out->credential) ==
               TSS2_RC_SUCCESS &&
           Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(blob->data, blob->size, &offset, &out->credential_seed) ==
               TSS2_RC_SUCCESS &&
           Tss2_MU_TPM2B_PRIVATE_Unmarshal(blob->data, blob->size, &offset, &out->duplicate) ==
               TSS2_RC_SUCCESS &&
           Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(blob->data, blob->size, &offset, &out->duplicate_seed) ==
               TSS2_RC_SUCCESS &&
           read_public(blob, &offset, &out->public_area) && read_user_data(blob, offset);
}

/* Something that signs by HMAC, and that a password, which is empty, lets sign. */
static bool is_hmac_key(const TPMT_PUBLIC *area)
{
    const TPMT_KEYEDHASH_SCHEME *scheme = &area->parameters.keyedHashDetail.scheme;
    const TPMA_OBJECT needed = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;

    return area->type == TPM2_ALG_KEYEDHASH && scheme->scheme == TPM2_ALG_HMAC &&
           tpm_hash(scheme->details.hmac.hashAlg) != HASH_NONE && tpm_hash(area->nameAlg) != HASH_NONE &&
           (area->objectAttributes & needed) == needed;
}

CK_RV tpm_credential_parse(const struct bytes *blob, struct tpm_credential *out)
{
    memset(out, 0, sizeof *out);
    if (blob->size == 0 || blob->size > BLOB_MAXIMUM)
        return p11_fail(CKR_WRAPPED_KEY_LEN_RANGE, "a credential has up to %d bytes, not %zu", BLOB_MAXIMUM,
                        blob->size);
    if (!read_fields(blob, out) || out->credential.size == 0 || out->credential_seed.size == 0 ||
        out->duplicate.size == 0 || out->duplicate_seed.size == 0)
        return p11_fail(CKR_WRAPPED_KEY_INVALID,
                        "this is no credential of a provisioning service: its fields do not fit its length; "
                        "decode it from base64, once");
    if (!is_hmac_key(&out->public_area.publicArea))
        return p11_fail(CKR_WRAPPED_KEY_INVALID, "the credential holds a key that is no HMAC key");
    return CKR_OK;
}

/* --- commands
 * ------------------------------------------------------------------------------------------------------ */

struct opening {
    const struct tpm_token *token;
    const struct tpm_key *ek;
    const struct tpm_credential *blob;
    TPM2_HANDLE srk_handle;
    TPM2_HANDLE ek_handle;
    TPM2_HANDLE policy;
    TPM2B_DIGEST inner_key;
    TPM2B_PRIVATE private_area;
    bool invalid; /* the TPM does not take the blob */
    bool refused; /* the endorsement hierarchy has another password */
};

static TSS2_RC prepare_policy_secret(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPM2B_NONCE no_nonce;
    static const TPM2B_DIGEST no_digest;
    const struct opening *opening = arguments;

    return Tss2_Sys_PolicySecret_Prepare(sys, TPM2_RH_ENDORSEMENT, opening->policy, &no_nonce, &no_digest,
                                         &no_digest, 0);
}

static TSS2_RC policy_secret(struct tpm *tpm, struct opening *opening)
{
    static const struct tpm_command command = {"PolicySecret", prepare_policy_secret, NULL, 1};
    const TPM2B_NAME name = tpm_handle_name(opening->policy);
    TSS2_RC rc =
        tpm_hierarchy_execute(tpm, &opening->token->bus, TPM2_RH_ENDORSEMENT, &name, &command, opening, NULL);

    opening->refused = tpm_rc_is_auth(rc);
    return rc;
}

static TSS2_RC prepare_activate(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    const struct opening *opening = arguments;

    return Tss2_Sys_ActivateCredential_Prepare(sys, opening->srk_handle, opening->ek_handle,
                                               &opening->blob->credential, &opening->blob->credential_seed);
}

static TSS2_RC complete_activate(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct opening *opening = result;

    return Tss2_Sys_ActivateCredential_Complete(sys, &opening->inner_key);
}

static TSS2_RC prepare_import(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPMT_SYM_DEF_OBJECT inner_wrapper = {
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    const struct opening *opening = arguments;
    TPM2B_DATA key = {.size = opening->inner_key.size};
    TSS2_RC rc;

    memcpy(key.buffer, opening->inner_key.buffer, key.size);
    rc = Tss2_Sys_Import_Prepare(sys, opening->srk_handle, &key, &opening->blob->public_area,
                                 &opening->blob->duplicate, &opening->blob->duplicate_seed, &inner_wrapper);
    bytes_wipe(&key, sizeof key);
    return rc;
}

static TSS2_RC complete_import(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct opening *opening = result;

    opening->private_area.size = 0;
    return Tss2_Sys_Import_Complete(sys, &opening->private_area);
}

/* The TPM finds fault with a parameter, which is the blob's: handles and sessions are ours. libtpms answers a
 * seed that does not unwrap with TPM_RC_FAILURE, as a TPM in failure mode answers everything; but such a one
 * would not read its storage root key. */
static bool is_blobs_fault(struct tpm *tpm, const struct opening *opening, TSS2_RC rc)
{
    TPM2B_PUBLIC area;

    if (tpm_rc_is(rc, TPM2_RC_FAILURE))
        return tpm_read_public(tpm, opening->srk_handle, &area) == TSS2_RC_SUCCESS;
    return tpm_rc_is_parameter(rc);
}

/* The storage root key's authorization is empty, and the endorsement key's a policy; what comes out is
 * secret. */
static TSS2_RC activate(struct tpm *tpm, struct opening *opening, struct tpm_session *policy)
{
    static const struct tpm_command command = {"ActivateCredential", prepare_activate, complete_activate, 2,
                                               TPM_SECRET_OUT};
    struct tpm_guard *guard = tpm->guard;
    TSS2_RC rc;

    guard->names[1] = opening->ek->name;
    guard->policy = policy;
    guard->policy_place = 1;
    guard->more = true;
    rc = tpm_bus_open(tpm, &command); /* a salt that does not unwrap is not the blob's fault */
    if (rc == TSS2_RC_SUCCESS) {
        rc = tpm_execute(tpm, &command, opening, opening);
        opening->invalid = is_blobs_fault(tpm, opening, rc);
    }
    if (rc == TSS2_RC_SUCCESS)
        bytes_wipe(policy, sizeof *policy); /* it ended with the command */
    guard->names[1].size = 0;
    guard->policy = NULL;
    guard->more = false;
    return rc;
}

/* In the session of ActivateCredential, if there was one. */
static TSS2_RC import(struct tpm *tpm, struct opening *opening)
{
    static const struct tpm_command command = {"Import", prepare_import, complete_import, 1, TPM_SECRET_IN};
    TSS2_RC rc = tpm_execute(tpm, &command, opening, opening);

    opening->invalid = is_blobs_fault(tpm, opening, rc);
    return rc;
}

static TSS2_RC open_with_ek(struct tpm *tpm, struct opening *opening)
{
    struct tpm_session policy;
    TSS2_RC rc = tpm_session_start_policy(tpm, HASH_SHA256, 0, NULL, &policy);

    opening->policy = policy.handle;
    if (rc == TSS2_RC_SUCCESS)
        rc = policy_secret(tpm, opening);
    if (rc == TSS2_RC_SUCCESS)
        rc = activate(tpm, opening, &policy);
    tpm_session_end(tpm, &policy);
    return rc == TSS2_RC_SUCCESS ? import(tpm, opening) : rc;
}

/* One try: with the key at its persistent handle, or with one made from the template. */
static TSS2_RC try_open(struct tpm *tpm, struct opening *opening, bool anew)
{
    bool transient;
    TSS2_RC rc = tpm_endorsement_handle(opening->token, opening->ek, anew, &opening->ek_handle, &transient);

    if (rc != TSS2_RC_SUCCESS) {
        opening->refused = tpm_rc_is_auth(rc);
        return rc;
    }
    rc = open_with_ek(tpm, opening);
    tpm_bus_close(tpm);
    if (transient)
        tpm_flush(tpm, opening->ek_handle);
    return rc;
}

/* A tpm_key_use. What the TPM says of the blob or of the password is no failure of the connection. */
static TSS2_RC open_under(struct tpm *tpm, TPM2_HANDLE srk, void *data)
{
    struct opening *opening = data;
    TSS2_RC rc;

    opening->srk_handle = srk;
    opening->invalid = opening->refused = false;
    rc = try_open(tpm, opening, false);
    if (tpm_rc_is_stale(rc) && opening->ek->persistent != 0) {
        log_warning("TPM %s has no key 0x%08x any more; the endorsement key is made anew", tpm_name(tpm),
                    opening->ek->persistent);
        rc = try_open(tpm, opening, true);
    }
    return opening->invalid || opening->refused ? TSS2_RC_SUCCESS : rc;
}

static CK_RV judge(const struct opening *opening)
{
    if (opening->refused)
        return tpm_hierarchy_refused(opening->token->tpm, TPM2_RH_ENDORSEMENT, "use the endorsement key");
    if (opening->invalid)
        return p11_fail(CKR_WRAPPED_KEY_INVALID,
                        "TPM %s does not take the credential: it was changed on its way, or made for another "
                        "endorsement or storage root key than token %s has; enroll the device again if the "
                        "TPM was cleared",
                        tpm_name(opening->token->tpm), opening->token->path);
    return CKR_OK;
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------- */

static CK_RV check_keys(const struct tpm_token *token, const struct tpm_key *ek, const struct tpm_key *srk)
{
    if (!tpm_is_endorsement(ek))
        return p11_fail(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
                        "a credential is opened with an endorsement key of the TPM, not with this key");
    if (srk != NULL &&
        !bytes_equal(srk->name.name, srk->name.size, token->parent_name.data, token->parent_name.size))
        return p11_fail(CKR_MECHANISM_PARAM_INVALID,
                        "the mechanism's parameter is not the storage root key of token %s", token->path);
    return CKR_OK;
}

/* Some TPMs fall into failure mode over a number that is not below the modulus. */
static bool fits(const TPM2B_ENCRYPTED_SECRET *seed, const TPM2B_PUBLIC *key)
{
    const TPM2B_PUBLIC_KEY_RSA *modulus = &key->publicArea.unique.rsa;

    return key->publicArea.type != TPM2_ALG_RSA ||
           (seed->size == modulus->size && memcmp(seed->secret, modulus->buffer, seed->size) < 0);
}

static CK_RV check_seeds(const struct tpm_token *token, const struct tpm_key *ek,
                         const struct tpm_credential *blob)
{
    if (fits(&blob->credential_seed, &ek->public_area) &&
        (token->bus.area.size == 0 || fits(&blob->duplicate_seed, &token->bus.area)))
        return CKR_OK;
    return p11_fail(CKR_WRAPPED_KEY_INVALID,
                    "the credential was made for keys of another size or kind than "
                    "those of token %s, or was changed on its way",
                    token->path);
}

CK_RV tpm_credential_open(const struct tpm_token *token, const struct tpm_key *ek, const struct tpm_key *srk,
                          const struct bytes *blob, struct bytes *block)
{
    struct tpm_credential credential;
    struct opening opening = {.token = token, .ek = ek, .blob = &credential};
    struct tpm_created created = {0};
    CK_RV rv = check_keys(token, ek, srk);

    *block = BYTES_EMPTY;
    if (rv == CKR_OK)
        rv = tpm_credential_parse(blob, &credential);
    if (rv == CKR_OK)
        rv = check_seeds(token, ek, &credential);
    if (rv == CKR_OK)
        rv = tpm_with_parent(token, STEP, open_under, &opening);
    if (rv == CKR_OK)
        rv = judge(&opening);
    bytes_wipe(&opening.inner_key, sizeof opening.inner_key);
    if (rv != CKR_OK)
        return rv;
    created.public_area = credential.public_area;
    created.private_area = opening.private_area;
    return tpm_created_block(token, &created, TSS_KEY_LOADABLE, true, block);
}

CK_RV tpm_unwrap(void *instance, void *key, const struct mechanism *row,
                 const struct p11_parameters *parameters, const struct bytes *wrapped, struct bytes *block)
{
    *block = BYTES_EMPTY;
    if (row->scheme != SCHEME_CREDENTIAL)
        return p11_fail(CKR_MECHANISM_INVALID, "%s does not unwrap keys inside a TPM", row->name);
    return tpm_credential_open(instance, key, parameters->parent, wrapped, block);
}
