/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tpm/session.h"

#include "common/log.h"
#include "pkcs11/soft/aes.h"
#include "pkcs11/soft/hash.h"
#include "pkcs11/soft/kdf.h"
#include "pkcs11/tpm/command.h"
#include "pkcs11/tpm/public.h"
#include "pkcs11/tpm/share.h"

#include <string.h>
#include <sys/random.h>

#define CFB_KEY 16

/* A failure of our own arithmetic: no memory, no random numbers, libcrypto. */
static TSS2_RC own(CK_RV rv)
{
    return rv == CKR_OK ? TSS2_RC_SUCCESS : TSS2_SYS_RC_GENERAL_FAILURE;
}

static bool fill_random(uint8_t *out, size_t size)
{
    return getrandom(out, size, 0) == (ssize_t)size;
}

/* Of the session's digests, its key and the nonces of this side. */
static size_t digest_size(const struct tpm_session *session)
{
    return soft_hash_size(session->hash);
}

/* --- starting one
 * -------------------------------------------------------------------------------------------- */

struct start {
    TPM2_HANDLE parent;
    TPM2_SE type;
    const struct tpm_shared *salt; /* empty: none */
    TPMI_ALG_HASH hash;
    TPM2B_NONCE nonce;
};

static TSS2_RC prepare_start(TSS2_SYS_CONTEXT *sys, const void *arguments)
{
    static const TPMT_SYM_DEF aes = {
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 8 * CFB_KEY, .mode.aes = TPM2_ALG_CFB};
    const struct start *start = arguments;

    return Tss2_Sys_StartAuthSession_Prepare(sys, start->parent, TPM2_RH_NULL, &start->nonce,
                                             &start->salt->wrapped, start->type, &aes, start->hash);
}

static TSS2_RC complete_start(TSS2_SYS_CONTEXT *sys, void *result)
{
    struct tpm_session *session = result;

    session->nonce_tpm.size = 0;
    return Tss2_Sys_StartAuthSession_Complete(sys, &session->handle, &session->nonce_tpm);
}

/* Part 1, 17.6.8: an unbound session's key comes from the salt alone. */
static TSS2_RC derive_session_key(const struct tpm_shared *salt, struct tpm_session *session)
{
    const struct soft_kdf_input input = {
        "ATH",
        {session->nonce_tpm.buffer, session->nonce_tpm.size},
        {session->nonce_caller,     digest_size(session)   }
    };

    return own(soft_kdfa(session->hash, salt->value, salt->size, &input, session->key, session->key_size));
}

/* Without a parent there is no salt, and the session's key is empty. */
static TSS2_RC start_session(struct tpm *tpm, TPM2_SE type, enum p11_hash hash, TPM2_HANDLE handle,
                             const TPM2B_PUBLIC *parent, struct tpm_session *session)
{
    static const struct tpm_command command = {"StartAuthSession", prepare_start, complete_start, 0};
    struct tpm_shared salt = {0};
    struct start start = {.parent = parent != NULL ? handle : TPM2_RH_NULL,
                          .type = type,
                          .salt = &salt,
                          .hash = tpm_hash_number(hash),
                          .nonce.size = (UINT16)soft_hash_size(hash)};
    TSS2_RC rc = parent != NULL ? tpm_share(parent, "SECRET", &salt) : TSS2_RC_SUCCESS;

    *session = (struct tpm_session){.hash = hash,
                                    .policy = type == TPM2_SE_POLICY,
                                    .key_size = parent != NULL ? soft_hash_size(hash) : 0};
    if (rc == TSS2_RC_SUCCESS && !fill_random(session->nonce_caller, start.nonce.size))
        rc = TSS2_SYS_RC_GENERAL_FAILURE;
    memcpy(start.nonce.buffer, session->nonce_caller, start.nonce.size);
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_execute(tpm, &command, &start, session);
    if (rc == TSS2_RC_SUCCESS && parent != NULL)
        rc = derive_session_key(&salt, session);
    bytes_wipe(&salt, sizeof salt);
    if (rc != TSS2_RC_SUCCESS)
        tpm_session_end(tpm, session);
    return rc;
}

TSS2_RC tpm_session_start(struct tpm *tpm, TPM2_HANDLE handle, const TPM2B_PUBLIC *parent,
                          struct tpm_session *session)
{
    return start_session(tpm, TPM2_SE_HMAC, HASH_SHA256, handle, parent, session);
}

TSS2_RC tpm_session_start_policy(struct tpm *tpm, enum p11_hash hash, TPM2_HANDLE handle,
                                 const TPM2B_PUBLIC *parent, struct tpm_session *session)
{
    return start_session(tpm, TPM2_SE_POLICY, hash, handle, parent, session);
}

TPMS_AUTH_COMMAND tpm_session_token(const struct tpm_session *session)
{
    return (TPMS_AUTH_COMMAND){.sessionHandle = session->handle};
}

void tpm_session_end(struct tpm *tpm, struct tpm_session *session)
{
    if (session->handle != 0)
        tpm_flush(tpm, session->handle);
    bytes_wipe(session, sizeof *session);
}

/* --- HMAC and parameter encryption
 * ----------------------------------------------------------------------------- */

/* The session's key and the auth value behind it: HMAC's key and the one that parameters are encrypted from.
 */
struct session_value {
    uint8_t data[HASH_SIZE_MAXIMUM + sizeof(TPMU_HA)];
    size_t size;
    size_t mac_size; /* of it, HMAC's key: a policy that does not ask for the auth value leaves it out */
};

/* TPMs keep an auth value without the zeros at its end (part 1, 17.6.4.3). */
static TSS2_RC make_value(const struct tpm_session *session, const struct bytes *auth,
                          struct session_value *value)
{
    size_t size = auth != NULL ? auth->size : 0;

    while (size > 0 && auth->data[size - 1] == 0)
        size--;
    if (size > sizeof value->data - session->key_size)
        return TSS2_SYS_RC_BAD_VALUE;
    memcpy(value->data, session->key, session->key_size);
    if (size != 0)
        memcpy(value->data + session->key_size, auth->data, size);
    value->size = session->key_size + size;
    value->mac_size = session->policy && !session->auth_needed ? session->key_size : value->size;
    return TSS2_RC_SUCCESS;
}

/* Part 1, 21.3: key and IV come from the session's value and the two nonces, the newer first. */
static TSS2_RC crypt_parameter(bool encrypt, enum p11_hash hash, const struct session_value *value,
                               const struct soft_piece nonces[2], uint8_t *data, size_t size)
{
    const struct soft_kdf_input input = {"CFB", nonces[0], nonces[1]};
    uint8_t derived[CFB_KEY + SOFT_AES_BLOCK];
    CK_RV rv = soft_kdfa(hash, value->data, value->size, &input, derived, sizeof derived);

    if (rv == CKR_OK)
        rv = soft_aes128_cfb(encrypt, derived, derived + CFB_KEY, data, size);
    bytes_wipe(derived, sizeof derived);
    return own(rv);
}

/* Part 1, 17.6.5: over cpHash or rpHash, newer nonce, older nonce, attributes. A policy session without any
 * key has none (part 1, 19.6.5). */
static TSS2_RC make_hmac(const struct tpm_session *session, const struct session_value *value,
                         const uint8_t digest[HASH_SIZE_MAXIMUM], const struct soft_piece nonces[2],
                         TPMA_SESSION attributes, TPM2B_AUTH *mac)
{
    const uint8_t wire = (uint8_t)attributes;
    const struct soft_piece pieces[] = {
        {digest, digest_size(session)},
        nonces[0], nonces[1], {&wire,  sizeof wire         }
    };

    mac->size = session->policy && value->mac_size == 0 ? 0 : (UINT16)digest_size(session);
    if (mac->size == 0)
        return TSS2_RC_SUCCESS;
    return own(soft_hmac(session->hash, value->data, value->mac_size, pieces, 4, mac->buffer));
}

/* --- a command
 * ----------------------------------------------------------------------------------------------- */

static TSS2_RC encrypt_first(TSS2_SYS_CONTEXT *sys, enum p11_hash hash, const struct session_value *value,
                             const struct soft_piece nonces[2])
{
    struct bytes copy = BYTES_EMPTY;
    const uint8_t *plain;
    size_t size;
    TSS2_RC rc = Tss2_Sys_GetDecryptParam(sys, &size, &plain);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (!bytes_copy(&copy, plain, size))
        return TSS2_SYS_RC_GENERAL_FAILURE;
    rc = crypt_parameter(true, hash, value, nonces, copy.data, copy.size);
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_SetDecryptParam(sys, copy.size, copy.data);
    bytes_free(&copy);
    return rc;
}

/* cpHash (part 1, 16.7): code, Names, parameters as they go out. */
static TSS2_RC hash_command(TSS2_SYS_CONTEXT *sys, enum p11_hash hash, const struct tpm_session_use *use,
                            uint8_t digest[HASH_SIZE_MAXIMUM])
{
    struct soft_piece pieces[4] = {{0}};
    uint8_t code[4];
    TSS2_RC rc = Tss2_Sys_GetCommandCode(sys, code);
    size_t count = 1;

    if (use->name_count > 2)
        return TSS2_SYS_RC_BAD_VALUE;
    pieces[0] = (struct soft_piece){code, sizeof code};
    for (size_t i = 0; i < use->name_count; i++)
        pieces[count++] = (struct soft_piece){use->names[i].name, use->names[i].size};
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_GetCpBuffer(sys, &pieces[count].size, (const uint8_t **)&pieces[count].data);
    if (rc == TSS2_RC_SUCCESS)
        rc = own(soft_hash_pieces(hash, pieces, count + 1, digest));
    return rc;
}

static TPMA_SESSION attributes_of(const struct tpm_session_use *use)
{
    return (use->more ? TPMA_SESSION_CONTINUESESSION : 0) |
           ((use->secrets & TPM_SECRET_IN) != 0 ? TPMA_SESSION_DECRYPT : 0) |
           ((use->secrets & TPM_SECRET_OUT) != 0 ? TPMA_SESSION_ENCRYPT : 0);
}

TSS2_RC tpm_session_authorise(TSS2_SYS_CONTEXT *sys, struct tpm_session *session,
                              const struct tpm_session_use *use)
{
    const struct soft_piece nonces[2] = {
        {session->nonce_caller,     digest_size(session)   },
        {session->nonce_tpm.buffer, session->nonce_tpm.size}
    };
    TSS2L_SYS_AUTH_COMMAND auths = {.count = use->second != NULL ? 2 : 1};
    TPMS_AUTH_COMMAND *auth = &auths.auths[0];
    uint8_t digest[HASH_SIZE_MAXIMUM];
    struct session_value value;
    TSS2_RC rc = make_value(session, use->auth, &value);

    if (rc == TSS2_RC_SUCCESS && !fill_random(session->nonce_caller, digest_size(session)))
        rc = TSS2_SYS_RC_GENERAL_FAILURE;
    if (rc == TSS2_RC_SUCCESS && (use->secrets & TPM_SECRET_IN) != 0)
        rc = encrypt_first(sys, session->hash, &value, nonces);
    if (rc == TSS2_RC_SUCCESS)
        rc = hash_command(sys, session->hash, use, digest);
    auth->sessionHandle = session->handle;
    auth->sessionAttributes = attributes_of(use);
    auth->nonce.size = (UINT16)digest_size(session);
    memcpy(auth->nonce.buffer, session->nonce_caller, auth->nonce.size);
    if (rc == TSS2_RC_SUCCESS)
        rc = make_hmac(session, &value, digest, nonces, auth->sessionAttributes, &auth->hmac);
    if (use->second != NULL)
        auths.auths[1] = *use->second;
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_SetCmdAuths(sys, &auths);
    bytes_wipe(&value, sizeof value);
    return rc;
}

/* --- its response
 * -------------------------------------------------------------------------------------------- */

/* rpHash (part 1, 16.8): the response code, which is zero, the command code, parameters as they came. */
static TSS2_RC hash_response(TSS2_SYS_CONTEXT *sys, enum p11_hash hash, uint8_t digest[HASH_SIZE_MAXIMUM])
{
    static const uint8_t success[4];
    struct soft_piece pieces[3] = {
        {success, sizeof success}
    };
    uint8_t code[4];
    TSS2_RC rc = Tss2_Sys_GetCommandCode(sys, code);

    pieces[1] = (struct soft_piece){code, sizeof code};
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_GetRpBuffer(sys, &pieces[2].size, (const uint8_t **)&pieces[2].data);
    return rc == TSS2_RC_SUCCESS ? own(soft_hash_pieces(hash, pieces, 3, digest)) : rc;
}

static TSS2_RC check_hmac(TSS2_SYS_CONTEXT *sys, const struct tpm_session *session,
                          const struct session_value *value, const struct soft_piece nonces[2],
                          const TPMS_AUTH_RESPONSE *auth)
{
    uint8_t digest[HASH_SIZE_MAXIMUM];
    TPM2B_AUTH mac;
    TSS2_RC rc = hash_response(sys, session->hash, digest);

    if (rc == TSS2_RC_SUCCESS)
        rc = make_hmac(session, value, digest, nonces, auth->sessionAttributes, &mac);
    if (rc == TSS2_RC_SUCCESS && !bytes_equal(mac.buffer, mac.size, auth->hmac.buffer, auth->hmac.size))
        rc = TPM_RC_RESPONSE_FORGED;
    return rc;
}

static TSS2_RC decrypt_first(TSS2_SYS_CONTEXT *sys, enum p11_hash hash, const struct session_value *value,
                             const struct soft_piece nonces[2])
{
    struct bytes copy = BYTES_EMPTY;
    const uint8_t *secret;
    size_t size;
    TSS2_RC rc = Tss2_Sys_GetEncryptParam(sys, &size, &secret);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (!bytes_copy(&copy, secret, size))
        return TSS2_SYS_RC_GENERAL_FAILURE;
    rc = crypt_parameter(false, hash, value, nonces, copy.data, copy.size);
    if (rc == TSS2_RC_SUCCESS)
        rc = Tss2_Sys_SetEncryptParam(sys, copy.size, copy.data);
    bytes_free(&copy);
    return rc;
}

TSS2_RC tpm_session_check(TSS2_SYS_CONTEXT *sys, struct tpm_session *session,
                          const struct tpm_session_use *use)
{
    TSS2L_SYS_AUTH_RESPONSE auths = {.count = use->second != NULL ? 2 : 1};
    const TPMS_AUTH_RESPONSE *auth = &auths.auths[0];
    struct session_value value;
    TSS2_RC rc = make_value(session, use->auth, &value);

    if (rc == TSS2_RC_SUCCESS && Tss2_Sys_GetRspAuths(sys, &auths) != TSS2_RC_SUCCESS)
        rc = TPM_RC_RESPONSE_FORGED; /* it comes without a session, or is malformed */
    if (rc == TSS2_RC_SUCCESS) {
        const struct soft_piece nonces[2] = {
            {auth->nonce.buffer,    auth->nonce.size    },
            {session->nonce_caller, digest_size(session)}
        };

        rc = check_hmac(sys, session, &value, nonces, auth);
        if (rc == TSS2_RC_SUCCESS && (use->secrets & TPM_SECRET_OUT) != 0)
            rc = decrypt_first(sys, session->hash, &value, nonces);
        session->nonce_tpm = auth->nonce;
    }
    if (rc == TSS2_RC_SUCCESS && !use->more)
        bytes_wipe(session, sizeof *session);
    bytes_wipe(&value, sizeof value);
    return rc;
}
