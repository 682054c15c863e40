/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_SOFT_TSSKEY_H
#define DEVID_PKCS11_SOFT_TSSKEY_H

#include "common/bytes.h"

#include <p11-kit/pkcs11.h>

#define TSS_KEY_PEM "TSS2 PRIVATE KEY"

/* Which of the object identifiers 2.23.133.10.1.3 to .5 the file carries. */
enum tss_key_kind { TSS_KEY_LOADABLE, TSS_KEY_IMPORTABLE, TSS_KEY_SEALED, TSS_KEY_KINDS };

/* What a policy has at most; longer ones are refused. */
#define TSS_POLICY_COMMANDS 16

/* A policy command: what TPM2_Policy... is to be executed with. */
struct tss_policy {
    uint32_t code;        /* TPM_CC_... */
    struct bytes command; /* its parameters as they go to the TPM, without the policy session's handle */
};

/* The content of a TSS2 PRIVATE KEY block: the TPMKey structure of draft-bottomley-tpm2-keys. */
struct tss_key {
    enum tss_key_kind kind;
    bool empty_auth;
    bool rsa_parent;      /* a hierarchy parent means the RSA storage primary */
    uint32_t parent;      /* persistent handle, or a hierarchy: its standard ECC P-256 storage primary */
    struct bytes public;  /* TPM2B_PUBLIC */
    struct bytes private; /* TPM2B_PRIVATE */
    struct bytes
        secret; /* of an importable key: the seed of its wrapper, a TPM2B_ENCRYPTED_SECRET; else empty */
    struct bytes description; /* a text; empty: there is none */
    size_t policy_count;      /* 0: no policy */
    struct tss_policy policy[TSS_POLICY_COMMANDS];
    struct bytes auth_policies; /* DER of the authPolicy field's SEQUENCE; empty: there is none in it */
};

void tss_key_free(struct tss_key *key);

/* Whether it can be sealed data (TSS_KEY_SEALED): a glance at its first bytes. */
bool soft_tss_key_is_sealed(const struct bytes *der);
/* CKR_DATA_INVALID: this is no such structure. */
CK_RV soft_tss_key_read(const struct bytes *der, struct tss_key *key);
/* An element of authPolicy: a policy that an authority has signed; its last command says so. */
struct tss_auth_policy {
    struct bytes name; /* a text for people; may be empty */
    size_t policy_count;
    struct tss_policy policy[TSS_POLICY_COMMANDS];
};
/* Passes each element of key->auth_policies, a view, to `sink`, whose failure ends it. CKR_DATA_INVALID. */
typedef CK_RV tss_auth_policy_sink(void *data, const struct tss_auth_policy *alternative);
CK_RV soft_tss_auth_policies(const struct bytes *der, tss_auth_policy_sink *sink, void *data);

CK_RV soft_tss_key_write(const struct tss_key *key, struct bytes *der);

#endif
