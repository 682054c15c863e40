/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_CIPHER_H
#define DEVID_PKCS11_TPM_CIPHER_H

#include "pkcs11/tpm/key.h"

#define TPM_AES_BLOCK 16

/* AES in the TPM, from one call to the next. */
struct tpm_cipher {
    const struct tpm_token *token;
    const struct tpm_key *key;
    const struct bytes *auth; /* given for this use, see tpm_with_key_auth */
    TPMI_ALG_SYM_MODE mode;
    bool encrypt;
    TPM2B_IV iv;                 /* of the next block; size 0: ECB has none */
    uint8_t rest[TPM_AES_BLOCK]; /* CTR: what is left of the last block's key stream, at its end */
    size_t rest_size;
};

/* TPM2_EncryptDecrypt2 of `size` bytes, whole blocks but for CTR; `out` may be `input`. One command for 1024
 * bytes, and one for a session, since the plain text does not cross the bus in clear. */
CK_RV tpm_cipher_run(struct tpm_cipher *cipher, const uint8_t *input, size_t size, uint8_t *out);

#endif
