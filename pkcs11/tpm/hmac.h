/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVID_PKCS11_TPM_HMAC_H
#define DEVID_PKCS11_TPM_HMAC_H

#include "pkcs11/tpm/key.h"

/*
 * HMAC of a message of any length: one command up to TPM2_MAX_DIGEST_BUFFER bytes, beyond that one to start a
 * sequence and one for each so many bytes. parameters->hash and auth count; the first `size` bytes of the MAC
 * are written to `mac`.
 */
CK_RV tpm_hmac(const struct tpm_token *token, const struct tpm_key *key,
               const struct p11_parameters *parameters, const uint8_t *message, size_t message_size,
               uint8_t *mac, size_t size);

#endif
