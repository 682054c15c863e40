/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CAPABILITY_H
#define DEVID_PKCS11_TPM_CAPABILITY_H

#include "pkcs11/mechanism.h"
#include "pkcs11/tokenconf.h"
#include "pkcs11/tpm/context.h"

#include <stdint.h>

/* What the TPM can do, as token.conf keeps it from the day the token was made: never asked again. */
struct tpm_capability {
    uint32_t hashes;    /* bit per enum p11_hash */
    uint32_t rsa_sizes; /* bit per 1024 bits of key size */
    size_t rsa_minimum; /* bits; 0: no RSA */
    size_t rsa_maximum;
    size_t curve_minimum; /* bits; 0: no curve of ours */
    size_t curve_maximum;
    uint32_t aes_sizes;   /* bit per 64 bits of key size; 0: the TPM does not encrypt for its users */
    char manufacturer[5]; /* of the TPM, "" when token.conf does not say */
};

/* Asks the TPM (lock held) and writes the lines `curves`, `rsa`, `aes`, `hashes` and `manufacturer`. */
CK_RV tpm_capability_ask(struct tpm *tpm, struct token_conf *conf);
void tpm_capability_read(const struct token_conf *conf, struct tpm_capability *capability);

/* The dictionary attack counter, which all objects of the TPM share. */
struct tpm_lockout {
    uint32_t failed;  /* tries that count */
    uint32_t maximum; /* so many, and the TPM refuses all */
    bool locked;
};

/* One command, the lock held. */
CK_RV tpm_capability_lockout(struct tpm *tpm, struct tpm_lockout *lockout);

/* Whether the TPM makes RSA keys of the size. */
bool tpm_has_rsa(const struct tpm_capability *capability, size_t bits);

/* Whether it encrypts and decrypts with AES keys of the size (TPM2_EncryptDecrypt2, which is optional). */
bool tpm_has_aes(const struct tpm_capability *capability, size_t bits);

bool tpm_supports(const void *instance, const struct mechanism *row);
void tpm_limits(const void *instance, const struct mechanism *row, CK_MECHANISM_INFO *info);

#endif
