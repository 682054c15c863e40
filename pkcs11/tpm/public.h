/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_PUBLIC_H
#define DEVID_PKCS11_TPM_PUBLIC_H

#include "pkcs11/publickey.h"
#include "pkcs11/scheme.h"

#include <tss2/tss2_tpm2_types.h>

/* The TPM's number of a curve or hash; TPM2_ECC_NONE, TPM2_ALG_NULL: it has none such. And back: NULL,
 * HASH_NONE. */
TPM2_ECC_CURVE tpm_curve_number(const struct p11_curve *curve);
const struct p11_curve *tpm_curve(TPM2_ECC_CURVE number);
TPMI_ALG_HASH tpm_hash_number(enum p11_hash hash);
enum p11_hash tpm_hash(TPMI_ALG_HASH number);
/* Words for token.conf: "sha256"; NULL for HASH_NONE. */
const char *tpm_hash_name(enum p11_hash hash);

/* The hash that an HMAC key of the type is for; HASH_NONE: it is no type of HMAC key. TPMs sign with keys of
 * one hash only, so a generic key that is too long for all of them is for SHA-256. */
enum p11_hash tpm_hmac_hash(CK_KEY_TYPE type);
/* Bytes of the hash's block: the longest key that its HMAC takes as it is (RFC 2104). */
size_t tpm_hash_block(enum p11_hash hash);
/* The longest value that goes into a TPM as it is (MAX_SYM_DATA): generic keys that are no longer are for
 * every hash, and the TPM shortens them where HMAC wants that (keyarea.c). */
#define TPM_HMAC_ANY_MAXIMUM 128

/* What a public area says. Of an HMAC key it does not say the size, so that is the one which TPMs choose
 * themselves, nor whether it is a generic one. CKR_DATA_INVALID: neither an RSA key nor one of a curve that
 * we know, nor an AES or HMAC key. */
CK_RV tpm_public_key(const TPM2B_PUBLIC *area, struct public_key *key);

/* The Name (TPM 2.0 part 1, 16): nameAlg || hash of the public area. CKR_DATA_INVALID: its hash is not one of
 * ours. */
CK_RV tpm_public_name(const TPM2B_PUBLIC *area, TPM2B_NAME *name);

#endif
