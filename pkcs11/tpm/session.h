/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_SESSION_H
#define DEVID_PKCS11_TPM_SESSION_H

#include "common/bytes.h"
#include "pkcs11/scheme.h"
#include "pkcs11/tpm/context.h"

#define TPM_SESSION_DIGEST 32 /* SHA-256, but for policies of keys whose nameAlg is another */

/*
 * A session (TPM 2.0 part 1, 17.6 and 21), with the arithmetic done here. In a salted one nobody on the bus
 * between this process and the TPM can read what goes in it encrypted, or change any of it unnoticed. A
 * policy session authorises by what was executed in it. All of zero: there is none.
 */
struct tpm_session {
    TPM2_HANDLE handle;
    enum p11_hash hash;
    bool policy;
    bool auth_needed; /* of a policy session: the policy asks for the auth value too (PolicyAuthValue) */
    size_t key_size;  /* 0: unsalted */
    uint8_t key[HASH_SIZE_MAXIMUM];
    uint8_t nonce_caller[HASH_SIZE_MAXIMUM]; /* of the digest's size */
    TPM2B_NONCE nonce_tpm;
};

/* What a session's command needs to be authorised: Names of its handles in their order (size 0: it has no
 * such), the auth value of the first (NULL: empty), and what of it is secret (TPM_SECRET_...). */
struct tpm_session_use {
    const TPM2B_NAME *names;
    size_t name_count;
    const struct bytes *auth;
    unsigned secrets;
    bool more;                       /* another command follows in the session; else it ends with this one */
    const TPMS_AUTH_COMMAND *second; /* what authorises the second handle; NULL: it needs nothing */
};

/*
 * TPM2_StartAuthSession with a salt that only the holder of `parent` can unwrap: an RSA or ECC storage key at
 * `handle`, whose public area the caller got from where nobody on the bus could change it.
 */
TSS2_RC tpm_session_start(struct tpm *tpm, TPM2_HANDLE handle, const TPM2B_PUBLIC *parent,
                          struct tpm_session *session);

/* TPM2_StartAuthSession of a policy session, salted as above, or unsalted (`parent` NULL). Its hash is the
 * nameAlg of what it is to authorise (part 1, 19.7.2). */
TSS2_RC tpm_session_start_policy(struct tpm *tpm, enum p11_hash hash, TPM2_HANDLE handle,
                                 const TPM2B_PUBLIC *parent, struct tpm_session *session);
/* What stands for an unsalted policy session that asks for no auth value, beside another authorization. */
TPMS_AUTH_COMMAND tpm_session_token(const struct tpm_session *session);

/* Between prepare and execute: encrypts the first parameter when it is secret, and adds the session's HMAC.
 */
TSS2_RC tpm_session_authorise(TSS2_SYS_CONTEXT *sys, struct tpm_session *session,
                              const struct tpm_session_use *use);

/*
 * Between execute and complete of a command that succeeded: checks the response's HMAC, and decrypts its
 * first parameter when that is secret. TPM_RC_RESPONSE_FORGED: the response is not the TPM's, and nothing of
 * it may be used; the session is to be ended. After a good response it is over unless `more` was said.
 */
TSS2_RC tpm_session_check(TSS2_SYS_CONTEXT *sys, struct tpm_session *session,
                          const struct tpm_session_use *use);

/* Flushes a session that is still there, and wipes it. */
void tpm_session_end(struct tpm *tpm, struct tpm_session *session);

/* Codes that the system API has no use for. A response is not authentic: */
#define TPM_RC_RESPONSE_FORGED ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_RSP_AUTH_FAILED))
/* There is no parent whose public area is pinned. */
#define TPM_RC_NO_PINNED_PARENT ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_NOT_PROVISIONED))
/* What should be the key is another one: the TPM was cleared or exchanged. */
#define TPM_RC_OTHER_KEY ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_KEY_NOT_FOUND))
/* The PCRs do not have the values that a key's policy asks for. */
#define TPM_RC_PCRS_CHANGED ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_PCR_NOT_RESETTABLE))
/* A hierarchy that a key's policy asks for has another password than the configured one. */
#define TPM_RC_HIERARCHY_REFUSED ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_NOT_PERMITTED))
/* The password of a hierarchy cannot be read; why is said already. */
#define TPM_RC_NO_PASSWORD ((TSS2_RC)(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_AUTHORIZATION_UNKNOWN))

#endif
